"""Answers clients that hard-code a public AWS host. Knows no operation."""
