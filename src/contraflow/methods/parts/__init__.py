"""What methods share: their interface, temperature, negatives, queue and momentum encoder."""
