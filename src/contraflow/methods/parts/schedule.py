"""Schedules: functions of the share of a training that is done."""

import math


def cosine_schedule(start: float, end: float, progress: float) -> float:
    """Half a cosine from `start` at progress 0 to `end` at progress 1."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def warmed_up(start: float, end: float, share: float, progress: float) -> float:
    """From `start` at progress 0 evenly to `end` at the progress `share`, 0 to 1, and `end` from there on."""
    return end if progress >= share else start + (end - start) * progress / share
