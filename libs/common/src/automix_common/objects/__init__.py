"""Audio in object storage: storing, downloading, deleting, collecting."""
