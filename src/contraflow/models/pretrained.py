"""Pretrained weights of timm and torchvision, from their own caches or, where there is a network, from their hubs."""

from torch import Tensor

from contraflow.foundations.errors import UserError
from contraflow.models.foreign import IMAGENET, in_a_line, require_known
from contraflow.models.normalisation import Normalisation


def pretrained(name: str, image_size: int | None = None) -> tuple[dict[str, Tensor], Normalisation]:
    """Weights by their names in the library, its classifier among them, and the normalisation that goes with them.

    Args:
        name: `timm/NAME`, its tag too where wanted, or `torchvision/NAME`, whose best weights are taken, or
            `torchvision/NAME.WEIGHTS` for others.
        image_size: Pixels a side for which timm changes weights that are made for one size; None leaves them.

    Raises:
        UserError: the library has no such network or no weights of it, or cannot get them.
    """
    library, _, rest = name.partition("/")
    get = {"timm": _timm, "torchvision": _torchvision}.get(library)
    if get is None:
        raise UserError(f"pretrained weights are those of timm/NAME or torchvision/NAME, got {name}")
    try:
        return get(rest, image_size)
    except UserError:
        raise
    except Exception as error:  # of a library, its hub or the network
        raise UserError(
            f"{library} cannot give pretrained weights of {name} ({in_a_line(error)}): they must be in its cache, or "
            "there must be a network"
        ) from None


def _timm(name: str, image_size: int | None) -> tuple[dict[str, Tensor], Normalisation]:
    import timm

    require_known("timm", name, timm.is_model(name), timm.list_models)
    if not timm.get_pretrained_cfg(name).has_weights:
        raise UserError(f"timm has no pretrained weights of {name}; of others: timm.list_pretrained()")
    network = timm.create_model(name, pretrained=True, **({"img_size": image_size} if image_size else {}))
    config = network.pretrained_cfg
    return network.state_dict(), Normalisation(config["mean"], config["std"])


def _torchvision(name: str, image_size: int | None) -> tuple[dict[str, Tensor], Normalisation]:
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
    return chosen.get_state_dict(progress=False), Normalisation(**told)
