from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch

from contraflow.devices import job_cores, lease
from contraflow.encoded.card import EncodedData
from contraflow.encoded.splits import UNLABELLED
from contraflow.encoded.texts import Rows
from contraflow.encoded.tokens import tokenise
from contraflow.evaluation import captions, chance
from contraflow.evaluation.captions import Similar, Words
from contraflow.evaluation.hits import Hits
from contraflow.evaluation.representation import (
    Called,
    FiguresOut,
    OfTrained,
    Representation,
    frozen,
    open_representation,
)
from contraflow.evaluation.results import DIGITS, Example, Extra, Finds
from contraflow.evaluation.said import DIRECTIONS, Said
from contraflow.evaluation.settings import CAPTIONS
from contraflow.foundations.arrays import drawn
from contraflow.foundations.errors import UserError
from contraflow.foundations.record import Provenance
from contraflow.foundations.signature import CardIn, Setting, Threads
from contraflow.models.settings import Model, StartSettings
from contraflow.models.text import OfTexts, vectors_of
from contraflow.models.towers import load_towers, start_towers
from contraflow.neighbours.bank import Bank, unit
from contraflow.views.items import item_loader

CHANCE = "chance"
SHOWN, FOUND = 6, 5  # queries that are right and wrong which the page shows, and how much of what they find
SEARCHED = 10_000  # texts, at most, of which the page may show what they find


@dataclass(frozen=True)
class CaptionSettings(StartSettings):
    """What is measured, of which networks."""

    batch_size: Annotated[int, Setting("eval.batch_size")]
    captions: Annotated[list[int], Setting("eval.captions")]
    templates: Annotated[list[str], Setting("eval.templates")]
    model: Model

    handed: ClassVar = ("mining.rounds",)


class Space(NamedTuple):
    """Test images, their different texts and the prompts of classes as vectors of length 1, and who compares these."""

    images: Any
    texts: Any
    prompts: Any
    compare: Callable[[Any, Any], Similar]


def evaluate_captions(
    settings: CaptionSettings,
    *,
    representation: Called,
    data: CardIn,
    checkpoint: OfTrained = None,
    figures: FiguresOut,
    threads: Threads,
) -> None:
    """Measure how test images and their texts find each other, and how class names tell images apart.

    Args:
        representation: As for `evaluate`; `raw_pixels` are those with TF-IDF: an image has the texts of the training
            images that are nearest by pixels. Or `chance`, a random order.

    Raises:
        UserError: no image has a text, the checkpoint has no encoder of texts, or as for `evaluate`.
    """
    encoded = EncodedData.open(data)
    if encoded.card.texts is None:
        raise UserError(f"eval.captions must be [] where no image has a text, as in {encoded.card.name}")
    said, classes = Said.of(encoded.texts["test"]), encoded.card.classes
    right = {direction: said.right(direction) for direction in DIRECTIONS}
    if representation == CHANCE:
        expected = {
            way: chance.of_first(np.diff(each.indptr), each.shape[1], settings.captions) for way, each in right.items()
        }
        made_from = {"params": settings.values(), "inputs": {"data": encoded.digest}}
        Extra(
            kind=CAPTIONS,
            representation=CHANCE,
            seed=None,
            figures=_flat(expected) | ({"zero_shot": 1 / len(classes)} if classes else {}),
            protocol=_protocol(encoded, said, settings),
            provenance=Provenance.of_stage("evaluate", representation=CHANCE, **made_from),
        ).write(figures)
        return
    subject = open_representation(representation, checkpoint, encoded, settings.model)
    torch.set_num_threads(job_cores())
    by_words = subject.name == "raw_pixels"
    with lease() as (device,):
        see = partial(_see, encoded=encoded, settings=settings, device=device, threads=threads)
        if by_words:
            space = _by_words(see(subject, "train"), see(subject, "test"), said, encoded, settings, device)
        else:
            towers = load_towers(checkpoint)[0] if checkpoint else start_towers(settings.model, encoded, subject.seed)
            with frozen(towers):
                images = see(replace(subject, network=towers.images), "test")
                space = _by_vectors(images, towers.text, said, encoded, settings, device, subject.source)
    ways = (space.images, space.texts), (space.texts, space.images)
    similar = {way: space.compare(*each) for way, each in zip(DIRECTIONS, ways, strict=True)}
    rank = {way: captions.ranks(similar[way], right[way]) for way in DIRECTIONS}
    scores = _flat({way: captions.scores(each, settings.captions) for way, each in rank.items()})
    if classes:
        labels = encoded.labels("test")
        predicted = captions.named(space.compare(space.images, space.prompts)(slice(None)), len(settings.templates))
        scores["zero_shot"] = (predicted == labels)[labels != UNLABELLED]
    gap = {} if by_words else {"gap": round(captions.modality_gap(space.images, space.texts), DIGITS)}
    Extra(
        kind=CAPTIONS,
        representation=subject.name,
        seed=subject.seed,
        figures={name: float(each.mean()) for name, each in scores.items()} | gap,
        right={name: Hits.of(each) for name, each in scores.items() if each.dtype == bool},
        examples={way: _examples(similar[way], rank[way]) for way in DIRECTIONS},
        finds=_finds(similar["text_to_image"], len(said.texts)) if subject.name == "encoder" else None,
        protocol=_protocol(encoded, said, settings),
        provenance=subject.provenance(settings.values()),
    ).write(figures)


def _flat(by_direction: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {f"{way}_{name}": value for way, each in by_direction.items() for name, value in each.items()}


def _see(
    subject: Representation,
    part: str,
    encoded: EncodedData,
    settings: CaptionSettings,
    device: torch.device,
    threads: int,
) -> np.ndarray:
    """What it makes of the images of `train` or `test`, (N, D) of length 1."""
    loader = item_loader(encoded, part, batch_size=settings.batch_size, threads=threads)
    return unit(subject.features(loader, len(loader), device, part).features)


def _by_vectors(
    images: np.ndarray,
    text: OfTexts,
    said: Said,
    encoded: EncodedData,
    settings: CaptionSettings,
    device: torch.device,
    source: str,
) -> Space:
    """Raises UserError where `source`, which gives the vectors, gives some that are NaN or infinite."""

    def vectors(tokens: Rows, rows: np.ndarray) -> np.ndarray:
        return unit(np.concatenate([*vectors_of(text, tokens, rows, device, source)]))

    texts, prompts = vectors(encoded.texts["test"].tokens, said.texts), images[:0]
    if encoded.card.classes:
        named = tokenise(encoded.tokenizer, captions.prompts(encoded.card.classes, settings.templates))
        prompts = vectors(Rows.of(named, np.int32), np.arange(len(named)))
    return Space(images, texts, prompts, captions.by_vectors)


def _by_words(
    bank: np.ndarray,
    images: np.ndarray,
    said: Said,
    encoded: EncodedData,
    settings: CaptionSettings,
    device: torch.device,
) -> Space:
    _, nearest = Bank(bank, device=device).nearest(images, captions.NEIGHBOURS)
    known, others = encoded.texts["train"], encoded.texts["test"]
    words = Words([known[text] for text in range(len(known))])
    texts = words.of([others[text] for text in said.texts.tolist()])
    prompts = words.of(captions.prompts(encoded.card.classes, settings.templates))
    return Space(words.of_images(nearest, known), texts, prompts, captions.by_words)


def _examples(similar: Similar, rank: np.ndarray) -> list[Example]:
    """Some queries whose first find is right, and some of the others, with what each finds."""
    chosen = [query for part in (rank == 0, rank > 0) for query in drawn(np.flatnonzero(part), SHOWN).tolist()]
    found, similarity = captions.best(similar, np.array(chosen), FOUND)
    return [
        Example(query=query, found=row.tolist(), similarity=[round(float(each), DIGITS) for each in near])
        for query, row, near in zip(chosen, found, similarity, strict=True)
    ]


def _finds(similar: Similar, texts: int) -> Finds:
    """What texts find, all or so many of them, drawn."""
    queries = drawn(np.arange(texts), SEARCHED)
    parts = np.split(queries, range(captions.ROWS, len(queries), captions.ROWS))
    found, similarity = map(np.concatenate, zip(*(captions.best(similar, part, FOUND) for part in parts), strict=True))
    return Finds(query=queries.tolist(), found=found.tolist(), similarity=similarity.round(3).tolist())


def _protocol(encoded: EncodedData, said: Said, settings: CaptionSettings) -> dict[str, str]:
    card = encoded.card
    words = {
        "retrieval": f"all {said.images} test images and all their {len(said.texts)} different texts; right is a text "
        "of the image, and an image of the text; cosine of projections, and what is as similar stands before",
        "chance": "what a random order gets, exactly",
        "TF-IDF": f"an image has the texts of its {captions.NEIGHBOURS} nearest training images by pixels, summed as "
        f"TF-IDF of {captions.NGRAMS[0]} to {captions.NGRAMS[1]} letters of a word, fitted to the texts of all "
        "training images, those held out, too; no other words are known of it",
        "gap": "distance of the mean of the images' vectors and that of the texts', of length 1 (Liang et al. 2022)",
    }
    if card.classes:
        templates = ", ".join(settings.templates)
        words["zero_shot"] = f"the class whose name, as {templates}, has the largest mean cosine to the image"
    return words
