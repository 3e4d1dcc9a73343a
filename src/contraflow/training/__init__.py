"""Training: optimisers, the learning-rate schedule, the loop over epochs, and a whole round with its files."""
