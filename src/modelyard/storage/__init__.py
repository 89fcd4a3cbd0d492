"""One schema on SQLite and PostgreSQL. Knows no operation names, no status codes, no IAM."""
