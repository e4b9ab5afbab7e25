"""What a deployment of AutoMix is, as data. It imports nothing but the standard library.

`processes` is the table that everything else follows from: `access` says what each process may do in PostgreSQL, NATS
and S3, `environment` what each is told, `events` what travels between them.
"""
