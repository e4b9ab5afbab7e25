"""Envoy: its configuration as data, and its process."""
