"""Runs inside a replica: unpacks, chooses the runtime, answers. Imports nothing else of ours."""
