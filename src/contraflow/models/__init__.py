"""Networks: encoders, heads, normalisation, and their files."""

from contraflow.models.encoders import build_encoder
from contraflow.models.heads import predictor, projection_head
from contraflow.models.norms import set_norm

__all__ = ["build_encoder", "predictor", "projection_head", "set_norm"]
