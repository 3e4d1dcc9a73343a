"""A run against a baseline: what the comparison of runs and the report share, and what the report's summary says of it.

`measured.py` says what a run is judged by, `measures.py` which figures it has, `differences.py` what else is not the
same, and `summary.py` puts them into words. What a difference is worth says `contraflow.statistics`.
"""
