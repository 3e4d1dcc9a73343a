"""Linear probe: multinomial logistic regression on frozen features, solved to its minimum.

Nothing is drawn at random and there is no learning rate: the objective is convex, so its minimum, and with it the
accuracy, belongs to the features and not to an optimiser's luck.

scikit-learn's `LogisticRegression` (1.9.1) was measured beside it on 54,000 features of 128 dimensions, weight decays
of 1e-2, 1e-3 and 1e-4 in turn, in seconds of one processor: this took 2.6 s, `lbfgs` in float32 5.9 s and `newton-cg`
in float64 11.2 s; at 1e-4 both came to a higher objective. `python -m benchmarks.libraries` compares anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from contraflow.evaluation.curvature import Curvature
from contraflow.foundations.errors import UserError

CPU = torch.device("cpu")
TOLERANCE = 1e-5  # of the objective: what the last step may still have promised to take off
FORCING = 0.5  # of its first residual, to which a Newton step is solved
LAST = 0.3  # the same of a step that may be the last: at 0.4 its promise is now and then too small to stop by
SUFFICIENT = 1e-4  # of the decrease that the gradient promises, which a step must bring (Armijo)
LENGTHS = [2.0**-halved for halved in range(20)]  # of a step, tried in turn
LOGITS = 2**24  # held at a time
TILE = 2**21  # bytes of features at a time, so that they stay in the processor's cache from the logits to the gradient
ROWS = 4096  # images classified at a time
CONSTANT = 1e-6  # a standard deviation below this share of the mean is rounding
NOTHING = 1e-12  # share of the largest variance below which there is nothing but rounding
FLAT = 1e-6  # share of the largest curvature below which there is nothing but rounding


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    Attributes:
        classes: The classes that occur in the training labels, (C,), rising. Others are never predicted.
        mean: Of each training feature, (D,).
        scale: Standard deviation of each training feature, (D,); 1 where it is constant.
        weight: For standardised features, (C, D) float64.
        bias: (C,) float64.
        weight_decay: Factor of half the squared weights in the objective.
        objective: Its value at the end.
        iterations: Of conjugate gradients, in all Newton steps.
        converged: Whether the minimum was reached within the iterations allowed.
    """

    classes: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    weight_decay: float
    objective: float
    iterations: int
    converged: bool

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of each class in `classes` for features (N, D): (N, C) float32, rows sum to 1."""
        standard = torch.from_numpy((features - self.mean) / self.scale)
        weight, bias = torch.from_numpy(self.weight).to(standard.dtype), torch.from_numpy(self.bias).to(standard.dtype)
        return torch.softmax(torch.addmm(bias, standard, weight.T), dim=1).numpy()

    def classify(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The most probable class for features (N, D), (N,) int64, and its probability, (N,) float32."""
        predicted, confidence = np.empty(len(features), np.int64), np.empty(len(features), np.float32)
        for start in range(0, len(features), ROWS):
            rows = slice(start, start + ROWS)
            probabilities = self.probabilities(features[rows])
            best = probabilities.argmax(1)
            predicted[rows] = self.classes[best]
            confidence[rows] = np.take_along_axis(probabilities, best[:, None], 1)[:, 0]
        return predicted, confidence

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The most probable class for features (N, D): (N,) int64."""
        return self.classify(features)[0]

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Share of the images whose label is predicted, 0 to 1."""
        return float((self.predict(features) == labels).mean())


class Problem:
    """The logistic regression of one set of features and labels, prepared once for any number of weight decays.

    Minimised is the mean cross-entropy plus weight_decay / 2 times the sum of the squared weights of standardised
    features; the bias is free. In scikit-learn's terms, C = 1 / (weight_decay * N). Inside, features are centred and
    turned into the K principal axes along which they vary, which changes neither penalty nor minimum. What one solve
    meets of the curvature helps the next.

    Args:
        features: Shape (N, D), finite.
        labels: Shape (N,), class numbers.
        device: Where to compute.
        like: Compute there, and standardise as that problem does, whose images these few are of; by default they are
            standardised by their own statistics.

    Raises:
        UserError: there are no images.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        *,
        device: torch.device = CPU,
        like: "Problem | None" = None,
    ):
        if len(features) == 0:
            raise UserError("the linear probe has no images to learn from: data.validation_fraction leaves none")
        self._classes, targets = np.unique(labels, return_inverse=True)
        if like is not None:
            device = like._mean.device
        self._targets = torch.from_numpy(targets).to(device)
        x = torch.from_numpy(np.ascontiguousarray(features, np.float32)).to(device)
        if like is None:
            variance, self._mean = torch.var_mean(x, dim=0, correction=0)
            deviation = variance.sqrt()
            self._scale = torch.where(deviation <= CONSTANT * self._mean.abs(), 1, deviation)
        else:
            self._mean, self._scale = like._mean, like._scale
        x = (x - self._mean).div_(self._scale)
        self._centre = x.mean(dim=0, dtype=torch.float64)
        self._axes, variances = _principal_axes(x, self._centre)
        axes = self._axes.float()  # rounds no more than the features are already
        self._x = x.new_ones(len(x), len(variances) + 1)  # the last column is the bias's
        for rows in (slice(first, first + ROWS) for first in range(0, len(x), ROWS)):
            self._x[rows, :-1] = (x[rows] - self._centre).float() @ axes
        self._moments = torch.cat([variances, variances.new_ones(1)])
        self._met = Curvature(len(x), len(self._classes) * len(self._moments))

    def solve(self, weight_decay: float, *, max_iterations: int, start: Probe | None = None) -> Probe:
        """Minimise from zero, or from a probe of the same classes and nearly the same problem.

        By Newton's method, each step solved roughly by conjugate gradients (Nocedal & Wright 2006, "Numerical
        Optimization", algorithm 7.1). It has converged when a step, solved and taken, promised to lower the objective
        by no more than TOLERANCE of itself: half the squared Newton decrement, which has no unit and so needs no scale.
        Objective and gradient are float64; the products with the Hessian, nearly all of the work, float32.
        """
        decay = torch.full_like(self._moments, weight_decay)
        decay[-1] = 0
        w = torch.zeros(len(self._classes), len(decay), dtype=torch.float64)
        w = w.to(decay.device)
        if start is not None and np.array_equal(start.classes, self._classes):
            weight, bias = (torch.from_numpy(part).to(decay.device) for part in (start.weight, start.bias))
            w = torch.column_stack([weight @ self._axes, bias + weight @ self._centre])
        p = torch.empty(len(w), len(self._x), device=decay.device)
        value, gradient = self._objective(w, decay, p)
        iterations, converged = 0, False
        while not converged and iterations < max_iterations:
            newton = self._newton_step(gradient, decay, p, TOLERANCE * value, max_iterations - iterations)
            iterations += newton.iterations
            converged = newton.last
            slope = float((gradient * newton.step).sum())
            for length in LENGTHS:
                further = w + length * newton.step
                lower, its_gradient = self._objective(further, decay, p)
                if converged or lower <= value + SUFFICIENT * length * slope:
                    break
            if not lower < value:  # nothing but rounding is left
                break
            w, value, gradient = further, lower, its_gradient
        weight = w[:, :-1] @ self._axes.T
        return Probe(
            classes=self._classes,
            mean=self._mean.cpu().numpy(),
            scale=self._scale.cpu().numpy(),
            weight=weight.cpu().numpy(),
            bias=(w[:, -1] - weight @ self._centre).cpu().numpy(),
            weight_decay=weight_decay,
            objective=value,
            iterations=iterations,
            converged=converged,
        )

    def _newton_step(self, gradient: Tensor, decay: Tensor, p: Tensor, enough: float, max_iterations: int) -> "_Step":
        """Solve Hessian * step = -gradient by preconditioned conjugate gradients, more closely where it promises to
        lower the objective by no more than `enough`.

        The residual is measured without what earlier steps have met: that makes it small where they went, and so says
        little of where none has been yet.
        """
        rough = self._preconditioner(decay, p)
        inverse = self._met.refine(rough, decay)
        step, decrease, iterations = torch.zeros_like(gradient), 0.0, 0
        residual = -gradient
        direction = inverse(residual)
        length = float((residual * direction).sum())
        left = first = float((residual * rough(residual)).sum())
        while left > (LAST if decrease <= enough else FORCING) ** 2 * first and iterations < max_iterations:
            iterations += 1
            product = self._hessian(direction, decay, p)
            curvature = float((direction * product).sum())
            if curvature <= 0:  # rounding: the objective is convex
                break
            self._met.meet(direction, product, decay)
            along = length / curvature
            step += along * direction
            residual -= along * product
            decrease += along * length / 2
            preconditioned = inverse(residual)
            before, length = length, float((residual * preconditioned).sum())
            left = float((residual * rough(residual)).sum())
            direction = preconditioned + length / before * direction
        return _Step(step, iterations, last=decrease <= enough and left <= LAST**2 * first)

    def _preconditioner(self, decay: Tensor, p: Tensor) -> Callable[[Tensor], Tensor]:
        """The inverse of the Hessian with the mean of products in it taken for the product of means.

        The Hessian is the mean over images of (diag(p) - p p^T) x (x x^T), x the Kronecker product: here it is
        mean(diag(p) - p p^T) x mean(x x^T), as in Martens & Grosse 2015, "Optimizing Neural Networks with
        Kronecker-factored Approximate Curvature", whose eigenvectors are those of both factors; the second is diagonal
        in the axes of the features. The first shrinks as the images are told apart, which the second alone would miss:
        on separable images that costs two to three times the iterations (observed).
        """
        between = (torch.diag(p.sum(dim=1)) - p @ p.T).double() / p.shape[1]
        spread, classes = torch.linalg.eigh(between)
        curvature = spread.clamp(min=0)[:, None] * self._moments
        floor = FLAT * float(curvature.max()) or FLAT
        curvature = (curvature + decay[0]).clamp(min=floor)
        return lambda v: classes @ ((classes.T @ v) / curvature)

    def _objective(self, w: Tensor, decay: Tensor, p: Tensor) -> tuple[float, Tensor]:
        """Its value and gradient at `w` (C, K + 1); `p` (C, N) becomes the probabilities."""
        total, gradient = 0.0, torch.zeros_like(w)
        for rows in self._tiles(w):
            x, target = self._x[rows].double(), self._targets[None, rows]
            log_p = torch.log_softmax(w @ x.T, dim=0)
            total -= float(log_p.gather(0, target).sum())
            residual = log_p.exp_()
            p[:, rows] = residual
            residual.scatter_add_(0, target, residual.new_full(target.shape, -1))
            gradient += residual @ x
        n = len(self._x)
        return total / n + float((decay * w.square()).sum()) / 2, gradient / n + decay * w

    def _hessian(self, v: Tensor, decay: Tensor, p: Tensor) -> Tensor:
        """Its product with `v` (C, K + 1), where the probabilities are `p` (C, N)."""
        single, product = v.float(), torch.zeros_like(v)
        for rows in self._tiles(single):
            x, weight = self._x[rows], p[:, rows]
            change = single @ x.T
            change -= (change * weight).sum(dim=0)
            product += (change * weight) @ x
        return product / len(self._x) + decay * v

    def _tiles(self, w: Tensor) -> list[slice]:
        """Rows of the features that fit with their logits, in the type of the weights `w` (C, K + 1)."""
        count, dimension = w.shape
        step = max(1, min(TILE // (dimension * w.element_size()), LOGITS // count))
        return [slice(first, first + step) for first in range(0, len(self._x), step)]


@dataclass(frozen=True)
class _Step:
    """A Newton step, (C, K + 1), its iterations, and whether it promises so little, as far as it was solved, that it is
    the last."""

    step: Tensor
    iterations: int
    last: bool


def _principal_axes(x: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal axes (D, K), as columns, along which the features `x` (N, D) vary about their mean, and their
    variances (K,), both float64.

    Weights along others would add to the penalty alone, so there are none. With fewer images than features the axes
    come from the smaller matrix of products. Features that are 0 throughout, as of dead units, are left out of the
    larger one: with some hundreds of them MKL's solver, which torch calls, may not converge.
    """
    images, dimension = x.shape
    if images < dimension:
        x = x - centre
        values, vectors = torch.linalg.eigh(x @ x.T / images)
        vary = values > NOTHING * values[-1]
        values = values[vary]
        return x.T @ vectors[:, vary] / (images * values).sqrt(), values
    moments = centre.new_zeros(dimension, dimension)
    for part in x.split(ROWS):
        part = part - centre
        moments += part.T @ part
    live = moments.diagonal().nonzero().flatten()
    values, vectors = torch.linalg.eigh(moments[live[:, None], live] / images)
    vary = values > NOTHING * values[-1] if len(live) else live.bool()
    axes = vectors.new_zeros(dimension, int(vary.sum()))
    axes[live] = vectors[:, vary]
    return axes, values[vary]
