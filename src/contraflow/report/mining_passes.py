"""The mining passes of a run, side by side: how similar positives and negatives are, what was left out, what is met."""

from contraflow.pages.numbers import count, fixed, share
from contraflow.report.run import Run

SPREADS = {"positive": "Positives", "negative": "Negatives", "difference": "Difference"}


def mining_passes(run: Run) -> list[dict]:
    """One entry a pass, empty without mining: `seed`, `round`, `spreads` (of each of `SPREADS` the `middle` and the
    `range` of nine tenths), `known`, `suspected`, `short`, and `meets` and `meets_none` in the round's last epoch.
    """
    rows = []
    for table in run.passes:
        seed, number, found = table.made_from.seed, table.made_from.round, table.figures
        epochs = run.curves[(run.curves["seed"] == seed) & (run.curves["round"] == number)]
        last = epochs.iloc[-1] if len(epochs) else {}
        rows.append(
            {
                "seed": seed,
                "round": number,
                "spreads": [
                    {"middle": fixed(of["p50"]), "range": f"{fixed(of['p5'])} to {fixed(of['p95'])}"}
                    for of in (found.spread[name] for name in SPREADS)
                ],
                "known": fixed(found.known, 1),
                "suspected": fixed(found.suspected, 1),
                "short": count(found.short),
                "meets": fixed(last.get("meets")),
                "meets_none": share(last.get("meets_none"), 0),
            }
        )
    return rows
