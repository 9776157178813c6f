"""The HTTP API: one file a group of calls, each a thin shell around the request's validator and the tables."""
