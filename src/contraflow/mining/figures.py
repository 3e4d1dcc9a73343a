"""The figures of a mining pass: how similar positives and negatives are, and what was left out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
COLUMNS = ("mean", *(f"p{100 * quantile:.0f}" for quantile in QUANTILES))


@dataclass(frozen=True)
class PassFigures:
    """What a table of A anchors says, summed up.

    Attributes:
        anchors: A.
        k: Negatives of each, at most.
        spread: Of `positive`, `negative` and `difference` (a positive less a negative, of all pairs of one anchor) each
            of `COLUMNS`, cosine similarities; not a number where there are none.
        known: Others that were left out as known to be no negatives though as near, mean over anchors.
        suspected: Candidates that were left out as suspected false negatives, mean over anchors.
        short: Anchors with fewer than k negatives.
    """

    anchors: int
    k: int
    spread: dict[str, dict[str, float]]
    known: float
    suspected: float
    short: int

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "PassFigures":
        """Of the arrays of a table that `contraflow.steps.mine.mine` wrote."""
        positive, negative, there = arrays["positive"], arrays["similarity"], arrays["negative"] >= 0
        values = {"positive": positive, "negative": negative[there]}
        values["difference"] = (positive[:, None] - negative)[there]
        return cls(
            *there.shape,
            spread={name: _spread(of) for name, of in values.items()},
            known=float(arrays["known"].mean()),
            suspected=float(arrays["suspected"].mean()),
            short=int((~there.all(axis=1)).sum()),
        )

    def lines(self, filtered: str) -> str:
        """The table of a log, where `mining.false_negatives` was `filtered`."""
        rows = [f"{'':24}" + "".join(f"{column:>8}" for column in COLUMNS)]
        names = {"positive": "similarity of positives", "negative": "of negatives", "difference": "difference"}
        for key, name in names.items():
            rows.append(f"{name:24}" + "".join(f"{value:8.3f}" for value in self.spread[key].values()))
        rows.append(
            f"left out of an image's nearest: {self.known:.1f} known to be no negatives, {self.suspected:.1f} "
            f"suspected ({filtered}); {self.short:,} of {self.anchors:,} images have fewer than {self.k} negatives"
        )
        return "\n".join(rows)


def _spread(values: np.ndarray) -> dict[str, float]:
    if not values.size:
        return dict.fromkeys(COLUMNS, float("nan"))
    found = [values.mean(dtype=np.float64), *np.quantile(values.astype(np.float64), QUANTILES)]
    return {name: round(float(value), 6) for name, value in zip(COLUMNS, found, strict=True)}
