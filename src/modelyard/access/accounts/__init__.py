"""The accounts of this server, as AWS Organizations has them. Knows no policies and no keys."""
