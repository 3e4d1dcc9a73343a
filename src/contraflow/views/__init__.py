"""Augmented views of encoded images, as loaders give them to a training."""
