"""`numberline init`: topics, tables and the shipped prefix data; safe to repeat."""
