"""Users, groups, roles and their policies: the IAM operations."""
