"""External lookups: a provider is one file and one entry point of `numberline.lookup_providers`."""
