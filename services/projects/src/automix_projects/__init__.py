"""Containers of work and their render count."""
