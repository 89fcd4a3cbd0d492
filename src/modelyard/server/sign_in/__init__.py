"""Signing in with a browser, and for a command: the routes below /sign-in."""
