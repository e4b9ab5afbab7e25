"""Calls between processes: the edge of a server, channels to peers, identity, errors, paging."""
