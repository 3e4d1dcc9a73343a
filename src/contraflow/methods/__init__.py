"""Contrastive methods, one file each, by the names that `method.name` takes; `parts` holds what they share."""
