"""Lists of any length: bytes in, the same records with a verdict each out, in constant memory."""
