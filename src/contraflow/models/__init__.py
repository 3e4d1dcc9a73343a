"""Networks: encoders, the projection head, and their files."""

from contraflow.models.encoders import build_encoder
from contraflow.models.heads import projection_head

__all__ = ["build_encoder", "projection_head"]
