"""The formats of prefix files, one a file: what the header is, and what a line says of who holds what."""
