"""Sound and curves on disk and in files: how they are kept, cut into blocks and written."""
