"""The keys that this server accepts, and the secret that everything else is derived from."""
