"""Trainings that differ in one thing, its arms: each measured on the test images, judged seed by seed, and told."""

import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.cells import less, plus_minus
from benchmarks.rows import Rows
from benchmarks.steps import evaluated, pretrain_into
from contraflow.evaluation.hits import Hits
from contraflow.foundations.progress import say
from contraflow.params import Params
from contraflow.statistics import Difference, difference, spread

Found = Mapping[str, Mapping[int, dict]]
"""Rows by arm and seed."""


@dataclass(frozen=True)
class Arm:
    """Parameters of a training, or of an encoder that is not trained at all."""

    params: Params
    trained: bool = True


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        title: Of the table.
        column: What the arms are, in a word.
        reference: The arm that the others are set beside.
        figures: Of the test images, by name, with what the table calls them.
        scored: That of which each test image is known to be right or wrong.
    """

    title: str
    column: str
    reference: str
    figures: Mapping[str, str]
    scored: str

    def run(self, arms: Mapping[str, Arm], seeds: Iterable[int], *, data: Path, rows: Rows) -> Found:
        """Train and measure each arm with each seed, but for what `rows` has."""
        return {
            name: {
                seed: rows.get({"arm": name, "seed": seed}, partial(self._measure, name, arm, seed, data))
                for seed in seeds
            }
            for name, arm in arms.items()
        }

    def _measure(self, name: str, arm: Arm, seed: int, data: Path) -> dict:
        with tempfile.TemporaryDirectory() as folder:
            out, start = Path(folder), time.monotonic()
            representation, checkpoint = f"untrained-seed{seed}", None
            if arm.trained:
                pretrain_into(out, arm.params, seed=seed, data=data)
                representation, checkpoint = f"encoder-seed{seed}", out / "encoder.safetensors"
            seconds = time.monotonic() - start
            result = evaluated(arm.params, representation, data=data, checkpoint=checkpoint, folder=out)
        hits = result.right[self.scored]
        say(f"{name} · seed {seed} · {self.figures[self.scored]} {result.test[self.scored]:.1%}")
        figures = {figure: result.test[figure] for figure in self.figures}
        told = {"seconds": round(seconds, 1), "validation": result.validation.get(self.scored)}
        return {**told, **figures, "queries": hits.images, "found": hits.bits}

    def judge(self, found: Found) -> dict[str, dict[str, Difference]]:
        """How the others differ from the reference in each figure; the intervals of a figure hold all at once."""
        others = [arm for arm in found if arm != self.reference]
        return {
            arm: {
                figure: difference(
                    self._by_seed(found[arm], figure), self._by_seed(found[self.reference], figure), len(others)
                )
                for figure in self.figures
            }
            for arm in others
        }

    def _by_seed(self, rows: Mapping[int, dict], figure: str) -> dict:
        """A figure by seed; of the scored one, whether each test image is right."""
        if figure == self.scored:
            return {
                seed: Hits(images=row["queries"], draws=1, bits=row["found"]).scores() for seed, row in rows.items()
            }
        return {seed: row[figure] for seed, row in rows.items()}

    def document(self, found: Found, judged: Mapping[str, Mapping[str, Difference]], *, about: str, how: str) -> str:
        """The whole table as Markdown: figures in per cent, differences in points; `about` says what was trained, `how`
        where it is told how."""
        reference = found[self.reference]
        queries = next(iter(reference.values()))["queries"]
        lines = [
            f"# {self.title}",
            "",
            f"{about[0].upper()}{about[1:]}, mean ± standard deviation over {len(reference)} seeds, {queries} test "
            f"images. How: `{how}`; every training: `runs.csv`. “less {self.reference}” is the difference in points "
            "with its 95 % interval, wide enough that all of a column hold at once; in bold where it does not reach 0: "
            "beyond noise.",
            "",
            f"| {self.column} | "
            + " | ".join(f"{name} | less {self.reference}" for name in self.figures.values())
            + " |",
            "|" + " --- |" * (2 * len(self.figures) + 1),
        ]
        lines += [self._line(arm, rows, judged.get(arm, {})) for arm, rows in found.items()]
        return "\n".join(lines) + "\n"

    def _line(self, arm: str, rows: Mapping[int, dict], differences: Mapping[str, Difference]) -> str:
        cells = [arm]
        for figure in self.figures:
            over_seeds = spread([row[figure] for row in rows.values()])
            cells += [plus_minus(over_seeds, 100, 2), less(differences.get(figure))]
        return "| " + " | ".join(cells) + " |"
