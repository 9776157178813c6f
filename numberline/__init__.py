"""What users import and run: the command line and the Python client."""
