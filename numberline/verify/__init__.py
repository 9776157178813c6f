"""Does a running system work: looks at its parts, then tries what users do; `numberline verify` tells."""
