"""`python -m bench.scale`: a ledger of 50 and of 500 million numbers; sizes, restarts, memory, the cost of a batch.

__main__ (command line) -> generated, written (how the ledger fills) -> measured -> machine, facts;
rows (PostgreSQL alone).
"""
