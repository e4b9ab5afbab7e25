"""A platform in memory for tests of the SDK, which can be told to fail in the ways that networks do.

tests/integration/test_stand_in.py asks it and the real platform the same things.
"""
