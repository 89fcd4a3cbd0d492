"""The audit trail: who did what, kept so that a change to what is kept is found. Knows no HTTP."""
