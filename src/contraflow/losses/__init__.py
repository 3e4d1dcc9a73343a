"""Losses: pure functions of tensors, one file each. What changes their negatives is as pure and in files of its own."""
