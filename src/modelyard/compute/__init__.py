"""Starts, stops and observes replicas; the controller that makes endpoints what they should be."""
