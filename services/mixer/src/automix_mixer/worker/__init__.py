"""The worker process: takes queued jobs, renders them in a child, and ends each in a render or in a reason."""
