"""Whether mining helps, which and where: `python -m benchmarks.mining TASK`."""
