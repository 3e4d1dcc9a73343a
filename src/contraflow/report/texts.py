"""Images and texts: what the encoders' lead is worth, and what some images and texts find."""

from collections.abc import Callable, Mapping

from contraflow.evaluation.results import Extra
from contraflow.evaluation.said import DIRECTIONS, Said
from contraflow.evaluation.settings import CAPTIONS, STS
from contraflow.pages.numbers import listing, percent, plus_minus
from contraflow.report.items import cut
from contraflow.report.run import Run
from contraflow.report.summary import in_points, inside, names_in
from contraflow.statistics import Scores, difference


def texts(run: Run) -> dict | None:
    """What the page shows of them; None where `eval.captions` asks for nothing.

    `seed`, `judged` (a sentence for each direction), `gap` and `gap_before` (mean, std and n; the latter of the
    untrained encoders), and of the first seed `image_to_text` and `text_to_image`: queries, each with what is `found`.
    An image is a picture with its `index`, a text is `said`; what is found has a `similarity` and is `right` or not.
    """
    if CAPTIONS not in run.extras:
        return None
    own, seed, summary = run.data.texts["test"], run.params.seeds[0], run.metrics[CAPTIONS]
    said = Said.of(own)
    show = {
        "image": lambda image: run.shown.each("test", [image])[0] | {"index": image},
        "text": lambda text: {"said": cut(own[said.texts[text]])},
    }
    measured = run.extras[CAPTIONS]["encoder"][seed]
    return {
        "seed": seed,
        "judged": judged(run),
        "gap": summary["encoder"]["gap"],
        "gap_before": summary["untrained"]["gap"],
        **{way: _queries(measured, way, said, *(show[kind] for kind in way.split("_to_"))) for way in DIRECTIONS},
    }


def _queries(measured: Extra, way: str, said: Said, query: Callable, found: Callable) -> list[dict]:
    right = said.right(way)
    return [
        query(each.query)
        | {
            "found": [
                found(number) | {"similarity": similarity, "right": bool(right[each.query, number])}
                for number, similarity in zip(each.found, each.similarity, strict=True)
            ]
        }
        for each in measured.examples[way]
    ]


def judged(run: Run) -> list[str]:
    """A sentence for each direction; none where `eval.captions` asks for nothing."""
    return [_judged(run, way) for way in DIRECTIONS] if CAPTIONS in run.extras else []


def scored(run: Run) -> str | None:
    """How far the encoder's order of scored pairs is from that of each baseline; None where `eval.sts` names none."""
    if STS not in run.extras:
        return None
    found = plus_minus(run.metrics[STS]["encoder"]["spearman"])
    return f"With people's scores Spearman's correlation, times 100, is {found}. That is {_gaps(run, STS, 'spearman')}."


def _judged(run: Run, way: str) -> str:
    """The largest recall, and how far it is from that of each baseline."""
    name = f"recall@{max(run.params.eval.captions)}"
    key = f"{way}_{name}"
    found = percent(run.metrics[CAPTIONS]["encoder"][key])
    return f"{way.replace('_', ' ').capitalize()}: {name} is {found}. That is {_gaps(run, CAPTIONS, key)}."


def _gaps(run: Run, kind: str, key: str) -> str:
    """By how much a figure is more or less than that of each baseline."""
    asked, measured = run.params.eval.extras[kind], run.extras[kind]
    called, own = names_in(run, asked), _scores(measured["encoder"], key)
    return listing(
        [
            f"{in_points(difference(own, _scores(measured[other], key)))} than {inside(called[other])}"
            for other in asked.of[1:]
        ]
    )


def _scores(measured: Mapping[int | None, Extra], key: str) -> Scores:
    """Of each query where that is known, else the figure."""
    return {
        seed: each.right[key].scores() if key in each.right else each.figures[key] for seed, each in measured.items()
    }
