"""What timm must know beside the weights to make a network of its own again, from a folder or from a hub."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from contraflow.foundations.artefacts import read_json
from contraflow.models.settings import Model

NAME = "config.json"
OF_OTHER_WEIGHTS = ("tag", "license", "origin_url", "paper_ids", "paper_name", "notes")


def config_of(
    network: nn.Module, model: Model, image: dict[str, int], normalisation: dict[str, list[float]], weights: str
) -> dict[str, Any] | None:
    """The content of `config.json`, by timm; None where timm has no such network.

    Args:
        network: The encoder without a change of normalisation before it.
        model: The parameters that it was made by.
        image: `size` and `channels` of the images that it takes.
        normalisation: Their `mean` and `std`.
        weights: Name of the file of its weights.
    """
    if not model.encoder.startswith("timm/") or model.norm not in ("batch", "sync"):
        return None
    from timm.models._hub import save_config_for_hf

    size, channels = image["size"], image["channels"]
    with TemporaryDirectory() as folder:
        save_config_for_hf(
            network.network,
            str(Path(folder, NAME)),
            model_config={"pretrained_cfg": {"hf_hub_filename": weights}},
            data_config={
                "input_size": (channels, size, size),
                **normalisation,
                **{"interpolation": "bilinear", "crop_pct": 1.0, "crop_mode": "center"},
            },
        )
        config = read_json(Path(folder, NAME))
    for name in OF_OTHER_WEIGHTS:  # which timm offers by this name
        config["pretrained_cfg"].pop(name, None)
    return config
