"""CLIP (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision")."""

from torch import Tensor

from contraflow.losses.image_text import clip
from contraflow.methods.parts.captioned import Captioned


class CLIP(Captioned):
    """Each image finds its text among those of the batch, and each text its image."""

    def contrast(self, images: Tensor, texts: Tensor, **compared) -> Tensor:
        return clip(images, texts, 1 / self.scale(), **compared)
