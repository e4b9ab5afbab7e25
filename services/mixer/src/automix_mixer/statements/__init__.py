"""Every statement of the schema: a user's are scoped to their owner, a worker's to its attempt."""
