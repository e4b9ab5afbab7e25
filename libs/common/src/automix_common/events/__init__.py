"""Events over NATS: the connection, the stream, what is published and what is consumed."""
