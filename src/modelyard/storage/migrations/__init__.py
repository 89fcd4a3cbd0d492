"""The schema, as numbered steps that are never changed once released. Forward only."""
