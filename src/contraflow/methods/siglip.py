"""SigLIP (Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training")."""

import torch
from torch import Tensor, nn

from contraflow.losses.image_text import siglip
from contraflow.methods.parts.captioned import Captioned

START = -10.0  # of the bias: at first each pair is taken for a false one, as nearly all are (section 3.2)


class SigLIP(Captioned):
    """Of each pair of an image and a text of the batch it is told, pair by pair, whether they belong together."""

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.bias = nn.Parameter(torch.tensor(START))

    def contrast(self, images: Tensor, texts: Tensor, **compared) -> Tensor:
        return siglip(images, texts, 1 / self.scale(), self.bias, **compared)
