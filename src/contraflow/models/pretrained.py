"""Pretrained weights of timm and torchvision, from their own caches or, where there is a network, from their hubs."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from contraflow.foundations.errors import UserError
from contraflow.models.foreign import IMAGENET, in_a_line, require_known
from contraflow.models.normalisation import Normalisation

HUB = "hf-hub:"  # how timm calls what lies on the hub of Hugging Face


class Pretrained(NamedTuple):
    """Weights by their names in the library, its classifier among them, of `encoder`, as `model.encoder` says it, and
    the images that they are made for: `image_size` is pixels a side.
    """

    encoder: str
    tensors: dict[str, Tensor]
    normalisation: Normalisation
    image_size: int


def pretrained(name: str, image_size: int | None = None) -> Pretrained:
    """The pretrained weights of a network.

    Args:
        name: `timm/NAME`, its tag too where wanted, or `torchvision/NAME`, whose best weights are taken, or
            `torchvision/NAME.WEIGHTS` for others; or `hf-hub:OWNER/NAME`, a network of timm's that its owner put there.
        image_size: Pixels a side for which timm changes weights that are made for one size; None leaves them.

    Raises:
        UserError: the library has no such network or no weights of it, or cannot get them.
    """
    library, _, rest = name.partition("/")
    get = {"timm": _timm, "torchvision": _torchvision}.get(library)
    if name.startswith(HUB):
        library, get, rest = "timm", _timm, name
    if get is None:
        raise UserError(f"pretrained weights are those of timm/NAME, torchvision/NAME or {HUB}OWNER/NAME, got {name}")
    try:
        return get(rest, image_size)
    except UserError:
        raise
    except Exception as error:  # of a library, its hub or the network
        raise UserError(
            f"{library} cannot give pretrained weights of {name} ({in_a_line(error)}): they must be in its cache, or "
            "there must be a network"
        ) from None


def trained_size(encoder: str) -> int | None:
    """Pixels a side of the images that the weights of a library's network are made for, the best where it has several;
    None of other encoders.
    """
    library, _, name = encoder.partition("/")
    if library == "timm":
        import timm

        try:
            return timm.get_pretrained_cfg(name).input_size[-1] if timm.is_model(name) else None
        except RuntimeError:  # no such tag
            return None
    if library == "torchvision":
        from torchvision import models

        known = models.list_models(module=models)
        return _crop(models.get_model_weights(name).DEFAULT.transforms()) if name in known else None
    return None


def _timm(name: str, image_size: int | None) -> Pretrained:
    import timm

    if not name.startswith(HUB):
        require_known("timm", name, timm.is_model(name), timm.list_models)
        if not timm.get_pretrained_cfg(name).has_weights:
            raise UserError(f"timm has no pretrained weights of {name}; of others: timm.list_pretrained()")
    network = timm.create_model(name, pretrained=True, **({"img_size": image_size} if image_size else {}))
    config = network.pretrained_cfg
    size, normalisation = image_size or config["input_size"][-1], Normalisation(config["mean"], config["std"])
    return Pretrained(f"timm/{config['architecture']}", network.state_dict(), normalisation, size)


def _torchvision(name: str, image_size: int | None) -> Pretrained:
    from torchvision import models

    name, _, tag = name.partition(".")
    known = models.list_models(module=models)
    require_known("torchvision", name, name in known, lambda: known)
    if image_size:
        raise UserError("torchvision's weights are not changed for another --image-size: leave it out")
    weights = models.get_model_weights(name)
    if tag and tag not in weights.__members__:
        raise UserError(f"torchvision has no weights {tag} of {name}; it has {', '.join(weights.__members__)}")
    chosen = weights[tag or "DEFAULT"]
    treatment = chosen.transforms()
    told = {key: getattr(treatment, key, usual) for key, usual in IMAGENET.items()}
    tensors = chosen.get_state_dict(progress=False)
    return Pretrained(f"torchvision/{name}", tensors, Normalisation(**told), _crop(treatment))


def _crop(treatment: Callable) -> int:
    """Pixels a side of the images that a treatment of torchvision's makes."""
    return treatment.crop_size[0]
