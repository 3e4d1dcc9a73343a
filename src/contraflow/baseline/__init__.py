"""A run against a baseline: what the comparison of runs and the report share, and what the report's summary says of it.

`measured.py` says what a run is judged by, `measures.py` which figures it has, `significance.py` what a difference is
worth, `differences.py` what else is not the same, and `summary.py` puts them into words.
"""
