"""Contrastive representation learning as a reproducible pipeline."""
