"""Losses: pure functions of tensors, a file each or each kind. What changes their negatives is as pure and apart."""
