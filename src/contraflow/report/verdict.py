"""The verdict: what the figures say, in words, and nothing that was not measured."""

import math
from dataclasses import dataclass, field

from contraflow.pages.numbers import NBSP, count, fixed, is_number, listing, percent, share, times
from contraflow.report.run import Run
from contraflow.report.summary import accuracies, accuracy, in_points, inside, measured_gap, mining_gap, names, start
from contraflow.report.texts import judged, scored
from contraflow.statistics import ONE_SEED, Difference, error_of_accuracy

BADGES = {
    "good": "Good",
    "unclear": "Not shown",
    "suspicious": "Suspicious",
    "failed": "Failed run",
    "unlabelled": "Unlabelled",
}
FEW_TEST_IMAGES = 2000  # below it one standard error of an accuracy exceeds about a point


@dataclass(frozen=True)
class Verdict:
    """A judgement: its level (a key of BADGES), a headline, a paragraph, warnings, and a word on mining."""

    level: str
    headline: str
    paragraph: str
    warnings: list[str] = field(default_factory=list)
    mining: str | None = None

    @property
    def badge(self) -> str:
        return BADGES[self.level]


def verdict(run: Run) -> Verdict:
    """Judge a run: failed, unlabelled, suspicious, unclear or good, by the first of its measures on the test images."""
    broken = _not_numbers(run)
    if broken:
        return Verdict(
            "failed",
            "This run failed: some of its figures are not numbers.",
            f"Not a number: {listing(broken)}. No conclusion can be drawn from the rest of this page. Training that "
            "diverges is the usual cause: lower train.lr, or raise loss.tau or train.warmup_epochs.",
        )
    if not run.classes:
        return _unlabelled(run)
    first = accuracies(run)[0].key
    raw, untrained = (measured_gap(run, first, baseline) for baseline in ("raw_pixels", "untrained"))
    came = run.params.model.start(run.card.items) is not None
    level, headline = _judged({"raw pixels": raw, f"{'the' if came else 'an'} {start(run)}": untrained})
    if came and untrained.sign == -1:
        level, headline = "suspicious", "The training made it worse: the encoder as it came has the better features."
    paragraph = " ".join([_judging(run, raw, untrained), _ranking(run) if run.card.unseen else _neighbours(run)])
    return Verdict(level, headline, paragraph, _warnings(run), _on_mining(run))


def _not_numbers(run: Run) -> list[str]:
    """Names of the figures that are missing values or not finite."""
    broken = []
    for representation, name in names(run).items():
        bad = [key for key, value in run.metrics.get(representation, {}).items() if not is_number(value["mean"])]
        broken += [f"{key} of the {inside(name)}" for key in bad]
    losses = run.curves[["seed", "loss"]]
    for seed in sorted(losses.seed[~losses.loss.map(is_number)].unique()):
        broken.append(f"the training loss of seed {seed}")
    features_finite = bool((abs(run.features) < math.inf).all())
    return broken if features_finite else [*broken, "the encoder's features of test images"]


def _unlabelled(run: Run) -> Verdict:
    found = [*judged(run), *filter(None, [scored(run)])]
    return Verdict(
        "unlabelled",
        "The images carry no labels, so accuracy was not measured.",
        "Probes, k-NN, the confusion matrix and everything else that needs labels are left out. "
        + (" ".join(found) or _by_shape_alone(run)),
        _warnings(run),
        _on_mining(run),
    )


def _by_shape_alone(run: Run) -> str:
    encoder, untrained = run.metrics["encoder"], run.metrics["untrained"]
    shape = [
        f"{name} {fixed(encoder[name]['mean'])} ({start(run)} {fixed(untrained[name]['mean'])})"
        for name in ("alignment", "uniformity")
    ]
    return (
        f"Without labels only the shape of the features can be measured: {listing(shape)}. Neither says whether the "
        "features serve a task: look at the map and at the mined negatives, and label some test images to know."
    )


def _judged(gaps: dict[str, Difference]) -> tuple[str, str]:
    """Level and headline, from the difference to each baseline: the features must be beyond noise above all of them."""
    if any(gap.why == ONE_SEED for gap in gaps.values()):
        return "unclear", f"One seed proves nothing: the features may beat {listing(list(gaps))} or not."
    worse, level = ([name for name, gap in gaps.items() if gap.sign == side] for side in (-1, 0))
    if worse:
        return "suspicious", f"The features are worse than {listing(worse)}: look for a mistake before anything else."
    if level:
        return "unclear", f"The features cannot be told from {listing(level)}: the difference may be chance."
    return "good", f"The encoder learned features that beat {listing(list(gaps))}."


def _judging(run: Run, raw: Difference, untrained: Difference) -> str:
    first = accuracies(run)[0]
    own, of_raw, of_untrained = (accuracy(run, name, first.key) for name in ("encoder", "raw_pixels", "untrained"))
    n, images = own["n"], times(run.card.test.images, "test image")
    found, same = f"A linear probe on its features names the class of {percent(own)} of the {images}", "the same probe"
    if run.card.unseen:
        k = first.key.removeprefix("recall@")
        nearest = "the nearest other one" if k == "1" else f"one of the {k} nearest others"
        same, kind = "the same", run.params.eval.sought
        found = (
            f"Training saw none of the classes of the {images}: for {percent(own)} of the queries {nearest} is of the "
            f"same {kind}"
        )
    text = (
        f"{found} ({times(n, 'seed')}). That is {in_points(raw)} than {same} on raw pixels ({percent(of_raw)}) and "
        f"{in_points(untrained)} than on the {start(run)} ({percent(of_untrained)})"
    )
    if n == 1:
        return f"{text}."
    if raw.ahead == untrained.ahead == n:
        return f"{text}; it is ahead of both in every seed."
    return f"{text}; it is ahead of the first {_in_seeds(raw)} and of the second {_in_seeds(untrained)}."


def _in_seeds(gap: Difference) -> str:
    n = len(gap.each)
    return {0: "in no seed", n: "in every seed"}.get(gap.ahead, f"in {gap.ahead} of {times(n, 'seed')}")


def _ranking(run: Run) -> str:
    """MAP@R beside raw pixels."""
    own, raw = (accuracy(run, name, "map@r") for name in ("encoder", "raw_pixels"))
    kind = run.params.eval.sought
    return f"MAP@R, which asks for all images of the {kind}, is {percent(own)} (raw pixels {percent(raw)})."


def _neighbours(run: Run) -> str:
    """Whether k-NN beats raw pixels, for each k, plainly."""
    said = {1: "beats", -1: "does not beat", 0: "cannot be told from"}  # by the sign of the difference
    sides: dict[int, list[str]] = {sign: [] for sign in said}
    for measure in accuracies(run):
        if not measure.key.startswith("knn"):
            continue
        gap = measured_gap(run, measure.key, "raw_pixels")
        own, raw = accuracy(run, "encoder", measure.key), accuracy(run, "raw_pixels", measure.key)
        k = measure.key.removeprefix("knn")
        sides[gap.sign].append(f"at k{NBSP}={NBSP}{k} ({percent(own)} against {percent(raw)})")
    clauses = [f"{verb} raw pixels {listing(sides[sign])}" for sign, verb in said.items() if sides[sign]]
    return f"Without any training on labels, k-NN {'; it '.join(clauses)}."


def _warnings(run: Run) -> list[str]:
    seeds, images, limit = len(run.params.seeds), run.card.test.images, run.params.data.limit
    found = []
    if seeds == 1:
        found.append("One seed proves nothing: no difference can be told from chance. Add seeds in params.yaml.")
    elif seeds == 2:
        found.append(
            "Two seeds: ± is only a rough guess at the spread, so only large differences can be told from chance. Five "
            "or more make a claim."
        )
    if limit is not None:
        found.append(f"Only the first {times(limit, 'training image')} were used (data.limit).")
    if run.card.skipped:
        found.append(
            f"{times(len(run.card.skipped), 'broken file')} in the data folder could not be used; see the data card."
        )
    if run.classes and run.card.leaks.images:
        found.append(
            f"{times(run.card.leaks.images, 'test image')} of {count(images)} can also be found among the "
            "training images, which flatters every accuracy; see the data card."
        )
    found += _collapses(run)
    if not run.classes:
        return found
    if images < FEW_TEST_IMAGES:
        error = error_of_accuracy(0.5, images)
        found.append(
            f"Only {times(images, 'test image')}: one standard error of an accuracy is up to "
            f"{fixed(100 * error, 1)} points, whatever the seeds say."
        )
    return found if run.card.unseen else found + _probe_warnings(run)


def _collapses(run: Run) -> list[str]:
    """One sentence for each seed whose training collapsed, by its last sign."""
    signs = run.curves.dropna(subset="collapse").groupby("seed").last()
    return [
        f"The training of seed {seed} collapsed: in epoch {row.epoch} {row.collapse}. Its embeddings have come to lie "
        "in one place, which the loss rewarded."
        for seed, row in signs.iterrows()
    ]


def _probe_warnings(run: Run) -> list[str]:
    largest = max(run.card.test.per_class) / run.card.test.images
    unfinished, chance = [], []
    for representation, by_seed in run.evaluations.items():
        for seed, evaluation in by_seed.items():
            name = inside(names(run)[representation]) + ("" if seed is None else f" (seed {seed})")
            probes = [*evaluation.probe_sweep, *evaluation.few_labels.values()]
            if not all(probe.converged for probe in probes):
                unfinished.append(name)
            if representation == "encoder" and evaluation.test["linear"] <= largest:
                chance.append(name)
    found = []
    if chance:
        found.append(f"The probe is no better than always naming the largest class: {listing(chance)}.")
    if unfinished:
        found.append(
            f"A linear probe stopped before it converged: {listing(unfinished)}. Raise eval.linear.max_iterations."
        )
    return found


def _on_mining(run: Run) -> str | None:
    """A few sentences; None without mining. Whether it helped is said beside its control alone."""
    if run.mined is None:
        return None
    return " ".join(filter(None, [_helped(run), _rounds(run), _false_negatives(run)]))


def _helped(run: Run) -> str:
    """Whether mining helped: the encoder beside the control, which trained as long with random batches."""
    if not run.classes:
        return "Without labels it cannot be told whether mining helped."
    if not run.evaluations["control"]:
        return (
            "This run cannot tell whether mining helped: with mining.control it trains as long with random batches, "
            "too, and compares."
        )
    first = accuracies(run)[0]
    gap = measured_gap(run, first.key, "control")
    own, control = (percent(accuracy(run, name, first.key)) for name in ("encoder", "control"))
    unknown = "One seed cannot tell" if len(run.params.seeds) == 1 else "It cannot be told"
    said = {
        1: "Mining helped, beyond noise",
        -1: "Mining did harm, beyond noise",
        0: f"{unknown} whether mining helped",
    }
    return (
        f"{said[gap.sign]}: {first.inside} is {own} on the test images, {in_points(gap)} than after as many epochs "
        f"with random batches ({control})."
    )


def _rounds(run: Run) -> str | None:
    """What the run is judged by, before mining against after the last round; None where it was not measured."""
    rounds, first = run.metrics.get("rounds", []), accuracies(run)[0]
    ends = [entry.get(first.key) for entry in (rounds[0], rounds[-1])] if len(rounds) > 1 else []
    found = mining_gap(run)
    if found is None or not all(end and is_number(end["mean"]) for end in ends):
        return None
    before, after = ends
    points = f"{fixed(100 * abs(found.mean), 1)} points"
    level = "of which one seed proves nothing" if found.why == ONE_SEED else "within what chance may do"
    change = {1: f"{points} more", -1: f"{points} less", 0: f"a change {level}"}[found.sign]
    worse = " Mining, or its learning rate, may have done harm." if found.sign == -1 else ""
    return (
        f"From before mining to after its last round {first.inside} went from {percent(before, 1)} to "
        f"{percent(after, 1)} on validation images, {change}; by then it had trained for "
        f"{times(run.params.all_epochs, 'epoch')} instead of {run.params.train.epochs}.{worse}"
    )


def _false_negatives(run: Run) -> str | None:
    same = run.metrics.get("mining", {}).get("same_class_share")
    if not same or run.params.positives.source in ("group", "order"):  # then another group's are true, of any class
        return None
    sizes = run.card.train.per_class
    chance = sum((size / sum(sizes)) ** 2 for size in sizes)
    return (
        f"{share(same['mean'])} of the negatives mined in the last round have the anchor's own class, so they are "
        f"false negatives (images drawn at random would give {share(chance)})."
    )
