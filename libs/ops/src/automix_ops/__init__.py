"""Operators' commands: check, replay, stuck jobs, provisioning."""
