"""Experiments: their trials and trial components, and the metrics of these."""
