"""What parameters ask for that the items of a data set cannot give: images, or texts that are alone."""

from collections.abc import Iterator, Mapping

from contraflow.images.settings import Data
from contraflow.images.sources import SOURCES
from contraflow.settings.values import NOTHING

# What reads pixels, and the values that leave it off.
OF_IMAGES = {
    "augment.recipe": "above",
    "augment.local_views": 0,
    "model.encoder": "small",
    "model.weights": NOTHING,
    "mining.guide": NOTHING,
    "train.lora": None,
    "eval.corruptions": False,
    "eval.transfer.name": None,
}
OF_TEXTS = {"augment.word_crop": [1.0, 1.0], "augment.word_dropout": 0.0}


def item_mistakes(data: Data, taken: str | None, values: Mapping[str, object]) -> Iterator[str]:
    """One sentence for each.

    Args:
        taken: The only items that the method takes; None where it takes both.
        values: Of all parameters, by their dotted names.
    """
    what, transfer = f"{data.name} has {data.items}", values["eval.transfer.name"]
    if data.table:
        what = f"data.image_size {data.image_size or 'null'} is of a table of {data.items}"
    if taken not in (None, data.items):
        yield f"method.name {values['method.name']} takes {taken} alone, and {what} (docs/text.md)"
    if transfer in SOURCES and not SOURCES[transfer].side:
        yield f"eval.transfer.name must be a data set of images, got {transfer}"
    only, others = (OF_IMAGES, "images") if data.items == "texts" else (OF_TEXTS, "texts that are")
    recipe = values["augment.recipe"]
    for key, off in only.items():
        of_words = key == "augment.recipe" and any(
            name.startswith(f"augment.recipes.{recipe}.word_") for name in values
        )
        if values[key] != off and not of_words:
            yield f"{key} is of {others} alone: leave it at its default where {what}, got {values[key]}"
