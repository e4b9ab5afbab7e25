"""What the owner of a schema has: a pool, migrations, answers to repeated requests."""
