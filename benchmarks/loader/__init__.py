"""How fast views are made: `python -m benchmarks.loader`."""
