from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from contraflow.baseline.pinned import read_pinned
from contraflow.encoded.card import EncodedData
from contraflow.evaluation.results import ByRound
from contraflow.foundations.artefacts import read_json, write_text
from contraflow.foundations.signature import CardIn, Reads, Settings, Writes
from contraflow.params import Params
from contraflow.report import reading
from contraflow.report.page import render
from contraflow.report.run import Run


@dataclass(frozen=True)
class Everything(Settings):
    """All parameters: the page shows every one."""

    params: Params

    @classmethod
    def names(cls) -> dict[str, str]:
        return {name: name for name in Params.model_fields}

    @classmethod
    def of(cls, params: Params) -> Self:
        return cls(params)


def report(
    settings: Everything,
    *,
    data: CardIn,
    metrics: Annotated[Path, Reads("Summary that `summarise` wrote (.json).")],
    curves: Annotated[Path, Reads("Training curves that `summarise` wrote (.csv).")],
    evaluations: Annotated[list[Path], Reads("Figures that `evaluate` wrote (.json).")],
    features: Annotated[list[Path], Reads("Features that `evaluate` wrote (.npz).")],
    projection: Annotated[Path, Reads("Projection that `summarise` wrote (.npz).")],
    negatives: Annotated[list[Path], Reads("Table of mined negatives (.npz).")] = (),
    rounds: Annotated[list[Path], Reads("Figures that `evaluate-rounds` wrote (.json).")] = (),
    extras: Annotated[list[Path], Reads("Figures of an extra evaluation (.json).")] = (),
    baseline: Annotated[Path, Reads("What `contraflow baseline` wrote.")] = Path("baseline.json"),
    page: Annotated[Path, Writes("Page to write (.html).")],
) -> None:
    """Write the page that tells what came out: one HTML file that needs no other.

    Args:
        negatives: Of every seed and round; none without mining.
        rounds: For every seed; none without mining.
        extras: Those that `eval` asks for.

    Raises:
        UserError: a file is missing, damaged, or was made from other data.
    """
    params, encoded = settings.params, EncodedData.open(data)
    arrays = reading.features(params.seeds[0], features, encoded.digest)
    measured = reading.evaluations(params, encoded, evaluations)
    mined, passes = None, []
    if params.mining.rounds:
        mined, passes = reading.negatives(params.seeds[0], negatives, encoded.digest)
    by_round = [ByRound.read(path, data=encoded.digest) for path in rounds]
    pairs, regions = reading.pairs(arrays)
    by_name = [metrics, *evaluations, *features, projection, *rounds, curves, baseline]
    run = Run(
        params=params,
        data=encoded,
        card=encoded.card,
        metrics=read_json(metrics),
        evaluations=measured,
        curves=reading.curves(curves),
        features=arrays["features"],
        labels=arrays["label"],
        predicted=arrays["predicted"],
        mined=mined,
        pairs=pairs,
        regions=regions,
        projection=reading.projection(projection, encoded.digest),
        ranking=reading.ranking(params, encoded, arrays),
        passes=passes,
        extras=reading.extras(params, encoded, extras),
        confusions=reading.confusions(by_round),
        probed=reading.probed(by_round),
        baseline=read_pinned(baseline),
        digests=reading.digests(encoded, by_name, by_folder=[*extras, *negatives]),
        code=reading.code_digests(encoded, measured, mined),
    )
    write_text(page, render(run))
