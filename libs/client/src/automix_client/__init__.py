"""Python SDK of the AutoMix platform and the automix command."""
