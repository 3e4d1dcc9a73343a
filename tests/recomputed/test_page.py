"""Every figure that the page shows against its recomputation; a table without one fails."""

import base64
import io
import re
from statistics import fmean

import numpy as np
import pytest
from PIL import Image
from recomputed import formulas
from recomputed.figures import EXACT, FLOAT32, IMAGES, Figure, confusion, spread
from recomputed.page import numbers, read
from scipy import stats

NAMES = {
    "encoder": "Encoder",
    "control": "Control without mining",
    "untrained": "Untrained encoder",
    "raw_pixels": "Raw pixels",
    "pca_pixels": "Principal components",
    "supervised": "Supervised training",
}
CASES = {"clean": "As they are", "jpeg": "JPEG"}
CURVES = {  # columns of a history by the name that the page gives them
    "k-NN, validation": "knn",
    "alignment": "alignment",
    "uniformity": "uniformity",
    "cosine to positive": "positive",
    "cosine to hardest negative": "hardest",
    "effective rank": "rank",
    "spread": "spread",
    "gradient norm": "gradient_norm",
}


@pytest.fixture(scope="module")
def page(run):
    return read(run.page)


# What a cell says: the figures in it, in their order


def percent(summed):
    """Mean and, of several seeds, standard deviation, in per cent."""
    return [scaled(figure, 100) for figure in with_deviation(summed)]


def with_deviation(summed):
    return [summed["mean"], summed["std"]] if summed["n"].value > 1 else [summed["mean"]]


def scaled(figure, factor):
    return Figure(factor * figure.value, abs(factor) * figure.slack)


def less(one, other):
    return Figure(one.value - other.value, one.slack + other.slack)


def check(text, figures, what=""):
    """A text names these figures and no others, as far as its digits go."""
    found = numbers(text)
    assert len(found) == len(figures), f"{what}: {text!r} should name {[figure.value for figure in figures]}"
    for (value, rounding), figure in zip(found, figures, strict=True):
        assert abs(value - figure.value) <= rounding + figure.slack + EXACT, (
            f"{what}: {text!r} should name {[figure.value for figure in figures]}"
        )


# Tables: rows by the name at their beginning, each with the figures of its cells


def summary(table):
    rows = {}
    for key, name in NAMES.items():
        rows[name] = []
        for measure, summed in table[key].items():
            if measure in ("alignment", "uniformity", "ece"):
                continue
            cell = [*percent(summed), summed["n"]]
            if key != "raw_pixels":
                cell.append(scaled(less(summed["mean"], table["raw_pixels"][measure]["mean"]), 100))
            cell += [scaled(summed[end], 100) for end in ("low", "high") if end in summed]
            rows[name].append(cell)
    return rows


def by_chance(figures):
    """Of retrieval alone."""
    found = figures.metrics["chance"]
    return {"Chance": [percent(found[name]) if name in found else [] for name in figures.validation["encoder"]]}


def corruptions(figures):
    rows = {}
    for case, levels in figures.corruptions["encoder"].items():
        for level in levels:
            name = CASES.get(case, case.replace("_", " ").capitalize()) + (f" severity {level}" if level > "0" else "")
            rows[name] = [
                percent(figures.corruptions[key][case][level][knn])
                for key in NAMES
                if key in figures.corruptions
                for knn in figures.knn
            ]
    return rows


def by_round(figures):
    rows = {}
    for row in figures.by_round:
        number = int(row["round"].value)
        columns = ["linear", *figures.knn, "same_class_share", "same_class_first", "same_class_last"]
        cells = [percent(row[column]) if column in row else [] for column in columns]
        rows[f"Round {number}" if number else "Before mining"] = cells
    return rows


def by_pass(figures):
    """The one view that is looked at shows an image as it is, and all images are one batch."""
    rows, k = {}, figures.params["mining"]["k"]
    copies = formulas.same(figures.data.train.pixels[figures.data.training]).sum(1) - 1
    left_out = round(figures.params["mining"]["fn_share"] * len(copies))
    for seed in figures.seeds:
        for number in figures.rounds[1:]:
            alike = figures.negatives(seed, number)["similarity"]
            spreads = [
                [Figure(np.quantile(values, q), FLOAT32) for q in (0.5, 0.05, 0.95)]
                for values in (np.ones(len(copies)), alike, 1 - alike)
            ]
            counts = [copies.mean(), left_out, 0, k, 0]
            rows[f"Round {number} seed {seed}"] = [*spreads, *([Figure(value)] for value in counts)]
    return rows


def summed_confusion(figures):
    """Counts of actual (row) and predicted classes of the test images over all seeds."""
    tables = [
        confusion(figures.data.test.labels, figures.measured("encoder", seed).predicted, figures.classes)
        for seed in figures.seeds
    ]
    return sum(tables)


def shares_of(counts):
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


def matrix(figures):
    """Per cent of each actual class; an error that is rounded to 0 is a dot."""
    names, rows = figures.data.card["classes"], {}
    for i, row in enumerate(100 * shares_of(summed_confusion(figures))):
        rows[names[i]] = [[Figure(v)] if i == j or round(v) else [] for j, v in enumerate(row)]
    return rows


def per_class(figures):
    """Precision, recall and F1, means over seeds, and images."""
    labels, rows = figures.data.test.labels, {}
    for label, name in enumerate(figures.data.card["classes"]):
        each = []
        for seed in figures.seeds:
            predicted = figures.measured("encoder", seed).predicted
            hits = int(((predicted == label) & (labels == label)).sum())
            given, actual = int((predicted == label).sum()), int((labels == label).sum())
            each.append((hits / given if given else 0, hits / actual, 2 * hits / (given + actual)))
        means = [[Figure(100 * fmean(column))] for column in zip(*each, strict=True)]
        rows[name] = [*means, [Figure((labels == label).sum())]]
    return rows


def errors_that_changed(figures):
    names = figures.data.card["classes"]
    before, after = (
        shares_of(sum(figures.after_round(seed, number)[1] for seed in figures.seeds))
        for number in (0, max(figures.rounds))
    )
    change = [(abs(after[i, j] - before[i, j]), -i, -j) for i in range(len(names)) for j in range(len(names)) if i != j]
    rows = {}
    for size, i, j in sorted(change, reverse=True)[:6]:
        if size > 0:
            ends = before[-i, -j], after[-i, -j]
            rows[f"{names[-i]} {names[-j]}"] = [[Figure(100 * v)] for v in (*ends, ends[1] - ends[0])]
    return rows


def by_size_of_class(figures):
    """Recall of the queries that have as many others of their class as from one power of two to the next."""
    labels = figures.data.test.labels
    others = np.array([(labels == label).sum() - 1 for label in labels])
    first, rows, power = f"recall@{figures.eval['retrieval'][0]}", {}, 1
    others = others[others > 0]
    while power <= others.max():
        members = np.flatnonzero((others >= power) & (others < 2 * power))
        power *= 2
        if len(members):
            ends = sorted({int(others[members].min()), int(others[members].max())})
            name = f"{' to '.join(map(str, ends))} {len(members)} quer{'y' if len(members) == 1 else 'ies'}"
            scores = {key: [figures.measured(*each).scores[first] for each in figures.by_name[key]] for key in NAMES}
            rows[name] = [
                percent(spread([Figure(float(score[members].mean())) for score in of])) for of in scores.values()
            ]
    return rows


TABLES = {
    "Accuracy on the test images": lambda figures: summary(figures.metrics) | by_chance(figures),
    "Accuracy on the validation images": lambda figures: summary(figures.validation),
    "Corrupted test images": corruptions,
    "Transfer to folder": lambda figures: {
        NAMES[key]: [percent(figures.transfer[key][measure]) for measure in figures.validation[key]]
        for key in NAMES
        if key in figures.transfer
    },
    "Fine-tuning with few labels": lambda figures: {
        name: [percent(figures.fine_tune[key]["accuracy"])]
        for key, name in (("encoder", "Encoder, fine-tuned"), ("untrained", "Untrained encoder, fine-tuned"))
    },
    "Recall@1 by size of the class": by_size_of_class,
    "Alignment and uniformity": lambda figures: {
        name: [with_deviation(figures.metrics[key][shape]) for shape in ("alignment", "uniformity")]
        for key, name in NAMES.items()
    },
    "Confusion matrix": matrix,
    "Precision, recall and F1 of each class": per_class,
    "Accuracy and false negatives by round": by_round,
    "Similarity of positives and negatives, by mining pass": by_pass,
    "Errors that changed most from before mining to the last round": errors_that_changed,
}
OF_PICTURES, OF_SETTINGS, OF_DIGESTS = "Augmented views", "parameters", "reproduce"


def test_every_table_is_recomputed(page):
    inside = {id(table) for region in page.all("div", role="region") for table in region.all("table")}
    labels = [region.attributes["aria-label"] for region in page.all("div", role="region") if region.all("table")]
    assert sorted(labels) == sorted([*TABLES, OF_PICTURES])
    other = [table for name in (OF_SETTINGS, OF_DIGESTS) for table in page.one("section", id=name).all("table")]
    assert {id(table) for table in page.all("table")} == inside | {id(table) for table in other}


@pytest.mark.parametrize("label", TABLES)
def test_a_table(page, figures, label):
    (body,) = [
        found.one("tbody") for found in page.all("div", role="region") if found.attributes["aria-label"] == label
    ]
    rows, expected = body.all("tr"), TABLES[label](figures)
    names = [(row.all("th") or row.all("td", kind="name"))[0].text for row in rows]
    assert names == list(expected)
    for row, name in zip(rows, names, strict=True):
        cells = [cell for cell in row.all("td") if cell.attributes.get("class") != "name"]
        assert len(cells) == len(expected[name])
        for cell, figures_in_it in zip(cells, expected[name], strict=True):
            check(cell.text, figures_in_it, name)


def test_every_digest(run, page):
    files = {file: run.digest(file) for file in run.results.rglob("*") if file.is_file()}
    files[run.path / "baseline.json"] = run.digest(run.path / "baseline.json")
    rows = page.one("section", id=OF_DIGESTS).all("table")[0].one("tbody").all("tr")
    for row in rows:
        name, digest = (cell.text for cell in row.all("td"))
        named = {found for file, found in files.items() if file.as_posix().endswith(f"/{name}")}
        assert digest in named, name
    assert len(rows) == len({row.all("td")[0].text for row in rows}) > 20


# Texts


def test_the_facts_of_the_data(page, figures):
    data, section = figures.data, page.one("section", id="data")
    said = facts(section)
    check(said["Training images"], [Figure(len(data.training)), Figure(len(data.validation))])
    check(said["Test images"], [Figure(len(data.test.labels))])
    check(said["Classes"], [Figure(len(set(data.train.labels.tolist())))])
    check(said["Image size"], [Figure(side) for side in data.train.pixels.shape[1:3]])
    pixels = data.train.pixels / 255  # of one channel
    check(said["Mean pixel"], [Figure(pixels.mean()), Figure(pixels.std()), Figure(0), Figure(1)])
    strips = section.all("ul", kind="strip-list")[0].all("li")
    for label, strip in enumerate(strips):
        assert strip.one("b").text == data.card["classes"][label]
        counts = [Figure((split.labels == label).sum()) for split in (data.train, data.test)]
        check(strip.one("span").text, counts)


def test_copies_and_leaks(page, figures):
    train, test = ([image.tobytes() for image in split.pixels] for split in (figures.data.train, figures.data.test))
    copies = [i for i, image in enumerate(train) if image in train[:i]]
    leaks = [i for i, image in enumerate(test) if image in train]
    text = page.one("section", id="data").text
    assert re.search(rf"\b{len(leaks)}\stest images? seen twice", text)
    assert re.search(rf"\b{len(copies)}\straining images? seen twice", text)


def test_how_it_was_measured(page, figures):
    """The numbers in the words on how: images, amounts of labels and the first seed's weight decay."""
    first, data, few = ("encoder", figures.seeds[0]), figures.data, figures.eval["few_labels"]
    lists = {name: page.one("section", id=name).all("dl", kind="protocol") for name in ("results", "extras")}
    (said,), (_, transfer, _) = ([facts(each) for each in of] for of in lists.values())
    training, held_out = len(data.training), len(data.validation)
    tested = len(data.test.labels)
    check(said["validation"], [Figure(training), Figure(held_out)])
    check(said["test"], [Figure(training + held_out), Figure(tested)])
    check(said["weight decay"], [Figure(n) for n in figures.measured(*first).tried])
    drawn = [len(formulas.few(data.train.labels, data.training, amount, draw=0)) for amount in few]
    assert [int(n) for n in re.findall(r"(\d+) \(linear_", said["few labels"])] == drawn
    check(said["queries"], [Figure(tested)])
    other = figures.files.transfer
    check(transfer["data"], [Figure(len(images.labels)) for images in (other.train, other.test)])
    check(transfer["weight decay"], [Figure(figures.transferred(*first).tried[0]), Figure(len(other.validation))])


def facts(element):
    """A list of terms and what is said of each."""
    return {term.text: fact.text for term, fact in zip(element.all("dt"), element.all("dd"), strict=True)}


def test_the_most_confused_classes(page, figures):
    shares, names = shares_of(summed_confusion(figures)), figures.data.card["classes"]
    errors = sorted(
        (-shares[i, j], i, j) for i in range(len(names)) for j in range(len(names)) if i != j and shares[i, j] > 0
    )
    section = page.one("section", id="classes")
    entries = section.one("ul", kind="strip-list").all("li")
    assert len(entries) == min(5, len(errors))
    for entry, (share, i, j) in zip(entries, errors, strict=False):
        assert [word.text for word in entry.all("b")] == [names[i], names[j]]
        check(entry.one("span").text, [Figure(-100 * share)])
    said = re.findall(r"(\w+) taken for (\w+) \(([\d.]+)", section.all("p")[0].text)
    assert [(a, b) for a, b, _ in said] == [(names[i], names[j]) for _, i, j in errors[:3]]
    for (_, _, number), (share, _, _) in zip(said, errors, strict=False):
        check(number, [Figure(-100 * share)])


def test_the_calibration(page, figures):
    section = page.one("section", id="calibration")
    said = [figure for key in NAMES for figure in percent(figures.metrics[key]["ece"])]
    check(section.all("p")[0].text, said)
    (label,) = labels_of(page, "calibration-wide")
    check(label, [scaled(figures.metrics[key]["ece"]["mean"], 100) for key in NAMES])


def labels_of(page, kind):
    """What the drawings of a kind say of themselves."""
    return [found.attributes["aria-label"] for found in page.all("svg", kind=kind)]


def test_the_plane(page, figures):
    expected = []
    for key in NAMES:
        for name, seed in figures.by_name[key]:
            vectors = figures.vectors(name, seed)
            expected.append(Figure(formulas.alignment(vectors.first, vectors.second), FLOAT32))
            expected.append(Figure(formulas.uniformity(vectors.test), FLOAT32))
    (label,) = labels_of(page, "plane-wide")
    check(label, expected)


def test_how_similar_pairs_are(page, figures):
    expected = []
    for key in ("encoder", "untrained"):
        vectors = [figures.vectors(key, seed) for seed in figures.seeds]
        counts = [formulas.cosine_bins(each.first, each.second) for each in vectors]
        positive, negative = map(sum, zip(*counts, strict=True))
        middle = next(i for i in range(len(positive)) if positive[: i + 1].sum() >= positive.sum() / 2)
        # a pair on the edge of two bins may be counted in either
        expected.append(Figure(100 * negative[middle + 1 :].sum() / negative.sum(), 0.02))
    (label,) = labels_of(page, "similarities-wide")
    check(label, expected)
    text = page.one("section", id="features").text
    check(re.search(r"Of pairs of different images .*? in the untrained encoder it is [\d.]+", text)[0], expected)


def test_the_training_curves(page, figures):
    """Of every seed and round, and that the page tells the last."""
    said = {
        (int(row["seed"]), int(row["round"])): {name: float(row[name]) for name in ("loss", *CURVES.values())}
        for row in figures.files.rows("evaluate/curves.csv")
    }
    for (seed, number), row in said.items():
        expected = figures.epoch(seed, number)
        assert row == pytest.approx(expected, rel=2e-4, abs=2e-5), (seed, number)
    assert len(said) == len(figures.seeds) * len(figures.rounds)
    last = [figures.epoch(seed, max(figures.rounds)) for seed in figures.seeds]
    (loss,) = labels_of(page, "loss-wide")
    check(
        loss,
        [f for seed, row in zip(figures.seeds, last, strict=True) for f in (Figure(seed), Figure(row["loss"], 1e-3))],
    )
    (diagnosis,) = labels_of(page, "diagnosis-wide")
    for name, column in CURVES.items():
        value = fmean(row[column] for row in last)
        (number,) = re.findall(rf"{name} (-?[\d.e-]+?)[,.](?:\s|$)", diagnosis)
        assert float(number) == pytest.approx(value, rel=6e-3, abs=1e-4), name


def test_collapses(page, figures):
    """A seed is said to have collapsed where its last sign is, by the rule of docs/measuring.md."""
    for seed in figures.seeds:
        signs = [n for n in figures.rounds if collapsed(*(figures.epoch(seed, i) for i in range(max(0, n - 1), n + 1)))]
        said = re.findall(rf"training of seed {seed} collapsed: in epoch (\d+)", page.one("section", id="verdict").text)
        assert said == [str(number + 1) for number in signs[-1:]]


def collapsed(first, *later):
    """Whether a round of one epoch is a collapse, from its row and that of the round before it, where there is one."""
    last = later[-1] if later else first
    if last["knn"] - first["knn"] > 0.05:
        return False
    fell = later and last["loss"] < first["loss"]
    signs = [last[name] < min(least, first[name]) for name, least in (("spread", 0.25), ("rank", 2))]
    return last["spread"] < 0.1 or (fell and any(signs))


def test_what_is_said_of_mining(page, figures):
    last, mining, data = max(figures.rounds), figures.params["mining"], figures.data
    left_out = round(mining["fn_share"] * len(data.training))
    share = figures.metrics["mining"]["same_class_share"]["mean"]
    said = page.one("section", id="negatives").all("p")[0].text
    anchors = figures.params["report"]["gallery_anchors"]
    check(
        said,
        [Figure(n) for n in (last, figures.seeds[0], anchors, mining["candidates"], left_out)] + [scaled(share, 100)],
    )
    counts = np.bincount(data.train.labels)
    chance = ((counts / counts.sum()) ** 2).sum()
    aside = page.one("section", id="verdict").one("div", kind="aside").one("p").text
    sentence = re.search(r"([^.]|\.\d)*the anchor's own class.*?\)", aside)[0]
    check(sentence, [scaled(share, 100), Figure(100 * chance)])


# What the verdict says of differences


def gap(figures, measure, baseline):
    """Of the encoder to a baseline, seed by seed and image by image: mean, low and high end of its interval."""
    own = [figures.measured("encoder", seed).scores[measure] for seed in figures.seeds]
    of_seeds = [figures.measured(*each).scores[measure] for each in figures.by_name[baseline]]
    d = np.array(own) - np.array(of_seeds * (len(own) // len(of_seeds)))
    n, images = d.shape
    by_seed, by_image, mean = d.mean(1), d.mean(0), d.mean()
    rest = ((d - by_seed[:, None] - by_image + mean) ** 2).sum() / ((n - 1) * (images - 1))
    seeds = by_seed.var(ddof=1) / n
    others = max(0, by_image.var(ddof=1) / images - rest / (n * images))
    freedom = (seeds + others) ** 2 / (seeds**2 / (n - 1) + others**2 / (images - 1))
    quantiles = stats.t.ppf(0.975, n - 1), stats.t.ppf(0.975, freedom)
    margin = max(quantiles[0] * seeds**0.5, quantiles[1] * (seeds + others) ** 0.5)
    slack = 2 * IMAGES / images
    ends = [Figure(end, slack * (1 + quantiles[0])) for end in (mean - margin, mean + margin)]
    return Figure(mean, slack), *ends


def test_the_differences_in_the_verdict(page, figures):
    text = page.one("section", id="verdict").all("div")[0].all("p")[1].text
    own, summed = figures.metrics["encoder"]["linear"], figures.metrics
    named = re.search(r"names the class of (.*?) of the", text)[1]
    check(named, percent(own))
    differences = re.findall(r"([\d.]+) points (more|less) \(95.% interval (.*?)\)", text)
    baselines = re.findall(r"(?:raw pixels|untrained encoder) \(([^()]*?) %\)", text)
    for (said, side, ends), level, baseline in zip(differences, baselines, ("raw_pixels", "untrained"), strict=False):
        mean, *interval = gap(figures, "linear", baseline)
        check(said, [scaled(mean, -100 if side == "less" else 100)], baseline)
        check(ends, [scaled(end, 100) for end in interval], baseline)
        check(level, percent(summed[baseline]["linear"]))
    assert len(differences) == len(baselines) == 2
    neighbours = re.findall(r"at k = (\d+) \((.*?) % against (.*?) %\)", text)
    assert sorted(f"knn{k}" for k, _, _ in neighbours) == sorted(figures.knn)
    for k, said, against in neighbours:
        check(said, percent(summed["encoder"][f"knn{k}"]))
        check(against, percent(summed["raw_pixels"][f"knn{k}"]))


# Pictures


def pictures(element):
    """The tiles (H, W, C) of a strip of small images, one beside the other with gaps of one pixel."""
    kind, _, content = element.attributes["src"].partition(",")
    assert kind == "data:image/png;base64"
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    if strip.ndim == 2:
        return [strip[..., None]]
    side = len(strip)
    return [strip[:, start : start + side, :1] for start in range(0, strip.shape[1], side + 1)]


def found_in(tile, pixels):
    """Which images a tile shows; several where they are copies."""
    return [i for i, image in enumerate(pixels) if np.array_equal(image, tile)]


def test_the_samples_are_training_images_of_their_class(page, figures):
    data = figures.data
    for label, strip in enumerate(page.one("section", id="data").all("ul", kind="strip-list")[0].all("li")):
        shown = [found_in(tile, data.train.pixels) for tile in pictures(strip.one("img"))]
        assert len(shown) == 8
        for found in shown:
            assert set(found) & set(data.training.tolist())
            assert {int(data.train.labels[i]) for i in found} == {label}


def test_the_views_are_what_is_trained_on(page, figures):
    """Of this run, whose views leave nothing to chance: the image as it is, and mirrored and inverted."""
    (table,) = [r.one("tbody") for r in page.all("div", role="region") if r.attributes["aria-label"] == OF_PICTURES]
    for row in table.all("tr"):
        own, *epochs = (pictures(image) for image in row.all("img"))
        assert set(found_in(own[0], figures.data.train.pixels)) & set(figures.data.training.tolist())
        assert len(epochs) == 3
        for first, second in epochs:
            np.testing.assert_array_equal(first, own[0])
            np.testing.assert_array_equal(second, formulas.second_view(own[0][None])[0])


def test_mistaken_images_are_mistaken(page, figures):
    test, names = figures.data.test, figures.data.card["classes"]
    predicted = figures.measured("encoder", figures.seeds[0]).predicted
    for entry in page.one("section", id="classes").one("ul", kind="strip-list").all("li"):
        actual, other = (names.index(word.text) for word in entry.all("b"))
        mistaken = np.flatnonzero((test.labels == actual) & (predicted == other)).tolist()
        shown = [found_in(tile, test.pixels) for image in entry.all("img") for tile in pictures(image)]
        assert len(shown) == min(8, len(mistaken))
        assert all(set(found) & set(mistaken) for found in shown)


def test_the_mined_negatives(page, figures):
    """Every table of negatives; and the gallery shows those of its anchors in the first seed's last table."""
    data, mining = figures.data, figures.params["mining"]
    left_out = round(mining["fn_share"] * len(data.training))
    equal = formulas.same(data.train.pixels[data.training])
    for seed in figures.seeds:
        for number in figures.rounds[1:]:
            table = figures.negatives(seed, number)
            vectors = mined_from(figures, seed, number)
            place = {image: row for row, image in enumerate(data.training.tolist())}
            taken = np.array([[place[image] for image in row] for row in table["negative"].tolist()])
            np.testing.assert_array_equal(table["anchor"], data.training)
            for rows in (
                taken,
                formulas.mined(vectors, mining["k"], left_out, equal),
            ):  # equally similar ones may change places
                cosines = (formulas.unit(vectors)[:, None] * formulas.unit(vectors)[rows]).sum(2)
                np.testing.assert_allclose(table["similarity"], cosines, atol=FLOAT32)
            assert (table["suspected"] == left_out).all()
            assert (table["known"] == equal.sum(1) - 1).all()
            np.testing.assert_allclose(table["positive"], 1, atol=FLOAT32)  # the first view is the image as it is
    vectors = dict(zip(data.training.tolist(), mined_from(figures, figures.seeds[0], max(figures.rounds)), strict=True))
    shown = figures.negatives(figures.seeds[0], max(figures.rounds))
    negatives = dict(zip(shown["anchor"].tolist(), shown["negative"].tolist(), strict=True))
    section = page.one("section", id="negatives")
    entries = [entry for entry in section.one("ul", kind="anchors").all("li") if entry.all("div", kind="own")]
    assert len(entries) == figures.params["report"]["gallery_anchors"]
    for entry in entries:
        own, *others = [pictures(image)[0] for image in entry.all("img")]
        (anchor,) = set(found_in(own, data.train.pixels)) & set(data.training.tolist())
        for place, (tile, item) in enumerate(zip(others, entry.one("ol").all("li"), strict=True)):
            other = negatives[anchor][place]
            assert other in found_in(tile, data.train.pixels)
            cosine = formulas.unit(vectors[anchor][None]) @ formulas.unit(vectors[other][None]).T
            said = item.one("span").text
            check(said, [Figure(cosine.item(), FLOAT32), Figure(left_out + place + 1)])
            assert ("same class" in item.text) == (data.train.labels[anchor] == data.train.labels[other])


def test_the_worst_queries_and_what_they_find(page, figures):
    """Those of the first seed whose nearest other of their class comes last, each neighbour with its mark."""
    test, section = figures.data.test, page.one("section", id="retrieval")
    found = formulas.unit(figures.vectors("encoder", figures.seeds[0]).test.astype(np.float64))
    cosine, labels = found @ found.T, test.labels
    first = {}  # of each query the least and the greatest rank: cosines that differ by rounding may stand in any order
    for query in range(len(labels)):
        others = [i for i in range(len(labels)) if i != query]
        nearest = max(cosine[query, i] for i in others if labels[i] == labels[query])
        wrong = [cosine[query, i] for i in others if labels[i] != labels[query]]
        first[query] = [1 + sum(c > nearest + slack for c in wrong) for slack in (FLOAT32, -FLOAT32)]
    at_once = [np.mean([rank[end] == 1 for rank in first.values()]) for end in (1, 0)]
    said = section.all("p")[0].text
    figure = Figure(50 * sum(at_once), 50 * (at_once[1] - at_once[0]))
    check(said, [Figure(len(first)), Figure(len(labels) - 1), Figure(figures.seeds[0]), figure])
    entries, shown = (
        [entry for entry in section.one("ul", kind="anchors").all("li") if entry.all("div", kind="own")],
        [],
    )
    assert len(entries) == figures.params["report"]["gallery_anchors"]
    for entry in entries:
        own, *others = [pictures(image)[0] for image in entry.all("img")]
        told = entry.one("div", kind="own").text
        query, rank = (int(n) for n in re.search(r"test image (\d+) first right one at rank (\d+)", told).groups())
        assert query in found_in(own, test.pixels) and first[query][0] <= rank <= first[query][1]
        shown.append((-rank, query))
        ranked = sorted((cosine[query, i] for i in range(len(labels)) if i != query), reverse=True)
        items = entry.one("ol").all("li")
        assert len(items) == 10
        for tile, item, expected in zip(others, items, ranked, strict=False):
            similarity, place = re.search(r"([\d.\u2212]+) · no. (\d+)", item.text).groups()
            assert int(place) in found_in(tile, test.pixels) and int(place) != query
            check(similarity, [Figure(expected, FLOAT32)])
            check(similarity, [Figure(cosine[query, int(place)], FLOAT32)])
            right = labels[int(place)] == labels[query]
            assert (item.attributes["class"], "✓ right" in item.text, "✗ wrong" in item.text) == (
                "right" if right else "wrong",
                right,
                not right,
            )
            assert figures.data.card["classes"][labels[int(place)]] in item.text
    assert shown == sorted(shown) and len(set(shown)) == len(shown)
    rest = [rank[0] for query, rank in first.items() if (query not in {each for _, each in shown})]
    assert max(rest) <= -shown[-1][0]


def test_who_is_shown_as_near_to_whom(page, figures):
    """Six queries evenly spaced and the six worst, each beside the one with the greatest cosine."""
    test, section = figures.data.test, page.one("section", id="alike")
    found = formulas.unit(figures.vectors("encoder", figures.seeds[0]).test.astype(np.float64))
    cosine = found @ found.T
    np.fill_diagonal(cosine, -1)
    entries = [entry for pairs in section.all("ul", kind="pairs") for entry in pairs.all("li")]
    shown = []
    for entry in entries:
        images = entry.all("img")
        query, other = (int(re.search(r"Test image (\d+)", image.attributes["alt"])[1]) for image in images[::2])
        for place, image in ((query, images[0]), (other, images[2])):
            assert place in found_in(pictures(image)[0], test.pixels)
            assert figures.data.card["classes"][test.labels[place]] in image.attributes["alt"]
        said = re.search(r"similarity ([\d.\u2212]+)", entry.text)[1]
        check(said, [Figure(cosine[query, other], FLOAT32)])
        check(said, [Figure(cosine[query].max(), FLOAT32)])
        shown.append(query)
    assert set(np.linspace(0, len(test.labels) - 1, 6).round().astype(int).tolist()) <= set(shown)
    assert len(set(shown)) == len(shown) and len(section.all("ul", kind="pairs")) == 2


def mined_from(figures, seed, number):
    """Features of the images that are trained on, by the encoder that a round's negatives are mined with."""
    images = figures.data.train.pixels[figures.data.training]
    return figures.whitened("encoder", seed, number - 1)(figures.inputs(images))
