"""Larger installations, simulated: `python -m simulation`. Fed with measured costs, held against measured runs.

cli -> cases (what is asked) -> model (how work flows) -> cluster (what there is), costs (what work takes).
"""
