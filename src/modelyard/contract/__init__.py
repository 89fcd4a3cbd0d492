"""What AWS promised on the wire, read from botocore's service models.

Knows no storage, no HTTP objects, no particular operation.
"""
