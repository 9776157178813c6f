"""What no system on these servers could be faster than, measured beside it."""
