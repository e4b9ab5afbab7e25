"""The HTTP edge: Envoy bridges JSON, events and gRPC-Web to the services, a small application serves the rest."""
