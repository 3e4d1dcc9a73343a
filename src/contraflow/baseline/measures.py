"""The figures of an encoder, and the change of each against a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from contraflow.baseline.measured import Figures, Measured
from contraflow.evaluation.results import Evaluation
from contraflow.evaluation.settings import GRADED
from contraflow.pages.numbers import NARROW, is_number, plus_minus, points
from contraflow.statistics import Difference, Scores, difference

SCORED = {"spearman": "times 100, pairs of eval.sts"}
GEOMETRY = {"alignment": "0 is best", "uniformity": "lower is more spread out"}


@dataclass(frozen=True)
class Measure:
    """One figure of a representation: its key in an evaluation, what to know of it in a few words, and of which images
    it is.

    Attributes:
        split: `test` or `validation` for accuracies, empty for the shape of the features.
    """

    key: str
    note: str
    split: str = "test"

    @property
    def name(self) -> str:
        """As a person calls it: `linear_0_5pct` is `Linear, 0.5 %`, `linear_5each` is `Linear, 5 a class`."""
        kind, _, amount = self.key.partition("_")
        if self.key.startswith("knn"):
            return f"{self.key.removeprefix('knn')}-NN"
        if kind != "linear":
            return {"mrr": "MRR", "r_precision": "R-precision", "map@r": "MAP@R"}.get(self.key, self.key.capitalize())
        if amount.endswith("each"):
            return f"Linear, {amount.removesuffix('each')} a class"
        return f"Linear, {amount.removesuffix('pct').replace('_', '.')}{NARROW}%" if amount else "Linear probe"

    @property
    def inside(self) -> str:
        """Its name inside a sentence."""
        return "the linear probe" if self.key == "linear" else self.name.lower() if "@" in self.key else self.name

    def of(self, run: Measured) -> dict[int, float | None]:
        """The figure of a run by seed, None where it was not measured."""
        contents = run.evaluations.items()
        if not self.split:
            return {seed: getattr(content, self.key) for seed, content in contents}
        return {seed: getattr(content, self.split).get(self.key) for seed, content in contents}

    def known(self, run: Measured) -> bool:
        """Whether the figure is a number for every seed."""
        return all(map(is_number, self.of(run).values()))

    def by_image(self, run: Measured) -> bool:
        """Whether it is known of each test image what this figure is the mean of."""
        return self.split == "test" and all(self.key in content.right for content in run.evaluations.values())

    def scores(self, run: Measured) -> Scores:
        """What differences are judged by: of each image where that is known, else the figure."""
        return scores(run.evaluations, self.key) if self.by_image(run) else self.of(run)

    def mean(self, run: Measured) -> float:
        return fmean(self.of(run).values())

    def difference(self, run: Measured, baseline: Measured, comparisons: int) -> Difference:
        """The figure of a run minus that of the baseline; both are known."""
        if why := self._apart(run, baseline):
            return Difference(self.mean(run) - self.mean(baseline), None, why)
        return difference(self.scores(run), self.scores(baseline), comparisons)

    def _apart(self, run: Measured, baseline: Measured) -> str:
        """Why a difference of the two would say nothing; empty where it says something."""
        contents = [*run.evaluations.values(), *baseline.evaluations.values()]
        if self.key in SCORED:
            return "other scored pairs" if len({content.scored for content in contents}) > 1 else ""
        if run.test_images != baseline.test_images:
            return "other test images"
        by = [each.params.get("eval.retrieval_by", "label") for each in (run, baseline)]
        if by[0] != by[1] and ("@" in self.key or self.key in GRADED):
            return f"by {by[0]}, not by {by[1]}"
        if not (self.by_image(run) and self.by_image(baseline)):
            return ""
        return "other queries" if len({content.right[self.key].images for content in contents}) > 1 else ""

    def figure(self, over_seeds: dict) -> str:
        """Its spread over seeds as a person reads it: accuracies in per cent."""
        return plus_minus(over_seeds) if self.split else plus_minus(over_seeds, 3, 1)

    def change(self, value: float) -> str:
        """A difference with its sign: accuracies in points."""
        return points(value, 2) if self.split else points(value / 100, 3)


@dataclass(frozen=True)
class Change:
    """A difference to the baseline as a person reads it.

    Attributes:
        mean: With its sign.
        interval: From where to where it may lie; empty where nothing is known of that.
        judgement: Whether it is beyond noise, in a word or two.
        sign: 1 or -1 where it is, 0 otherwise.
    """

    mean: str
    interval: str
    judgement: str
    sign: int


def scores(evaluations: Mapping[int | None, Evaluation | Figures], key: str) -> Scores:
    """By seed the scores of each test image, (N,), of which an accuracy is the mean."""
    return {seed: evaluation.right[key].scores() for seed, evaluation in evaluations.items()}


LINEAR = Measure("linear", "%, test images")


def on_test(key: str) -> Measure:
    """A figure of the test: of its images, or of scored pairs."""
    return Measure(key, SCORED.get(key, LINEAR.note))


def choosing(measure: Measure) -> Measure:
    """The same on the validation images, by which one chooses."""
    return Measure(measure.key, "%, validation images", "validation")


def headline(run: Measured) -> Measure:
    """What a run is judged by: the probe, where no class could be named the first recall, or what needs no labels."""
    keys = next(iter(run.evaluations.values())).test
    return LINEAR if LINEAR.key in keys or not keys else on_test(next(iter(keys)))


def measures(runs: Sequence[Measured]) -> list[Measure]:
    """The figures that any of the runs has, in one order: probe, also on few labels, k-NN by rising k, retrieval,
    shape; of the one that a run is judged by, also that on the validation images.
    """
    contents = [content for run in runs for content in run.evaluations.values()]
    keys = list(dict.fromkeys(key for content in contents for key in content.test))
    neighbours = sorted((key for key in keys if key.startswith("knn")), key=lambda key: int(key.removeprefix("knn")))
    few = [key for key in keys if key.startswith("linear_")]
    ordered = [*(key for key in keys if key == "linear"), *few, *neighbours]
    heads, found = {headline(run) for run in runs}, []
    for key in [*ordered, *(key for key in keys if key not in ordered)]:
        measure = on_test(key)
        found += [measure, choosing(measure)] if measure in heads and key not in SCORED else [measure]
    shape = [key for key in GEOMETRY if any(is_number(getattr(content, key)) for content in contents)]
    return found + [Measure(key, GEOMETRY[key], split="") for key in shape]


def change(measure: Measure, run: Measured, baseline: Measured, comparisons: int = 1) -> Change | None:
    """How a figure changed from the baseline to one of so many runs; None where one of the two does not have it."""
    if not measure.known(run) or not measure.known(baseline):
        return None
    gap = measure.difference(run, baseline, comparisons)
    judgement = gap.why or ("beyond noise" if gap.sign else "within noise")
    return Change(measure.change(gap.mean), interval(measure, gap), judgement, gap.sign)


def interval(measure: Measure, gap: Difference) -> str:
    """The interval of a difference; empty where there is none."""
    return f"{measure.change(gap.low)} to {measure.change(gap.high)}" if gap.margin is not None else ""
