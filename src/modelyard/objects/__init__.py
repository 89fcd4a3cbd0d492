"""The S3 door and the bytes behind it. Knows no SageMaker."""
