"""The media type of each format that is kept, by the name that a file's ending and the contracts have for it."""

MEDIA_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "aac": "audio/aac"}
UNKNOWN_TYPE = "application/octet-stream"
