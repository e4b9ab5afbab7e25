"""A plan made into sound: strips, buses, the master."""
