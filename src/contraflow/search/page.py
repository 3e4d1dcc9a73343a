"""Images and texts with the nearest items of a training, put into the template."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contraflow.pages.assets import template
from contraflow.pages.pictures import lit, picture
from contraflow.report.items import cut
from contraflow.report.wording import BY_ITEMS
from contraflow.search.found import Found, FoundByText

LARGEST = 128  # pixels a side of what is shown
SAID = 3  # texts of an image that are shown


def render(
    found: Sequence[Found | FoundByText],
    *,
    classes: list[str],
    data: str,
    searched: int,
    encoder: str,
    items: str = "images",
) -> str:
    """The page as HTML that needs no other file.

    Args:
        found: One entry a query, in the order to show.
        classes: Names of the classes, empty when the data is unlabelled.
        data: Name of the data set.
        searched: Training items that were compared.
        encoder: Its name in words.
        items: What these are: `images`, or `texts` that are alone.
    """
    queries = [_image(each, classes) if isinstance(each, Found) else _text(each, classes) for each in found]
    images = [each for each in found if isinstance(each, Found)]
    extensions, _ = BY_ITEMS[items]
    return template(Path(__file__).parent / "page.html.j2", extensions).render(
        titles=[(f"query-{number}", query["name"]) for number, query in enumerate(queries, 1)],
        queries=queries,
        by_image=len(images),
        labelled=bool(classes),
        data=data,
        searched=searched,
        encoder=encoder,
        mapped=all(entry.regions.shape[-1] for entry in images),
        between=items == "images" and (len(images) < len(queries) or any(entry.texts for entry in images)),
    )


def _image(found: Found, classes: list[str]) -> dict:
    names = _names(found, classes)
    own = classes[found.own] if found.own >= 0 else None
    marked = [near | {"right": right} for near, right in zip(_nearest(found, names), found.right.tolist(), strict=True)]
    return {
        **_shown(found.image),
        "name": found.name,
        "class": own,
        "nearest": marked,
        "classes": _frequent(names),
        "pairs": [_pair(found, place, own, names[place]) for place in range(len(found.regions))],
        "texts": [{"said": cut(text), "similarity": similarity} for text, similarity in found.texts],
    }


def _text(found: FoundByText, classes: list[str]) -> dict:
    names, said = _names(found, classes), cut(found.text)
    nearest = _nearest(found, names)
    return {"name": said, "said": said, "class": None, "nearest": nearest, "classes": _frequent(names), "texts": []}


def _names(found: Found | FoundByText, classes: list[str]) -> list[str | None]:
    """The class of each of the nearest."""
    return [classes[label] if label >= 0 else None for label in found.label.tolist()]


def _frequent(names: list[str | None]) -> list[tuple[str, int]]:
    known = Counter(name for name in names if name is not None)  # of equally frequent ones the nearest's comes first
    return known.most_common(3)


def _nearest(found: Found | FoundByText, names: list[str | None]) -> list[dict]:
    pictures = [{}] * len(names) if found.nearest is None else [_shown(image) for image in found.nearest]
    said = found.said or [[]] * len(names)
    return [
        {**shown, "class": name, "index": index, "similarity": similarity, "said": [cut(text) for text in texts[:SAID]]}
        for shown, name, index, similarity, texts in zip(
            pictures, names, found.index.tolist(), found.similarity.tolist(), said, strict=True
        )
    ]


def _pair(found: Found, place: int, own: str | None, other: str | None) -> dict:
    regions, index = found.regions[place], found.index[place]
    most = float(np.abs(regions).max(initial=0))

    def shown(image: np.ndarray, given: np.ndarray) -> dict:
        return {**_shown(image), "lit": lit(image, given, most, LARGEST) if given.size else None}

    own = {"what": f"The image {found.name}", "called": found.name, "class": own}
    other = {"what": f"Training image {index}", "called": f"no. {index}", "class": other}
    images = found.image, found.nearest[place]
    return {
        "cosine": float(found.similarity[place]),
        "both": [shown(*each) | told for *each, told in zip(images, regions, (own, other), strict=True)],
    }


def _shown(image: np.ndarray) -> dict:
    return {**picture(image, LARGEST), "smooth": max(image.shape[:2]) >= LARGEST}
