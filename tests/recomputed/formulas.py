"""Every formula of docs/measuring.md once more, slow and plain, in float64; nothing of the package is used.

N images have features (N, D), D dimensions each.
"""

import io
import math
import warnings
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import numpy as np
import torch
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from torch import nn

FINEST = 2000
RESAMPLES = 10_000


def encoder(channels: int, width: int) -> nn.Sequential:
    """The encoder `small` with fresh weights from torch's generator, float32."""
    layers, widths = [], [channels, width, 2 * width, 4 * width, 8 * width]
    for before, after, stride in zip(widths[:-1], widths[1:], (2, 2, 1, 2), strict=True):
        layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())


def head(features: int, hidden: int, dimension: int) -> nn.Sequential:
    """The projection head behind it."""
    return nn.Sequential(
        nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, dimension)
    )


def as_input(pixels: np.ndarray, mean: list[float], std: list[float]) -> np.ndarray:
    """What an encoder takes of images (N, H, W, C) uint8: (N, C, H, W)."""
    return ((pixels / 255 - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2)


def features(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Of images (N, C, H, W), in evaluation mode: (N, D)."""
    with torch.no_grad():
        return network.double().eval()(torch.from_numpy(np.ascontiguousarray(images))).numpy()


def whitening(features: np.ndarray, share: float):
    """The function that whitens vectors by a share of the covariance of some features (N, D), estimated as Ledoit and
    Wolf do (2004), but for those features that do not vary."""
    mean, vary = features.mean(0), np.ptp(features, axis=0) > 0
    centred = (features - mean)[:, vary]
    images, dimension = centred.shape
    sample, alike = centred.T @ centred / images, np.eye(dimension)
    alike *= np.trace(sample) / dimension
    apart = ((sample - alike) ** 2).sum()
    noise = sum(((np.outer(row, row) - sample) ** 2).sum() for row in centred) / images**2
    shrunk = min(1, noise / apart)
    values, axes = np.linalg.eigh(shrunk * alike + (1 - shrunk) * sample)

    def whiten(vectors: np.ndarray) -> np.ndarray:
        found = vectors - mean
        found[:, vary] = found[:, vary] @ axes @ np.diag(values ** (-share / 2)) @ axes.T
        return found

    return whiten


def second_view(pixels: np.ndarray) -> np.ndarray:
    """What the tiny run's second view shows of an image (N, H, W, C): its mirror image, light grey levels inverted."""
    mirrored = pixels[:, :, ::-1]
    return np.where(mirrored < 128, mirrored, 255 - mirrored)


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.sqrt((vectors**2).sum(1, keepdims=True))
    return vectors / np.where(lengths == 0, 1, lengths)


def knn(queries: np.ndarray, bank: np.ndarray, labels: np.ndarray, k: int, tau: float) -> np.ndarray:
    """Classes (Q,) of queries (Q, D): each of the k nearest of the bank (N, D) votes exp(cosine / tau)."""
    queries, bank, found = unit(queries), unit(bank), []
    for query in queries:
        cosine = (bank * query).sum(1)
        nearest = sorted(range(len(bank)), key=lambda i: (-cosine[i], i))[:k]
        votes = Counter()
        for i in nearest:
            votes[int(labels[i])] += math.exp(cosine[i] / tau)
        found.append(min(votes, key=lambda label: (-votes[label], label)))
    return np.array(found)


class Probe:
    """Multinomial logistic regression on standardised features (N, D): the minimum, by Newton's method.

    Minimised is the mean cross-entropy plus weight_decay / 2 times the sum of the squared weights of all classes. Of
    two classes scikit-learn knows one weight vector, the difference of ours, whose square is twice the sum of both.

    That it is the minimum is checked: every partial derivative is 0.
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray, weight_decay: float, like: np.ndarray):
        self.mean, self.std = like.mean(0), like.std(0)
        self.std = np.where(self.std <= 1e-6 * np.abs(self.mean), 1, self.std)
        x, two = self._standard(x), len(set(labels.tolist())) == 2
        strength = weight_decay * len(x) / (2 if two else 1)
        self.model = LogisticRegression(C=1 / strength, solver="newton-cg", tol=1e-10, max_iter=10_000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps too small for float64, at the minimum
            self.model.fit(x, labels)
        weights = self.model.coef_
        weights = np.concatenate([-weights, weights]) / 2 if two else weights
        error = self.model.predict_proba(x) - (labels[:, None] == self.model.classes_)
        slopes = error.T @ x / len(x) + weight_decay * weights, error.mean(0)
        assert max(np.abs(slope).max() for slope in slopes) < 1e-6, "not at the minimum"

    def _standard(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) / self.std

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """(N, classes), the classes rising."""
        return self.model.predict_proba(self._standard(x))

    def classes(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(self._standard(x))


def retrieval(vectors: np.ndarray, labels: np.ndarray, ks: list[int]) -> dict[str, np.ndarray]:
    """Recall@k, MRR, R-precision and MAP@R of each image that has another of its class, among all others."""
    similarity = unit(vectors.astype(np.float64)) @ unit(vectors.astype(np.float64)).T
    names = [*(f"recall@{k}" for k in ks), "mrr", "r_precision", "map@r"]
    scores: dict[str, list[float]] = {name: [] for name in names}
    for query, label in enumerate(labels):
        others = np.delete(np.arange(len(labels)), query)
        ranked = others[np.argsort(-similarity[query, others], kind="stable")]
        right, r = labels[ranked] == label, int((labels[others] == label).sum())
        if not r:
            continue
        for k in ks:
            scores[f"recall@{k}"].append(float(right[:k].any()))
        cosines = similarity[query, ranked]
        before = sum(1 for cosine in cosines[~right] if cosine > cosines[right].max() - 1e-6)
        scores["mrr"].append(1 / (1 + before))
        scores["r_precision"].append(right[:r].mean())
        scores["map@r"].append(sum(right[: i + 1].mean() for i in range(r) if right[i]) / r)
    return {name: np.array(found) for name, found in scores.items()}


def retrieval_by_chance(labels: np.ndarray, ks: list[int]) -> dict[str, float]:
    """The same of a random order of the n others, of which r are right: means over all C(n, r) places of these."""
    n, scores = len(labels) - 1, []
    for r in (int((labels == label).sum()) - 1 for label in labels):
        if not r:
            continue
        orders = math.comb(n, r)
        found = {f"recall@{k}": 1 - Fraction(math.comb(n - min(k, n), r), orders) for k in ks}
        found["mrr"] = sum(Fraction(math.comb(n - rank, r - 1), orders * rank) for rank in range(1, n + 1))
        found["r_precision"] = Fraction(r, n)
        # a right one at rank i, and at each of the i - 1 ranks before it one of the other r - 1
        other = Fraction(r - 1, max(1, n - 1))
        found["map@r"] = sum(Fraction(r, n) * (1 + (i - 1) * other) / i for i in range(1, r + 1)) / r
        scores.append({name: float(value) for name, value in found.items()})
    return {name: math.fsum(each[name] for each in scores) / len(scores) for name in scores[0]}


def accuracy(found: np.ndarray, labels: np.ndarray) -> float:
    return sum(int(a == b) for a, b in zip(found, labels, strict=True)) / len(labels)


def few(labels: np.ndarray, training: np.ndarray, amount: float, draw: int) -> np.ndarray:
    """Which training images have labels in a draw of few: a share of each class, rounded up, or so many of each."""
    random, kept = np.random.Generator(np.random.Philox(key=draw)), []
    for label in sorted(set(labels[training].tolist())):
        members = np.array([i for i in training if labels[i] == label])
        wanted = math.ceil(Fraction(str(amount)) * len(members)) if amount < 1 else int(amount)
        kept += random.permutation(members)[:wanted].tolist()
    return np.array(sorted(kept))


def held_out(images: int, share: float, seed: int) -> np.ndarray:
    """Which training images are held out for validation."""
    random = np.random.Generator(np.random.Philox(key=[seed, 0]))
    return np.sort(random.permutation(images)[: round(Fraction(str(share)) * images)])


def groups_held_out(groups: list, labels: list, share: float, seed: int) -> list[int]:
    """Which training images are held out where these are their groups; all have labels, and the groups are enough."""
    members = {group: [i for i, other in enumerate(groups) if other == group] for group in sorted(set(groups))}
    drawable = [
        group
        for group, own in members.items()
        if not any(all(groups[i] == group for i, other in enumerate(labels) if other == labels[j]) for j in own)
    ]
    random, wanted = np.random.Generator(np.random.Philox(key=[seed, 0])), round(Fraction(str(share)) * len(groups))
    order, found = [drawable[i] for i in random.permutation(len(drawable))], []
    for group in order:
        if len(found) + len(members[group]) <= wanted:
            found += members[group]
    left = [members[group] for group in order if not set(members[group]) & set(found)]
    last = min(left, key=len)
    if not found or len(found) + len(last) - wanted < wanted - len(found):
        found += last
    return sorted(found)


def ends_of_resamples(scores: np.ndarray, chance: float) -> tuple[float, float]:
    """Where `chance` of all means over N scores drawn with replacement from N scores lie below: the quantile's bounds.

    The distribution is exact, a score's distribution folded N times with itself, where the scores are multiples of a
    fraction that is not below 1 / FINEST, to which they are rounded otherwise; the bounds are those of the quantile of
    a sample of so many means, four standard errors to either side.
    """
    scale = math.lcm(*(Fraction(score).limit_denominator(1000).denominator for score in scores.tolist()))
    scale = min(scale, FINEST)
    counts = Counter(round(score * scale) for score in scores.tolist())
    one = np.array([counts[i] / len(scores) for i in range(scale + 1)])
    sums = np.ones(1)
    for _ in scores:
        sums = np.convolve(sums, one)
    below = sums.cumsum()
    error = 4 * math.sqrt(chance * (1 - chance) / RESAMPLES)
    return tuple(float(np.searchsorted(below, chance + side * error)) / (scale * len(scores)) for side in (-1, 1))


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> list[tuple[int, float, float]]:
    """Images, mean confidence and accuracy of each bin (i / bins, (i + 1) / bins]."""
    table = []
    for i in range(bins):
        chosen = (confidence > i / bins) & (confidence <= (i + 1) / bins)
        means = (confidence[chosen].mean(), right[chosen].mean()) if chosen.any() else (0.0, 0.0)
        table.append((int(chosen.sum()), *map(float, means)))
    return table


def either_bin(confidence: np.ndarray, near: float, bins: int = 15) -> Iterator[np.ndarray]:
    """The confidences, and all that they may be where those so near to a border of bins lie on either side of it."""
    borders = np.round(confidence * bins) / bins
    close = np.flatnonzero((abs(confidence - borders) < near) & (borders < 1))
    for sides in product((-near, near), repeat=len(close)):
        moved = confidence.copy()
        moved[close] = borders[close] + sides
        yield moved


def calibration_error(table: list[tuple[int, float, float]]) -> float:
    return sum(n * abs(sure - right) for n, sure, right in table) / sum(n for n, _, _ in table)


def alignment(first: np.ndarray, second: np.ndarray) -> float:
    return float(((unit(first) - unit(second)) ** 2).sum(1).mean())


def uniformity(vectors: np.ndarray) -> float:
    vectors = unit(vectors)
    pairs = [math.exp(-2 * ((vectors[i] - vectors[j]) ** 2).sum()) for i in range(len(vectors)) for j in range(i)]
    return math.log(math.fsum(pairs) / len(pairs))


def cosine_bins(first: np.ndarray, second: np.ndarray, bins: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a first and a second view, counted by cosine in equal bins from -1 to 1: of one image, of different."""
    own, others, cosine = np.zeros(bins, int), np.zeros(bins, int), unit(first) @ unit(second).T
    for i, row in enumerate(cosine.tolist()):
        for j, value in enumerate(row):
            (own if i == j else others)[min(max(int((value + 1) / 2 * bins), 0), bins - 1)] += 1
    return own, others


def principal_components(pixels: np.ndarray, share: float, most: int = 128):
    """The function that maps pixels to the components of these pixels (N, D), the greatest variance first, each divided
    by that power of its deviation."""
    mean = pixels.mean(0)
    values, axes = np.linalg.eigh(np.cov(pixels.T))
    order = np.argsort(-values)[: min(most, *pixels.shape)]
    kept = order[values[order] > 1e-6 * values[order[0]]]
    return lambda others: (others - mean) @ axes[:, kept] / np.sqrt(values[kept]) ** share


def same(images: np.ndarray) -> np.ndarray:
    """Which of the images (N, H, W, C) are equal: bool (N, N)."""
    return np.array([[np.array_equal(one, other) for other in images] for one in images])


def mined(vectors: np.ndarray, k: int, left_out: int, equal: np.ndarray) -> np.ndarray:
    """For each of the vectors (N, D) the k most similar others, without the `left_out` nearest: rows (N, k).

    None is of an equal image, by (N, N).
    """
    vectors, found = unit(vectors), []
    for i, own in enumerate(vectors):
        cosine = (vectors * own).sum(1)
        ranked = sorted((j for j in range(len(vectors)) if not equal[i, j]), key=lambda j: (-cosine[j], j))
        found.append(ranked[left_out : left_out + k])
    return np.array(found)


STRENGTHS = {  # severities 1, 3 and 5 in images of up to 64 pixels
    "gaussian_noise": (0.04, 0.08, 0.1),
    "gaussian_blur": (0.4, 0.7, 1),
    "brightness": (0.05, 0.15, 0.3),
    "jpeg": (80, 58, 40),
    "rotation": (10, 20, 40),
}


def corrupted(image: np.ndarray, index: int, kind: str, strength: float) -> np.ndarray:
    """An image (H, W, C) uint8, the `index`-th of the test images, under a corruption."""
    random = np.random.Generator(np.random.Philox(key=[0, index]))
    shares = image / 255
    if kind == "gaussian_noise":
        shares = shares + strength * random.standard_normal(image.shape)
    elif kind == "gaussian_blur":
        shares = np.stack(
            [gaussian_filter(shares[..., c], strength, mode="nearest") for c in range(image.shape[2])], axis=2
        )
    elif kind == "brightness" and image.shape[2] == 1:
        shares = shares + strength
    elif kind == "brightness":
        hsv = rgb_to_hsv(shares)
        hsv[..., 2] = (hsv[..., 2] + strength).clip(0, 1)
        shares = hsv_to_rgb(hsv)
    else:
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        if kind == "jpeg":
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=strength)
            picture = Image.open(file)
        else:
            angle = strength if random.random() < 0.5 else -strength
            picture = picture.rotate(angle, Image.Resampling.BILINEAR)
        return np.asarray(picture).reshape(image.shape)
    return np.round(255 * shares.clip(0, 1)).astype(np.uint8)


def grey(pixels: np.ndarray) -> np.ndarray:
    """One channel of three, (N, H, W, 3) to (N, H, W, 1), with torchvision's weights."""
    return (pixels @ np.array([0.2989, 0.587, 0.114]))[..., None]


def nt_xent(first: torch.Tensor, second: torch.Tensor, tau: float, equal: np.ndarray) -> torch.Tensor:
    """Each of the 2N embeddings finds the other views of its image, and of equal ones by (N, N), among all others: the
    mean cross-entropy.
    """
    both = torch.cat([first, second])
    both = both / both.norm(dim=1, keepdim=True)
    losses = []
    for i in range(len(both)):
        logits = both @ both[i] / tau
        others = torch.cat([logits[:i], logits[i + 1 :]])
        found = [j for j in range(len(both)) if j != i and equal[i % len(first), j % len(first)]]
        losses.append(others.logsumexp(0) - logits[found].mean())
    return sum(losses) / len(losses)


def effective_rank(vectors: np.ndarray) -> float:
    """RankMe: exp of the entropy of the singular values' shares."""
    values = np.linalg.svd(unit(vectors), compute_uv=False)
    shares = values / values.sum()
    return math.exp(-sum(share * math.log(share) for share in shares if share > 0))


def trained(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, *, epochs: int, peak: float, settings: dict
) -> nn.Module:
    """A classifier after so many epochs of one batch each: all images (V * N, C, H, W), by SGD with momentum.

    The rate falls from `peak` to 0 by half a cosine; biases and BatchNorm are not decayed.
    """
    network = network.double().train()
    x, target = torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels)
    velocity = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    for epoch in range(epochs):
        loss = nn.functional.cross_entropy(network(x), target)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        rate = peak / 2 * (1 + math.cos(math.pi * epoch / epochs))
        with torch.no_grad():
            for (name, p), gradient in zip(network.named_parameters(), gradients, strict=True):
                decay = settings["weight_decay"] if p.ndim > 1 else 0
                velocity[name] = settings["momentum"] * velocity[name] + gradient + decay * p
                p -= rate * velocity[name]
    return network
