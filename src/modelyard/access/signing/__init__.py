"""From the bytes of a signed request to a proved caller."""
