"""Prefix data: read out of files, kept as versions in PostgreSQL, published on Kafka."""
