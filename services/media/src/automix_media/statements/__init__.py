"""Every statement of the schema; each that a user's call runs is scoped to its owner."""
