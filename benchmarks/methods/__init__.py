"""Every method side by side: `python -m benchmarks.methods`."""
