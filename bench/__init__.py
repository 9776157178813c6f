"""The benchmark suite: `python -m bench`. Every figure has its floor in the same run, on the same servers.

cli -> suite -> parts (one file a part) -> load, floors, system -> stats, results; report shows what results hold.
"""
