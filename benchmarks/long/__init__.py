"""How far does an hour go, beside lightly? `python -m benchmarks.long`."""
