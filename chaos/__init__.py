"""The chaos suite: `python -m chaos`. Kills everything in turn under load, and recomputes that all is exact.

cli -> suite -> schedule, faults (a fault is one small class), traffic, listener -> system, workers, release;
history reads what topics and PostgreSQL hold, invariants judges it (pure), report shows it.
"""
