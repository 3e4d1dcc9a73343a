"""Losses: pure functions of tensors, one file each."""

from contraflow.losses.ntxent import ntxent

__all__ = ["ntxent"]
