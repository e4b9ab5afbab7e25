"""Decoding, metering and encoding of audio."""
