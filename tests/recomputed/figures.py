"""Every figure of a run, recomputed from its files: images, weights and tables of negatives; no figure is read."""

import math
import re
from collections.abc import Callable
from functools import cached_property, partial, wraps
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np
import torch
from recomputed import formulas
from recomputed.reading import Files, Images, Split

EXACT = 1e-9
FLOAT32 = 3e-5  # of alignment, uniformity and cosines, which the package computes in float32 and rounds to six digits
CONFIDENCE = 2e-4  # of a probe's, which hangs on how near to its minimum it came
SURE = 1e-4  # of a calibration error, apart from images that are so near to the border of two bins
NEARLY_TIED = 1e-4  # of a mean over queries: cosines that differ by rounding may stand in either order
FEATURES = 32  # by the encoder's width: 8 channels in each of four quarters
IMAGES = 1  # so many test images may lie so near to the border between two classes that rounding decides


class Figure(NamedTuple):
    """A figure, and how far what the run says of it may lie from it."""

    value: float
    slack: float = EXACT


class Vectors(NamedTuple):
    """Features (N, D) of all training images, all test images, and both views of each test image."""

    train: np.ndarray
    test: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Measured(NamedTuple):
    """The figures of one representation: accuracies by name, the scores of each test image that they are the means
    of, the weight decays tried, the chosen one first, and what the probe makes of each test image."""

    test: dict[str, float]
    validation: dict[str, float]
    scores: dict[str, np.ndarray]
    tried: list[float]
    predicted: np.ndarray
    confidence: np.ndarray


def spread(figures: list[Figure]) -> dict[str, Figure]:
    """Mean, standard deviation of a sample and number of the figures of several seeds."""
    values, slack, n = [figure.value for figure in figures], max(figure.slack for figure in figures), len(figures)
    std = Figure(stdev(values), slack * math.sqrt(n / (n - 1))) if n > 1 else Figure(0)
    return {"mean": Figure(fmean(values), slack), "std": std, "n": Figure(n)}


def once(method: Callable) -> Callable:
    """A method whose every answer is computed once, and kept with its object."""

    @wraps(method)
    def answer(self, *arguments):
        known, asked = self.__dict__.setdefault("answers", {}), (method.__name__, *arguments)
        if asked not in known:
            known[asked] = method(self, *arguments)
        return known[asked]

    return answer


class Figures:
    """All figures of the run in `files`, by the names of metrics.json."""

    def __init__(self, files: Files):
        self.files, self.data, self.params = files, files.data, files.params
        self.seeds, self.eval = self.params["seeds"], self.params["eval"]
        self.rounds = range(self.params["mining"]["rounds"] + 1)

    @cached_property
    def by_name(self) -> dict[str, list[tuple[str, int | None]]]:
        """The seeds of each representation."""
        names = ("encoder", "control", "untrained", "supervised")
        seeded = {name: [(name, seed) for seed in self.seeds] for name in names}
        return seeded | {"raw_pixels": [("raw_pixels", None)], "pca_pixels": [("pca_pixels", None)]}

    # What is measured

    def encoder(self, name: str, seed: int, number: int | None = None) -> torch.nn.Sequential:
        """A run's encoder with its weights; after so many rounds, by default the last."""
        channels, width = self.data.card["channels"], self.params["model"]["width"]
        if name == "untrained":
            torch.manual_seed(seed)
            return formulas.encoder(channels, width)
        network = formulas.encoder(channels, width)
        network.load_state_dict(part(self.files.weights(self.checkpoint(name, seed, number)), "encoder."))
        return network

    def checkpoint(self, name: str, seed: int, number: int | None = None) -> str:
        number = max(self.rounds) if number is None else number
        if name == "supervised":
            return f"evaluate/supervised/seed{seed}/encoder.safetensors"
        arm = {"encoder": "mine", "control": "mine/control"}[name]
        folder = f"{arm}/seed{seed}/round{number}" if number else f"pretrain/seed{seed}"
        return f"{folder}/encoder.safetensors"

    def inputs(self, pixels: np.ndarray) -> np.ndarray:
        """What the run's encoders take of images (N, H, W, C)."""
        return formulas.as_input(pixels, self.data.card["mean"], self.data.card["std"])

    @once
    def network(self, name: str, seed: int | None):
        """The function that maps images (N, C, H, W) to features (N, D)."""
        if name in ("raw_pixels", "pca_pixels"):
            return lambda images: images.reshape(len(images), -1)
        return self.whitened(name, seed)

    @once
    def whitened(self, name: str, seed: int, number: int | None = None):
        """The function that maps images (N, C, H, W) to what a run's encoder makes of them, whitened by the images that
        are trained on."""
        encoder = self.encoder(name, seed, number)
        known = formulas.features(encoder, self.inputs(self.data.train.pixels[self.data.training]))
        whiten = formulas.whitening(known, self.params["model"]["whitening"])
        return lambda images: whiten(formulas.features(encoder, images))

    @once
    def vectors(self, name: str, seed: int | None) -> Vectors:
        train, test = self.data.train.pixels, self.data.test.pixels
        inputs = map(self.inputs, (train, test, test, formulas.second_view(test)))
        found = Vectors(*map(self.network(name, seed), inputs))
        if name == "pca_pixels":
            change = formulas.principal_components(found.train[self.data.training], self.params["model"]["whitening"])
            found = Vectors(*map(change, found))
        return found

    # Probe and k-NN

    def measure(self, train: np.ndarray, test: np.ndarray, data: Split) -> Measured:
        """Of features of a data set's training and test images."""
        labels, training, held_out = data.train.labels, data.training, data.validation
        fit = partial(formulas.Probe, train[training], labels[training], like=train[training])
        tried, validation, _ = self._best(fit, train[held_out], labels[held_out])
        probe = formulas.Probe(train, labels, tried[0], train)
        predicted = probe.classes(test)
        scores, on_validation = {"linear": predicted == data.test.labels}, {"linear": validation}
        for name, amount in self.few.items():
            draws = []
            for draw in range(self.eval["few_draws"]):
                known = formulas.few(labels, training, amount, draw)
                fit = partial(formulas.Probe, train[known], labels[known], like=train[training])
                _, validation, best = self._best(fit, train[held_out], labels[held_out])
                right = best.classes(test) == data.test.labels
                draws.append((validation, right))
            on_validation[name] = fmean(validation for validation, _ in draws)
            scores[name] = np.mean([right for _, right in draws], axis=0)
        for name, knn in self.knn.items():
            scores[name] = formulas.knn(test, train, labels, **knn) == data.test.labels
            found = formulas.knn(train[held_out], train[training], labels[training], **knn)
            on_validation[name] = formulas.accuracy(found, labels[held_out])
        scores |= formulas.retrieval(test, data.test.labels, self.eval["retrieval"])
        queries = formulas.retrieval(train[held_out], labels[held_out], self.eval["retrieval"])
        on_validation |= {name: float(np.mean(each)) for name, each in queries.items()}
        return Measured(
            test={name: float(np.mean(right)) for name, right in scores.items()},
            validation=on_validation,
            scores={name: np.asarray(right, float) for name, right in scores.items()},
            tried=tried,
            predicted=predicted,
            confidence=probe.probabilities(test).max(1),
        )

    def _best(self, fit: Callable, x: np.ndarray, labels: np.ndarray) -> tuple[list[float], float, formulas.Probe]:
        """The weight decays that were tried, that with the best accuracy first, of several the strongest; that
        accuracy, and its probe.

        Beyond an edge of the grid that is best, values are tried as docs/measuring.md says.
        """
        grid = sorted(self.eval["linear"]["weight_decay"])
        trials: dict[float, tuple[float, formulas.Probe]] = {}

        def tried(w: float) -> float:
            probe = fit(weight_decay=w)
            trials[w] = formulas.accuracy(probe.classes(x), labels), probe
            return trials[w][0]

        def best() -> float:
            return max(trials, key=lambda w: (trials[w][0], w))

        for w in grid:
            tried(w)
        for edge, ratio in ((max, grid[-1] / grid[-2]), (min, grid[0] / grid[1])):
            for _ in range(6):
                chosen = best()
                if chosen != edge(trials) or tried(float(f"{chosen * ratio:.9g}")) < trials[chosen][0] + 0.001:
                    break
        chosen = best()
        return [chosen, *sorted(trials, reverse=True)], *trials[chosen]

    @property
    def few(self) -> dict[str, float]:
        """Amounts of labels by the name of their figure."""
        return {f"linear_{int(n)}each" if n >= 1 else f"linear_{100 * n:g}pct": n for n in self.eval["few_labels"]}

    @property
    def knn(self) -> dict[str, dict]:
        return {f"knn{each['k']}": each for each in self.eval["knn"]}

    @once
    def measured(self, name: str, seed: int | None) -> Measured:
        vectors = self.vectors(name, seed)
        return self.measure(vectors.train, vectors.test, self.data)

    def calibration_error(self, of: Measured) -> Figure:
        """It is a step where an image goes from one bin into the next, as rounding may have it."""
        right = of.predicted == self.data.test.labels
        tables = [
            formulas.calibration(confidence, right) for confidence in formulas.either_bin(of.confidence, CONFIDENCE)
        ]
        errors = [formulas.calibration_error(table) for table in tables]
        return Figure((min(errors) + max(errors)) / 2, (max(errors) - min(errors)) / 2 + SURE)

    # The summary

    @staticmethod
    def accuracies(
        measured: list[dict[str, float]], tested: int | None = None, near: tuple[str, ...] = ("linear",)
    ) -> dict[str, dict[str, Figure]]:
        """Accuracies of several seeds summed up; where so many are tested, those of `near` may be off by few images."""
        slacks = {"linear": EXACT, "knn": EXACT} | dict.fromkeys(near if tested else (), EXACT + IMAGES / (tested or 1))

        def figure(name: str, value: float) -> Figure:
            return Figure(value, slacks.get(re.match("[a-z]+", name)[0], NEARLY_TIED))

        return {name: spread([figure(name, each[name]) for each in measured]) for name in measured[0]}

    def representation(self, name: str) -> dict:
        of_seeds = [self.measured(*each) for each in self.by_name[name]]
        found = self.accuracies([each.test for each in of_seeds], len(self.data.test.labels))
        for key, figures in found.items():
            for end, chance in (("low", 0.025), ("high", 0.975)):
                bounds = [formulas.ends_of_resamples(each.scores[key], chance) for each in of_seeds]
                least, most = (fmean(bound) for bound in zip(*bounds, strict=True))
                rounded = 1 / formulas.FINEST if key in ("mrr", "r_precision", "map@r") else 0
                slack = 1e-6 + figures["mean"].slack + rounded
                figures[end] = Figure((least + most) / 2, (most - least) / 2 + slack)
        vectors = [self.vectors(*each) for each in self.by_name[name]]
        return found | {
            "alignment": spread([Figure(formulas.alignment(each.first, each.second), FLOAT32) for each in vectors]),
            "uniformity": spread([Figure(formulas.uniformity(each.test), FLOAT32) for each in vectors]),
            "ece": spread([self.calibration_error(each) for each in of_seeds]),
        }

    @cached_property
    def by_chance(self) -> dict[str, float]:
        """What a random order gets in retrieval."""
        return formulas.retrieval_by_chance(self.data.test.labels, self.eval["retrieval"])

    @cached_property
    def validation(self) -> dict:
        return {
            name: self.accuracies([self.measured(*each).validation for each in self.by_name[name]])
            for name in self.by_name
        }

    # Rounds of mining

    @once
    def after_round(self, seed: int, number: int) -> tuple[dict[str, float], np.ndarray]:
        """Accuracies on validation images of the encoder after a round, and what the probe takes their classes for."""
        labels, training, held_out = self.data.train.labels, self.data.training, self.data.validation
        vectors = self.whitened("encoder", seed, number)(self.inputs(self.data.train.pixels))
        bank = vectors[training]
        fit = partial(formulas.Probe, bank, labels[training], like=bank)
        _, linear, best = self._best(fit, vectors[held_out], labels[held_out])
        found = {"linear": linear}
        for name, knn in self.knn.items():
            classes = formulas.knn(vectors[held_out], bank, labels[training], **knn)
            found[name] = formulas.accuracy(classes, labels[held_out])
        return found, confusion(labels[held_out], best.classes(vectors[held_out]), self.classes)

    @property
    def classes(self) -> int:
        return len(self.data.card["classes"])

    def negatives(self, seed: int, number: int) -> dict[str, np.ndarray]:
        """The table of negatives that a round was trained with."""
        return self.files.arrays(f"mine/seed{seed}/round{number}/negatives.npz")

    def false_negatives(self, seed: int, number: int) -> dict[str, float]:
        """Shares of the negatives that have their anchor's class: of all, of each anchor's first, of its last."""
        table, labels = self.negatives(seed, number), self.data.train.labels
        same = [
            [labels[anchor] == labels[other] for other in others]
            for anchor, others in zip(table["anchor"], table["negative"], strict=True)
        ]
        each = {"share": same, "first": [row[:1] for row in same], "last": [row[-1:] for row in same]}
        return {f"same_class_{name}": float(np.mean(rows)) for name, rows in each.items()}

    @cached_property
    def by_round(self) -> list[dict]:
        found = []
        for number in self.rounds:
            rows = [self.after_round(seed, number)[0] for seed in self.seeds]
            if number:
                more = [self.false_negatives(seed, number) for seed in self.seeds]
                rows = [row | false for row, false in zip(rows, more, strict=True)]
            found.append({"round": Figure(number)} | self.accuracies(rows))
        return found

    # Further measurements

    @cached_property
    def corruptions(self) -> dict:
        return {name: self._corruptions(name) for name in self.by_name if name != "pca_pixels"}

    def _corruptions(self, name: str) -> dict:
        cases = [("clean", 0, None)]
        cases += [(kind, level, s[i]) for kind, s in formulas.STRENGTHS.items() for i, level in enumerate((1, 3, 5))]
        found: dict = {}
        for kind, level, strength in cases:
            of_seeds = [self._corrupted(*each, kind, strength) for each in self.by_name[name]]
            # blurred images lie so near to each other that rounding may decide who is among the nearest
            found.setdefault(kind, {})[str(level)] = self.accuracies(of_seeds, len(self.data.test.labels), ("knn",))
        return found

    def _corrupted(self, name: str, seed: int | None, kind: str, strength: float | None) -> dict[str, float]:
        test = self.data.test
        pixels = self.corrupted(kind, strength)
        vectors = self.network(name, seed)(self.inputs(pixels))
        bank = self.vectors(name, seed).train
        return {
            key: formulas.accuracy(formulas.knn(vectors, bank, self.data.train.labels, **knn), test.labels)
            for key, knn in self.knn.items()
        }

    @once
    def corrupted(self, kind: str, strength: float | None) -> np.ndarray:
        pixels = self.data.test.pixels
        if strength is None:
            return pixels
        return np.stack([formulas.corrupted(image, i, kind, strength) for i, image in enumerate(pixels)])

    @cached_property
    def transfer(self) -> dict:
        return {
            name: self.accuracies(
                [self.transferred(*each).test for each in self.by_name[name]], len(self.files.transfer.test.labels)
            )
            for name in self.by_name
            if name != "pca_pixels"
        }

    @once
    def transferred(self, name: str, seed: int | None) -> Measured:
        other = self.files.transfer
        train, test = (
            self.network(name, seed)(self.inputs(formulas.grey(images.pixels))) for images in (other.train, other.test)
        )
        return self.measure(train, test, other)

    @cached_property
    def fine_tune(self) -> dict:
        return {
            name: {"accuracy": spread([Figure(self.fine_tuned(name, seed)) for seed in self.seeds])}
            for name in ("encoder", "untrained")
        }

    def fine_tuned(self, name: str, seed: int) -> float:
        """Of the tiny run, whose training images are one batch, all of them with their labels."""
        tuning, train, model = self.eval["fine_tune"], self.params["train"], self.params["model"]
        images = self.data.train.pixels[self.data.training]
        assert (tuning["share"], train["batch_size"]) == (1, len(images))
        encoder = self.encoder("untrained", seed)  # draws what comes before the classifier from the generator
        dimension = FEATURES * model["width"]
        formulas.head(dimension, model["projection_hidden"], model["projection_dim"])
        classifier = torch.nn.Linear(dimension, self.classes)
        if name == "encoder":
            encoder = self.encoder(name, seed)
        network = formulas.trained(
            torch.nn.Sequential(encoder, classifier),
            self.inputs(np.concatenate([images, formulas.second_view(images)])),
            np.tile(self.data.train.labels[self.data.training], 2),
            epochs=tuning["epochs"],
            peak=tuning["lr"] * train["batch_size"] / 256,
            settings=train,
        )
        test: Images = self.data.test
        return formulas.accuracy(formulas.features(network, self.inputs(test.pixels)).argmax(1), test.labels)

    @cached_property
    def metrics(self) -> dict:
        """All of metrics.json."""
        return {name: self.representation(name) for name in self.by_name} | {
            "chance": {name: spread([Figure(value)]) for name, value in self.by_chance.items()},
            "validation": self.validation,
            "rounds": self.by_round,
            "mining": {"same_class_share": self.by_round[-1]["same_class_share"]},
            "corruptions": self.corruptions,
            "transfer": self.transfer,
            "fine_tune": self.fine_tune,
        }

    # What the training says of itself

    @once
    def epoch(self, seed: int, number: int) -> dict[str, float]:
        """The row of a round's history, where a round is one step on all training images at once.

        The loss and the embeddings are those before the step, from the weights that the round starts from; k-NN is that
        of the encoder after it.
        """
        model, data = self.params["model"], self.data
        images = data.train.pixels[data.training]
        if number:
            encoder = self.encoder("encoder", seed, number - 1)
            head = formulas.head(FEATURES * model["width"], model["projection_hidden"], model["projection_dim"])
            weights = self.files.weights(self.checkpoint("encoder", seed, number - 1))
            head.load_state_dict(part(weights, "projection."))
        else:
            encoder = self.encoder("untrained", seed)
            head = formulas.head(FEATURES * model["width"], model["projection_hidden"], model["projection_dim"])
        network = torch.nn.Sequential(encoder, head).double().train()
        views = self.inputs(np.concatenate([images, formulas.second_view(images)]))
        embedded = network(torch.from_numpy(np.ascontiguousarray(views)))
        first, second = embedded.split(len(images))
        loss = formulas.nt_xent(first, second, self.params["loss"]["tau"], formulas.same(images))
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        first, second = first.detach().numpy(), second.detach().numpy()
        cosine = formulas.unit(first) @ formulas.unit(first).T
        np.fill_diagonal(cosine, -1)
        after = self.whitened("encoder", seed, number)(self.inputs(data.train.pixels))
        labels = data.train.labels
        classes = formulas.knn(after[data.validation], after[data.training], labels[data.training], k=20, tau=0.07)
        return {
            "loss": loss.item(),
            "alignment": formulas.alignment(first, second),
            "uniformity": formulas.uniformity(first),
            "positive": float((formulas.unit(first) * formulas.unit(second)).sum(1).mean()),
            "hardest": float(cosine.max(1).mean()),
            "rank": formulas.effective_rank(first),
            "spread": float(formulas.unit(first).std(0, ddof=1).mean() * math.sqrt(first.shape[1])),
            "gradient_norm": math.sqrt(sum(float((each**2).sum()) for each in gradients)),
            "knn": formulas.accuracy(classes, labels[data.validation]),
        }


def part(weights: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def confusion(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    table = np.zeros((classes, classes), int)
    for i, j in zip(actual, predicted, strict=True):
        table[i, j] += 1
    return table
