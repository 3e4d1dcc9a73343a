"""Losses: pure functions of tensors, one file each. What changes their negatives is as pure and in files of its own."""

from contraflow.losses.barlow import barlow_twins
from contraflow.losses.infonce import Stored, info_nce
from contraflow.losses.ntxent import ntxent
from contraflow.losses.pairs import margin_pairs
from contraflow.losses.regression import negative_cosine
from contraflow.losses.supcon import supcon
from contraflow.losses.triplet import triplet
from contraflow.losses.vicreg import vicreg

__all__ = [
    "Stored",
    "barlow_twins",
    "info_nce",
    "margin_pairs",
    "negative_cosine",
    "ntxent",
    "supcon",
    "triplet",
    "vicreg",
]
