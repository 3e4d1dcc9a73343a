"""The interface of all methods."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from contraflow.collectives import gather
from contraflow.encoded.kin import Kin
from contraflow.losses.cross_entropy import cross_entropy
from contraflow.methods.parts.settings import MethodSettings
from contraflow.models.cached import in_parts
from contraflow.models.heads import projection_head
from contraflow.models.items import build_for
from contraflow.models.norms import set_norm
from contraflow.views.batch import Batch


@dataclass(frozen=True)
class DataShape:
    """What a method must know of the data.

    Attributes:
        channels: Of an image, 1 or 3; 0 where texts are alone, which then are what is called images here.
        image_size: Pixels a side.
        images: How many there are; sample indices lie below.
        classes: 0 where there are no labels.
        positions: Place in order of each image, (images,) int64; None where the sample indices are the places.
        training: Sample indices of the images that are trained on, (M,) int64; None for all.
        kin: Which of them show the same thing: those that are kin by any of these; none where each is alone.
        taught: Length of the vectors that a teacher makes of an image; 0 where there is none.
        vocabulary: Tokens that texts are made of; 0 where there are none.
    """

    channels: int
    image_size: int
    images: int
    classes: int
    positions: Tensor | None = None
    training: Tensor | None = None
    kin: Sequence[Kin] = ()
    taught: int = 0
    vocabulary: int = 0


@dataclass(frozen=True)
class Output:
    """One step's result: the loss of the whole batch, a scalar, and the embeddings (V, N, D) that it compares, for
    diagnosis."""

    loss: Tensor
    embeddings: Tensor


class Method(nn.Module):
    """An encoder and a projection head under a loss; subclasses give `learn`.

    Where `loss.cross_entropy` gives it a weight, the cross-entropy of a linear classifier on the same features is
    added, over the views of labelled images that the encoder sees.

    All that a training must keep between steps (queues, banks, momentum encoders, learned temperatures) is a parameter
    or a buffer and thereby in `state_dict`. Random numbers come from torch's CPU generator, in the same number for any
    number of processes.

    Attributes:
        encoder: The network that is kept.
        projection: The head between features and loss, (N, F) to (N, D).
        dimension: D, of the embeddings that the loss compares.
        classifier: The linear one, (N, F) to (N, classes), where it has a weight.
        loss: The section `loss` of the parameters.
        needs_labels: Whether the method makes no sense without any labels.
        needs_texts: Whether it compares images with their texts.
        positives_from: What makes its positives where `positives.from` is `image`, named like that.
        predicts: Whether it has a `predictor` of one view's projection from the other's, (N, D) to (N, D), in the shape
            of the projection head (Grill et al. 2020, section 3.3).
        head: Makes the projection head, as `projection_head` does.
        micro_batch: Of how many images encoders see the views at a time; None for all.

    Args:
        settings: What it is told.
        data: What the method must know of the data.
    """

    needs_labels = False
    needs_texts = False
    positives_from = "image"
    predicts = False
    head = staticmethod(projection_head)

    def __init__(self, settings: MethodSettings, data: DataShape):
        super().__init__()
        self.loss, model, self.micro_batch = settings.loss, settings.model, settings.micro_batch
        self.encoder = build_for(model, data.channels, data.image_size, data.vocabulary)
        if model.projection == "mlp":
            head = self.head(self.encoder.dimension, model.projection_hidden, model.projection_dim)
            self.projection, self.dimension = set_norm(head, model.norm), model.projection_dim
        else:
            self.projection, self.dimension = nn.Identity(), self.encoder.dimension
        if self.predicts:
            head = projection_head(self.dimension, model.predictor_hidden, self.dimension)
            self.predictor = set_norm(head, model.norm)
        if self.loss.cross_entropy:
            self.classifier = nn.Linear(self.encoder.dimension, data.classes)

    def forward(self, batch: Batch) -> Output:
        """The loss of a batch, and the embeddings that it compares."""
        features = self.features(self.seen(batch))
        output = self.learn(features, batch)
        if not self.loss.cross_entropy:
            return output
        labels = batch.labels.expand(len(batch.views), -1)[: len(features)]
        classified = cross_entropy(self.gathered(self.classifier, features[: len(labels)]), labels)
        return replace(output, loss=output.loss + self.loss.cross_entropy * classified)

    def seen(self, batch: Batch) -> Tensor:
        """What the encoder sees of a batch, (W, n, C, H, W): its views or the first of them, then what comes along."""
        return batch.views

    def learn(self, features: Tensor, batch: Batch) -> Output:
        """The method's own loss of a batch and the embeddings that it compares, by the features (W, n, F) of `seen`."""
        raise NotImplementedError

    def held(self, epoch: int) -> Iterable[nn.Parameter]:
        """Weights of its own that stay as they were drawn in an epoch of pretraining, from 0."""
        return ()

    def features(self, views: Tensor) -> Tensor:
        """Encoder's features of views (V, n, C, H, W): (V, n, F).

        All views of an image go through the network in one batch, so that BatchNorm sees them together.
        """
        return in_parts(self.encoder, views, self.micro_batch)

    @staticmethod
    def each(head: Callable[[Tensor], Tensor], parts: Tensor) -> Tensor:
        """What `head` makes of parts (V, n, ...), taken as one batch: (V, n, D)."""
        return head(parts.flatten(0, 1)).unflatten(0, parts.shape[:2])

    def gathered(self, head: Callable[[Tensor], Tensor], parts: Tensor) -> Tensor:
        """What `head` makes of this process's parts (V, n, ...), with those of all processes: (V, N, D)."""
        return gather(self.each(head, parts), dim=1)

    def embed(self, features: Tensor) -> Tensor:
        """Projections of the features of all processes, of which this one has (V, n, F): (V, N, D)."""
        return self.gathered(self.projection, features)
