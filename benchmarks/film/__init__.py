"""Does order in time help? `python -m benchmarks.film`."""
