"""Do pretrained weights pay where pictures are few? `python -m benchmarks.weights`."""
