"""What methods have in common that compare images with their texts."""

import math

import torch
from torch import Tensor, nn

from contraflow.collectives import gather, own_part
from contraflow.methods.parts.base import Output
from contraflow.methods.parts.comparing import Comparing
from contraflow.methods.parts.settings import LEAST_TAU, Loss
from contraflow.models.cached import in_parts
from contraflow.models.heads import linear_head
from contraflow.models.items import build_beside
from contraflow.views.batch import Batch


class Scale(nn.Module):
    """What cosines are multiplied by: 1 / `loss.tau`, or where `loss.temperature` is learned exp(w), w from there on.

    As in Radford et al. 2021, section 2.5, it is at most 100: w is put back to where it may be, so that it can leave
    the bound again.
    """

    def __init__(self, loss: Loss):
        super().__init__()
        start = torch.tensor(-math.log(loss.tau))
        if loss.temperature == "learned":
            self.w = nn.Parameter(start)
        else:
            self.register_buffer("w", start, persistent=False)

    def forward(self) -> Tensor:
        with torch.no_grad():
            self.w.clamp_(max=-math.log(LEAST_TAU))
        return self.w.exp()


class Captioned(Comparing):
    """A method with an encoder of texts beside that of images; subclasses give `contrast`.

    The loss is the mean over the views of each with one and the same text of its image. Images that others bring along
    are negatives of all texts, and their texts of all images. For diagnosis the two views of an image are its first and
    that text.

    Attributes:
        text: The encoder of texts, to the dimension of the projections.
        scale: Of the cosines.
    """

    needs_texts = True
    head = staticmethod(linear_head)

    def __init__(self, settings, data):
        super().__init__(settings, data)
        self.text = build_beside(settings.model.text, data.vocabulary, self.dimension)
        self.scale = Scale(settings.loss)

    def learn(self, features: Tensor, batch: Batch) -> Output:
        images, companions = self.split(self.embed(features), batch)
        index, tokens = batch.index[None], batch.texts[None]
        if batch.companions is not None:
            index, tokens = torch.cat([index, batch.companions]), torch.cat([tokens, batch.companion_texts])
        own = own_part(tokens.transpose(0, 1)).transpose(0, 1)
        texts = gather(in_parts(self.text, own, self.micro_batch), dim=1)
        compared = {"batch": len(batch.index), "index": index.flatten(), "tokens": tokens.flatten(0, 1)}
        losses = [
            self.contrast(
                torch.cat([view, companions.flatten(0, 1)]),
                texts.flatten(0, 1),
                negatives=self.negatives,
                kin=self.kin,
                **compared,
            )
            for view in images
        ]
        return Output(sum(losses) / len(losses), torch.stack([images[0], texts[0]]))

    def contrast(self, images: Tensor, texts: Tensor, **compared) -> Tensor:
        """The loss of the embeddings of images (M, D) and, row by row, of their texts (M, D).

        Args:
            compared: As for `contraflow.losses.image_text.clip`.
        """
        raise NotImplementedError
