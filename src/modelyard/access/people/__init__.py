"""People: who signs in with a name and a password, or through an OpenID Connect provider."""
