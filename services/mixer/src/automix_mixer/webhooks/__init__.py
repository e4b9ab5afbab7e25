"""Webhooks: addresses of users that are told of jobs that have ended."""
