"""Mining: hard negatives found between rounds of training."""
