"""Whether mining helps, and which: `python -m benchmarks.mining`."""
