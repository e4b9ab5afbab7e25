"""Work in child processes under limits."""
