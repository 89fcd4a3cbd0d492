"""Temporary credentials: the STS operations, and the seal that makes them need no store."""
