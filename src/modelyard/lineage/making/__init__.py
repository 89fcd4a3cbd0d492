"""Lineage that makes itself: what was announced of packages and endpoints becomes entities."""
