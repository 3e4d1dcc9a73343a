"""SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations")."""

from torch import Tensor, nn

from contraflow.config import Loss, Model
from contraflow.losses import ntxent
from contraflow.models import build_encoder, projection_head


class SimCLR(nn.Module):
    """An encoder and a projection head under NT-Xent.

    The common interface of methods: `encoder`, the network that is kept, and `forward`, from views to a loss.
    """

    def __init__(self, model: Model, loss: Loss, channels: int, image_size: int):
        super().__init__()
        self.encoder = build_encoder(model, channels, image_size)
        self.projection = projection_head(self.encoder.dimension, model.projection_hidden, model.projection_dim)
        self.tau = loss.tau

    def forward(self, views: Tensor) -> Tensor:
        """Loss of a batch: views (2, N, C, H, W) to a scalar.

        Both views go through the network as one batch of 2N, so that BatchNorm sees them together.
        """
        _, n, *shape = views.shape
        z1, z2 = self.projection(self.encoder(views.reshape(2 * n, *shape))).chunk(2)
        return ntxent(z1, z2, self.tau)
