"""A run against a baseline: what the comparison of runs and the report share, and what the report says of it."""
