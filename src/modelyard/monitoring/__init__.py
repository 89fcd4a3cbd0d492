"""Logs and metrics as CloudWatch answers them. Knows no HTTP, no compute."""
