"""Who shows the same thing, where a method computes."""

import torch
from torch import Tensor, nn

from contraflow.encoded.kin import Kin


class Kinship(nn.Module):
    """Tells by sample indices which images are kin (`contraflow.encoded.kin`); without `kin` each image is alone."""

    def __init__(self, kin: Kin | None):
        super().__init__()
        self.window = kin.window if kin else 0
        places = None if kin is None else torch.from_numpy(kin.places)
        self.register_buffer("places", places, persistent=False)  # part of the data, not of the training

    def forward(self, anchor_index: Tensor, key_index: Tensor) -> Tensor:
        """Of anchors (A,) and keys (M,) who are kin: bool (A, M)."""
        if self.places is None:
            return anchor_index[:, None] == key_index
        # What has no image (EMPTY) takes no part in any case, and may get any place.
        anchor, key = self.places[anchor_index.clamp(min=0)], self.places[key_index.clamp(min=0)]
        return (anchor[:, None] - key).abs() <= self.window
