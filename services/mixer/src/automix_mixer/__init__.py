"""The mix: a job's life, its plan, its render."""
