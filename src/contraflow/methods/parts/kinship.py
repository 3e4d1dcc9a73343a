"""Who shows the same thing, where a method computes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from contraflow.encoded.kin import Kin


class Kinship(nn.Module):
    """Tells by sample indices which images are kin by any of `kin`; with none each image is alone."""

    def __init__(self, kin: Sequence[Kin]):
        super().__init__()
        self.windows = [each.window for each in kin]
        places = torch.stack([torch.from_numpy(each.places) for each in kin]) if kin else None  # (kin, images)
        self.register_buffer("places", places, persistent=False)  # part of the data, not of the training

    def forward(self, anchor_index: Tensor, key_index: Tensor) -> Tensor:
        """Of anchors (A,) and keys (M,) who are kin: bool (A, M)."""
        if self.places is None:
            return anchor_index[:, None] == key_index
        # What has no image (EMPTY) takes no part in any case, and may get any place.
        anchor, key = self.places[:, anchor_index.clamp(min=0)], self.places[:, key_index.clamp(min=0)]
        near = [(a[:, None] - k).abs() <= window for a, k, window in zip(anchor, key, self.windows, strict=True)]
        return torch.stack(near).any(0) if len(near) > 1 else near[0]
