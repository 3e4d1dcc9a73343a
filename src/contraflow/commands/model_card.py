"""The model card of an exported encoder: a README whose front matter hubs read. It says what the records of the run
hold, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from contraflow.baseline.measures import Measure
from contraflow.commands.timm_config import NAME as TIMM
from contraflow.encoded.card import Card
from contraflow.encoded.names import CARD
from contraflow.models.settings import Model
from contraflow.pages.assets import template
from contraflow.pages.numbers import MISSING, fixed, listing, plus_minus, times
from contraflow.report.summary import AS_IT_CAME, NAMES, RAW_NAMES, inside
from contraflow.report.wording import BY_ITEMS

RETRIEVAL = ("recall@", "mrr", "r_precision", "map@r")


def readme(card: dict[str, Any], code: dict[str, str], data: Card | None) -> str:
    """The text of the card.

    Args:
        card: What `card.json` has.
        code: Python that loads the weights, of `images` and of `texts`, where they are there.
        data: The card of the images of the training, where it is at hand.
    """
    extensions, words = BY_ITEMS[_items(card)]
    return template(Path(__file__).parent / "model_card.md.j2", extensions).render(
        card=card,
        front=yaml.safe_dump(_front(card), sort_keys=False, allow_unicode=True, width=1000),
        code=code,
        columns=(columns := words(_columns(card))),
        rows=[
            [Measure(key, "").name, *(cells.get(key, MISSING) for cells in columns.values())]
            for key in dict.fromkeys(key for cells in columns.values() for key in cells)
        ],
        limits=words([*_limits(card, data)]),
    )


def _front(card: dict[str, Any]) -> dict[str, Any]:
    encoder, method = card["encoder"], card["training"]["parameters"]["method"]["name"]
    task, items = ("image-feature-extraction", "images") if "input" in card else ("feature-extraction", "texts")
    front = {
        "library_name": "timm" if TIMM in card["files"] else "pytorch",
        "pipeline_tag": task,
        "tags": [
            "contraflow",
            method,
            encoder.rpartition("/")[2],
            *(["onnx"] if "encoder.onnx" in card["files"] else []),
        ],
    }
    if not card["accuracy"]:
        return front
    measured = [
        {"type": _kind(key), "name": Measure(key, "").name, "value": round(100 * value, 2)}
        for key, value in card["accuracy"].items()
        if value is not None
    ]
    return front | {
        "metrics": sorted({each["type"] for each in measured}),
        "model-index": [
            {
                "name": f"{encoder} trained by {method} on {card['data']['name']}",
                "results": [
                    {
                        "task": {"type": task},
                        "dataset": {"type": card["data"]["name"], "name": f"test {items} of {card['data']['name']}"},
                        "metrics": measured,
                    }
                ],
            }
        ],
    }


def _kind(key: str) -> str:
    return "recall" if key.startswith("recall@") else key if key in RETRIEVAL else "accuracy"


def _columns(card: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Cells by the key of a figure, by the name of their column."""
    int8 = card.get("int8", {"original": {}, "int8": {}, "intervals": {}})
    found = {
        "this training": _with_intervals(card["accuracy"] or int8["original"], card["intervals"]),
        "in 8 bits": _with_intervals(int8["int8"], int8["intervals"]),
    }
    for name, figures in card["over_seeds"].items():
        seeds = max(figure["n"] for figure in figures.values())
        if name != "encoder" or seeds > 1:
            column = _called(name, card) + (f", {times(seeds, 'seed')}" if seeds > 1 else "")
            found[column] = {key: plus_minus(figures[key]) for key in card["accuracy"] if key in figures}
    return {name: cells for name, cells in found.items() if cells}


def _called(representation: str, card: dict[str, Any]) -> str:
    """As the page calls it, inside a sentence."""
    items, model = _items(card), Model(**card["training"]["parameters"]["model"])
    came = {"untrained": AS_IT_CAME} if model.start(items) else {}
    return inside((NAMES | came | RAW_NAMES[items])[representation])


def _items(card: dict[str, Any]) -> str:
    """What the encoder takes."""
    return "images" if "input" in card else "texts"


def _with_intervals(figures: dict[str, float | None], intervals: dict[str, list[float]]) -> dict[str, str]:
    def cell(key: str, value: float | None) -> str:
        ends = [fixed(100 * end) for end in intervals.get(key, [])]
        return fixed(value and 100 * value) + (f" ({' to '.join(ends)})" if ends else "")

    return {key: cell(key, value) for key, value in figures.items()}


def _limits(card: dict[str, Any], data: Card | None) -> Iterator[str]:
    """What whoever uses the encoder should know, in sentences."""
    name, images = card["data"]["name"], "texts"
    if image := card.get("input"):
        kind = "grey" if image["channels"] == 1 else "colour"
        images = f"{kind} images of {image['size']} pixels a side"
    yield f"All figures are of {images} of `{name}`; they say nothing of others."
    over_seeds = card["over_seeds"]
    for baseline in (each for each in over_seeds if each != "encoder"):
        behind = [
            Measure(key, "").inside
            for key in card["accuracy"]
            if key in over_seeds[baseline] and over_seeds[baseline][key]["mean"] >= over_seeds["encoder"][key]["mean"]
        ]
        if behind:
            called = _called(baseline, card)
            yield f"In the mean it is not ahead of this baseline: {called}, by {listing(behind)}."
    if "int8" in card:
        yield (
            "In 8 bits the features of an image depend on those beside it, by whose range they are scaled; they were "
            f"measured with {card['int8']['batch']} images at a time."
        )
    if data is None:
        return
    for repeats, said in (
        (data.leaks, "of the test images are also among the training images, which flatters every figure"),
        (data.duplicates, "of the training images are copies of others"),
    ):
        if repeats.images:
            yield f"{repeats.images:,} {said}; `{CARD}` of the run names them."
    if data.skipped:
        yield f"{times(len(data.skipped), 'broken file')} of the data were left out."
