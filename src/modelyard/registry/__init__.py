"""Model package groups, model packages, approval, tags, custody of bytes.

Knows no HTTP, no compute.
"""
