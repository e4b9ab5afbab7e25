"""The embedded AutoMix stack and its supervisor."""
