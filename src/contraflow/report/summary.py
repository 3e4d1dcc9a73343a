"""The summary: every measure of the encoder beside the baselines, and what their differences are worth."""

import math
from collections.abc import Iterable

from contraflow.baseline.measures import GEOMETRY, LINEAR, Measure, interval, scores
from contraflow.evaluation.settings import GRADED, Asked
from contraflow.pages.numbers import NARROW, fixed, is_number, times
from contraflow.report.run import Run
from contraflow.statistics import IN_WORDS, Difference, difference

NAMES = {
    "encoder": "Encoder",
    "control": "Control without mining",
    "untrained": "Untrained encoder",
    "raw_pixels": "Raw pixels",
    "pca_pixels": "Principal components",
    "supervised": "Supervised training",
}
RAW_NAMES = {  # of what items are before anything is learned, where it is no pixels
    "images": {},
    "texts": {"raw_pixels": "TF-IDF", "pca_pixels": "Components of TF-IDF"},
}
AS_IT_CAME = (
    "As it came"  # in place of the untrained one: the encoder with the weights it starts from, before any training
)
FALSE = {  # names in `metrics.json`
    "same_class_share": ("False negatives", "of the anchor's own class"),
    "same_class_first": ("Most similar", "of those taken"),
    "same_class_last": ("Least similar", "of those taken"),
}


def names(run: Run) -> dict[str, str]:
    """What the representations of a run are called, in the order of its tables."""
    return NAMES | _start_name(run) | RAW_NAMES[run.card.items]


def _start_name(run: Run) -> dict[str, str]:
    return {"untrained": AS_IT_CAME} if run.params.model.start(run.card.items) else {}


def start(run: Run) -> str:
    """What the encoder of a run started from, within a sentence."""
    return "encoder as it came" if run.params.model.start(run.card.items) else "untrained encoder"


def inside(name: str) -> str:
    """A name as it is written inside a sentence."""
    return name if name.startswith("TF-IDF") else name[0].lower() + name[1:]


def names_in(run: Run, asked: Asked) -> dict[str, str]:
    """What they are called where such an extra evaluation is shown."""
    known = names(run)
    return known | {key: name.format(known.get(key)) for key, name in asked.names.items()}


def accuracies(run: Run) -> list[Measure]:
    """The accuracies of a run, as `Eval.figures` names them; the first is what it is judged by."""
    return called(run, run.params.eval.figures(unseen=run.card.unseen))


def called(run: Run, keys: Iterable[str]) -> list[Measure]:
    """The accuracies of these names, with the run's settings of each."""
    settings = run.params.eval
    notes = {
        "linear": "logistic regression",
        **dict.fromkeys(settings.few, f"of labels, {times(settings.few_draws, 'draw')}"),
        **{f"knn{p.k}": f"k = {p.k}, τ = {p.tau:g}" for p in settings.knn},
        **dict.fromkeys(GRADED, "mean over queries"),
    }
    return [Measure(key, notes.get(key, "of the queries")) for key in keys]


def measures_by_round(run: Run) -> list[Measure]:
    """Those of the light measurement after each round."""
    light = {"linear", *(f"knn{p.k}" for p in run.params.eval.knn)}
    return [measure for measure in accuracies(run) if run.card.unseen or measure.key in light]


def accuracy(run: Run, representation: str, key: str, split: str = "test") -> dict | None:
    """Mean, std and n of one accuracy as `metrics.json` has it; None where it was not measured."""
    table = run.metrics if split == "test" else run.metrics.get(split, {})
    return table.get(representation, {}).get(key)


def measured_gap(run: Run, key: str, baseline: str) -> Difference:
    """The encoder's accuracy against a baseline's, on the same test images; both were measured."""
    return difference(*(scores(run.evaluations[name], key) for name in ("encoder", baseline)))


def in_points(gap: Difference) -> str:
    """How much a figure is more or less than another, inside a sentence."""
    around = f" (95{NARROW}% interval {interval(LINEAR, gap)})" if gap.margin is not None else ""
    chance = ", within what chance may do," if gap.sign == 0 else ""
    return f"{fixed(100 * abs(gap.mean))} points {'less' if gap.mean < 0 else 'more'}{around}{chance}"


def mining_gap(run: Run) -> Difference | None:
    """What the run is judged by after the last round against before mining, on the same validation images."""
    if len(run.probed) < 2:
        return None
    return difference(run.probed[max(run.probed)], run.probed[min(run.probed)])


def summary_rows(run: Run, split: str = "test") -> list[dict]:
    """One row a representation: its name, seeds, and for each measure the accuracy and the gain on raw pixels."""
    rows = []
    for representation, name in names(run).items():
        if not run.evaluations[representation]:
            continue
        cells = []
        for measure in accuracies(run):
            value = accuracy(run, representation, measure.key, split)
            raw = accuracy(run, "raw_pixels", measure.key, split)
            known = value and raw and is_number(value["mean"]) and is_number(raw["mean"])
            gain = value["mean"] - raw["mean"] if known and representation != "raw_pixels" else None
            cells.append({"value": value, "gain": gain})
        rows.append({"key": representation, "name": name, "cells": cells})
    return rows


def chance_rows(run: Run) -> list[dict]:
    """A row as in `summary_rows` of what a random order gets; none where retrieval is not measured."""
    if "chance" not in run.metrics:
        return []
    cells = [{"value": accuracy(run, "chance", measure.key), "gain": None} for measure in accuracies(run)]
    return [{"key": "chance", "name": "Chance", "cells": cells}]


def rounds(run: Run) -> dict | None:
    """A table with one row a round: accuracies on validation images as `measures_by_round`, shares of false negatives;
    and the number of the `last` round. None without labels or mining.

    A share is None in round 0, which mines nothing.
    """
    entries = run.metrics.get("rounds")
    if not entries:
        return None
    columns = {measure.key: (measure.name, "validation images") for measure in measures_by_round(run)} | FALSE
    return {
        "columns": [{"name": name, "note": note} for name, note in columns.values()],
        "rows": [
            {
                "name": f"Round {entry['round']}" if entry["round"] else "Before mining",
                "cells": [entry.get(key) for key in columns],
            }
            for entry in entries
        ],
        "last": entries[-1]["round"],
    }


def geometry(run: Run) -> dict | None:
    """A table with one row a representation: alignment and uniformity; None where they were not measured."""
    known = {name: run.metrics.get(key, {}) for key, name in names(run).items()}
    rows = [
        {"name": name, "cells": [figures[key] for key in GEOMETRY]}
        for name, figures in known.items()
        if figures.keys() >= GEOMETRY.keys()
    ]
    columns = [{"name": key.capitalize(), "note": note} for key, note in GEOMETRY.items()]
    return {"columns": columns, "rows": rows} if rows else None


def extra_tables(run: Run) -> list[dict]:
    """One table an extra evaluation that was asked for: `kind`, `title`, `columns` and `rows` (each with `name` and
    `note`), in each row `cells` (mean, std and n), their `unit`, `guide` (what it shows, what is good, what is bad) and
    `protocol`.
    """
    return [
        {
            "kind": kind,
            "title": asked.title,
            "unit": asked.unit,
            **(_by_case if asked.level else _by_representation)(run, asked, run.metrics[kind]),
            "guide": [words.format(data=run.card.name) for words in asked.guide],
            "protocol": run.extras[kind]["encoder"][run.params.seeds[0]].protocol,
        }
        for kind, asked in run.params.eval.extras.items()
    ]


def _by_representation(run: Run, asked: Asked, found: dict) -> dict:
    """A row a representation, a column a figure."""
    figures = asked.figures or {m.key: (m.name, m.note) for m in called(run, found["encoder"])}
    known = names_in(run, asked)
    return {
        "columns": [{"name": name, "note": note} for name, note in figures.values()],
        "rows": [
            {"name": name, "cells": [found[key].get(figure) for figure in figures]}
            for key, name in known.items()
            if key in found
        ],
    }


def _by_case(run: Run, asked: Asked, found: dict) -> dict:
    """A row a case and level, a column a representation and figure."""
    cases = [(case, level, figures) for case, levels in found["encoder"].items() for level, figures in levels.items()]
    shown = [
        (key, measure) for key in NAMES if key in found for measure in accuracies(run) if measure.key in cases[0][2]
    ]
    return {
        "columns": [{"name": names(run)[key], "note": measure.name} for key, measure in shown],
        "rows": [
            {
                "name": asked.cases.get(case, case.replace("_", " ").capitalize()),
                "note": f"{asked.level} {level}" if int(level) else "",
                "cells": [found[key][case][level][measure.key] for key, measure in shown],
            }
            for case, level, _ in cases
        ],
    }


def whole_protocol(run: Run) -> dict[str, str]:
    """How the encoder was measured, and what the baselines' features are."""
    words = dict(next(iter(run.evaluations["encoder"].values())).protocol)
    if run.classes:
        words["noise"] = IN_WORDS
    for name, shown in names(run).items():
        if name != "encoder" and run.evaluations[name]:
            words[shown] = next(iter(run.evaluations[name].values())).protocol["features"]
    return words


def strips(run: Run) -> dict | None:
    """The accuracies as positions (per cent of the width) on a common axis; None without finite accuracies."""
    values = {
        (measure.key, name): value
        for measure in accuracies(run)
        for name in NAMES
        if (value := accuracy(run, name, measure.key)) and is_number(value["mean"])
    }
    if not values:
        return None
    step = 0.05
    low = max(0.0, step * math.floor(min(v["mean"] - v["std"] for v in values.values()) / step - 0.2))
    high = min(1.0, step * math.ceil(max(v["mean"] + v["std"] for v in values.values()) / step + 0.2))
    stride = step * max(1, round((high - low) / step / 5))

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    ticks = [low + i * stride for i in range(int((high - low) / stride + 1e-6) + 1)]
    rows = [
        {
            "measure": measure,
            "marks": [
                {
                    "key": name,
                    "at": at(v["mean"]),
                    "from": at(v["mean"] - v["std"]),
                    "to": at(v["mean"] + v["std"]),
                    **v,
                }
                for name in reversed(NAMES)
                if (v := values.get((measure.key, name)))
            ],
        }
        for measure in accuracies(run)
    ]
    return {"rows": rows, "ticks": [{"at": at(tick), "value": tick} for tick in ticks]}
