"""Settings of a mix that users keep under names of their own."""
