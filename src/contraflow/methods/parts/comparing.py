"""What methods have in common that compare images with others, their negatives."""

import torch
from torch import Tensor

from contraflow.losses.infonce import Stored
from contraflow.methods.parts.base import Method
from contraflow.methods.parts.kinship import Kinship
from contraflow.methods.parts.negative_policy import NegativePolicy
from contraflow.views.batch import Batch


class Comparing(Method):
    """A method with a policy for its negatives, of which no kin is any.

    Mined images that others bring along, and slots, are negatives of the whole batch beside those that the method has.
    """

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.negatives = NegativePolicy(settings, data.positions)
        self.kin = Kinship(data.kin)

    def seen(self, batch: Batch) -> Tensor:
        if batch.companion_views is None:
            return batch.views
        return torch.cat([batch.views, batch.companion_views])  # apart, BatchNorm would tell which is which

    @staticmethod
    def split(z: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """What was made of all that is `seen` (W, N, D), of the views (V, N, D) and of companions (m, N, D) apart."""
        views, companions = z.tensor_split([len(batch.views)])
        return views, companions

    @staticmethod
    def mined(batch: Batch, companions: Tensor | None) -> Stored | None:
        """The negatives that mining brings: companions, as embedded (m, N, D), or slots; None where it brings none."""
        if batch.companions is not None:
            return Stored(companions.flatten(0, 1), batch.companions.flatten())
        return None if batch.slots is None else Stored(batch.slots, batch.slot_index)
