"""The three servers under the services: PostgreSQL, NATS and S3, each a real one from its wheel."""
