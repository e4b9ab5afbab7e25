"""Every query of the schema: what users read and ask for is scoped to its owner."""
