"""Contrastive methods: each a small module that turns views into a loss."""

from contraflow.methods.simclr import SimCLR

METHODS = {"simclr": SimCLR}

__all__ = ["METHODS", "SimCLR"]
