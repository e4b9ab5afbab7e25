"""The automix command."""
