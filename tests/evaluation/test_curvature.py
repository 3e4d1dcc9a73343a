import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.evaluation import curvature as module
from contraflow.evaluation.curvature import Curvature

CLASSES, AXES = 2, 3
SIZE = CLASSES * AXES


def positive(rng, size=SIZE):
    """A random symmetric positive matrix."""
    root = rng.normal(size=(size, size))
    return root @ root.T + 0.1 * np.eye(size)


def times(matrix):
    return lambda v: (torch.from_numpy(matrix) @ v.reshape(-1, 1)).view_as(v)


def met(curvature, hessian, directions, decay):
    for direction in directions:
        product = hessian @ direction + (decay * direction.reshape(CLASSES, AXES)).ravel()
        of = (torch.from_numpy(each.reshape(CLASSES, AXES)) for each in (direction, product))
        curvature.meet(*of, torch.from_numpy(decay))


def matrix_of(inverse):
    """What a preconditioner makes of each unit vector."""
    rows = [inverse(row.view(CLASSES, AXES)).flatten() for row in torch.eye(SIZE, dtype=torch.float64)]
    return torch.stack(rows).numpy()


def updated(inverse, s, y):
    """The inverse matrix of BFGS after one pair (Nocedal & Wright 2006, equation 6.17)."""
    rho = 1 / (s @ y)
    left = np.eye(SIZE) - rho * np.outer(s, y)
    return left @ inverse @ left.T + rho * np.outer(s, s)


@given(seed=st.integers(0, 2**31), pairs=st.integers(0, 9))
def test_equals_bfgs_pair_by_pair_with_the_penalty_of_now(seed, pairs):
    rng = np.random.default_rng(seed)
    start, hessian = positive(rng), positive(rng)
    directions = rng.normal(size=(pairs, SIZE))
    then, now = rng.uniform(0, 1, size=(2, AXES))
    curvature = Curvature(10_000, SIZE)
    met(curvature, hessian, directions, then)
    expected = start
    for s in directions:
        expected = updated(expected, s, (hessian + np.diag(np.tile(now, CLASSES))) @ s)
    found = matrix_of(curvature.refine(times(start), torch.from_numpy(now)))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert np.linalg.eigvalsh((found + found.T) / 2).min() > 0


def test_is_the_inverse_once_conjugate_directions_span_all():
    rng = np.random.default_rng(0)
    hessian = positive(rng)
    conjugate = np.linalg.inv(np.linalg.cholesky(hessian))  # rows p with p H p = 1 and p H q = 0
    curvature = Curvature(10_000, SIZE)
    met(curvature, hessian, conjugate, np.zeros(AXES))
    found = matrix_of(curvature.refine(times(positive(rng)), torch.zeros(AXES, dtype=torch.float64)))
    np.testing.assert_allclose(found, np.linalg.inv(hessian), rtol=1e-8, atol=1e-10)


def test_the_last_are_kept_as_images_and_memory_allow(monkeypatch):
    rng = np.random.default_rng(0)
    hessian, directions, none = positive(rng), rng.normal(size=(5, SIZE)), np.zeros(AXES)

    def kept(images):
        curvature = Curvature(images, SIZE)
        met(curvature, hessian, directions, none)
        return matrix_of(curvature.refine(times(np.eye(SIZE)), torch.from_numpy(none)))

    def of(last):
        expected = np.eye(SIZE)
        for s in last:
            expected = updated(expected, s, hessian @ s)
        return expected

    np.testing.assert_allclose(kept(15), of([]), rtol=1e-9)
    np.testing.assert_allclose(kept(32), of(directions[-2:]), rtol=1e-9)
    monkeypatch.setattr(module, "MEMORY", 3 * 16 * SIZE)
    np.testing.assert_allclose(kept(10_000), of(directions[-3:]), rtol=1e-9)


def test_a_direction_that_met_hardly_more_than_the_penalty_is_not_believed_without_it():
    tiny = np.diag([1e-9] + [1.0] * (SIZE - 1))
    curvature = Curvature(10_000, SIZE)
    met(curvature, tiny, np.eye(SIZE)[:1], np.full(AXES, 0.1))
    found = matrix_of(curvature.refine(times(np.eye(SIZE)), torch.zeros(AXES, dtype=torch.float64)))
    np.testing.assert_allclose(found, np.eye(SIZE))
