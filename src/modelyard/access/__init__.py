"""Who is calling: signatures, keys, sessions, roles. Knows no family."""
