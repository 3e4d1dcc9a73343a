"""What can be said of an encoder before a run's first job only by building it: seconds, where it is a foreign one, or
starts from weights of a file; and of one of texts, and of a teacher.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from contraflow.foundations.errors import UserError
from contraflow.models.settings import Model, groups
from contraflow.params import Params
from contraflow.settings.values import named


def require_encoder(root: Path, params: Params) -> None:
    """Build the encoder of the parameters, where they alone don't tell of it, and let it see images as a run would.

    Of how many channels these are is known when they are encoded: here it is enough that it takes colour or grey ones,
    and a training looks again.

    Raises:
        UserError: there is no such encoder, its weights do not fit, it does not take such images, draws random numbers
            in training, does not suit other parameters, cannot have the adapters that `train.lora` asks for, or lies
            where both engines would not see it change.
    """
    model = params.model
    if params.train.lora and not model.pretrained:
        raise UserError(
            "train.lora must be null where model.weights is data: a change of random weights alone learns little, got "
            f"{params.train.lora}"
        )
    if not model.foreign and not model.pretrained:
        return
    import torch  # takes seconds, as do the libraries

    from contraflow.models.adapters import add_adapters
    from contraflow.models.foreign import features_of
    from contraflow.models.normalisation import Normalisation
    from contraflow.models.norms import split_norm
    from contraflow.models.start import start_encoder

    torch.manual_seed(0)
    side, views, batch = params.data.side, params.augment.chosen(), params.train.batch_size
    channels, encoder = _first_that_works(
        lambda channels: start_encoder(model, channels, side, Normalisation([0.5] * channels, [0.5] * channels))
    )
    if model.module:
        _require_watched(root, model, "model.encoder")
    if params.train.lora:
        add_adapters(encoder, params.train.lora)
    if views.local_views:
        try:
            features_of(encoder, model.encoder, channels, views.local_pixels(side))
        except UserError:
            raise UserError(
                f"augment.local_views must be 0 where model.encoder is {model.encoder}: it does not take images of "
                f"{views.local_pixels(side)} pixels a side beside those of {side}"
            ) from None
    together = batch // groups(batch) if params.method.name == "moco" else batch // params.train.gpus
    images = torch.zeros(min(2, together), channels, side, side)
    before = torch.get_rng_state()
    try:
        features = encoder.train()(images)
    except Exception as error:  # each network has its own way to refuse
        raise UserError(
            f"model.encoder {model.encoder} cannot be trained on images of {side} pixels a side, {len(images)} at a "
            f"time ({type(error).__name__}: {error}): name another"
        ) from None
    if getattr(features, "shape", None) != (len(images), encoder.dimension):
        raise UserError(f"model.encoder {model.encoder} must make features (N, D) in training, too: name another")
    if not torch.equal(torch.get_rng_state(), before):
        raise UserError(
            f"model.encoder {model.encoder} draws random numbers in training, with which no killed one could go on to "
            "the same result: switch them off in it"
        )
    if params.method.name == "moco":
        split_norm(encoder)


def require_text_encoder(params: Params) -> None:
    """Make the encoder of texts, where `model.text.weights` names a folder, and let it see texts as a run would.

    Raises:
        UserError: as `FolderEncoder`, or what it makes of a text depends on others, or it drops nothing where it is to.
    """
    text = params.model.text
    if not text.pretrained:
        return
    import torch

    from contraflow.encoded.texts import Rows
    from contraflow.encoded.tokens import read_tokenizer, tokenise
    from contraflow.models.huggingface import FolderEncoder

    encoder, named_so = FolderEncoder(text), f"model.text.weights {text.weights}"
    said = tokenise(read_tokenizer(text.pretrained), ["a", "a " * text.context])
    texts = torch.from_numpy(Rows.of(said, int).padded(np.arange(2), text.context))
    keys = torch.tensor([5, 7])
    try:
        together, alone = encoder(texts, keys), encoder(texts[:1, : len(said[0])], keys[:1])
        torch.autograd.grad(together.sum(), list(encoder.parameters()))
    except Exception as error:  # each network has its own way to refuse
        raise UserError(
            f"{named_so} cannot be trained on texts of {text.context} tokens, as model.text.context says "
            f"({type(error).__name__}: {error}): name another, or fewer"
        ) from None
    if not torch.allclose(together[:1], alone, atol=1e-4):
        raise UserError(f"{named_so} makes of a text what depends on those beside it: name another")
    if params.data.items == "texts" and text.dropout and torch.equal(together, encoder(texts)):
        raise UserError(f"model.text.dropout must be 0 where {named_so} drops nothing, got {text.dropout:g}")


def require_tokenizer(params: Params) -> None:
    """Read the user's own tokenizer, where `data.tokenizer` names one.

    Raises:
        UserError: as `own_tokenizer`.
    """
    if own := named(params.data.tokenizer):
        from contraflow.encoded.tokens import own_tokenizer

        own_tokenizer(own)


def require_teacher(root: Path, params: Params) -> None:
    """Build the teacher of the parameters, where they name one, as `require_encoder` builds the encoder.

    Raises:
        UserError: its file does not say what it is, or does not fit, it does not take such images, lies where both
            engines would not see it change, or does not suit other parameters.
    """
    if not params.method.teaching:
        return
    from contraflow.models.encoders import build_encoder
    from contraflow.models.normalisation import Normalisation
    from contraflow.training.teacher import Teacher

    teacher, side = Teacher.of(params.method, params.model), params.data.side
    model = teacher.model
    _, (network, _) = _first_that_works(
        lambda channels: teacher.build(channels, side, Normalisation([0.5] * channels, [0.5] * channels))
    )
    if model.module:
        _require_watched(root, model, "method.teacher_encoder")
    frozen = params.train.frozen_epochs
    if not frozen:
        return
    _, student = _first_that_works(lambda channels: build_encoder(params.model, channels, side))
    if student.dimension == network.dimension:
        raise UserError(
            f"train.frozen_epochs must be 0 where the encoder's features are as long as those of method.teacher, "
            f"{network.dimension}: no layer between them could learn alone; got {frozen}"
        )


def _first_that_works(build: Callable) -> tuple:
    """The number of channels that an encoder takes, and what `build` makes for it."""
    try:
        return 3, build(3)
    except UserError as error:
        try:
            return 1, build(1)
        except UserError:
            raise error from None


def _require_watched(root: Path, model: Model, named_by: str) -> None:
    from contraflow.models.foreign import module_file

    root, file, code = root.resolve(), module_file(model.encoder), named(model.code)
    file = file and file.resolve()
    inside = file is not None and file.is_relative_to(root) and not file.is_relative_to(Path(sys.prefix).resolve())
    if code and not (inside and file.is_relative_to((root / code).resolve())):
        raise UserError(
            f"model.code must be the file or folder that {model.module} is read from, or data where it is installed, "
            f"got {model.code!r}"
        )
    if inside and not code:
        raise UserError(
            f"model.code must be {file.relative_to(root)}, or a folder around it, where {named_by} is "
            f"{model.encoder}: what both engines watch is named there; got {model.code!r}"
        )
