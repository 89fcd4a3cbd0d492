"""Modelyard: a self-hosted model registry that speaks the AWS SageMaker wire protocol."""
