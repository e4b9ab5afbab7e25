"""The interface of the engine: a mix in one call, its files, report and picture, and the child process."""
