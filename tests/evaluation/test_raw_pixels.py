import numpy as np
import pytest
import torch

from contraflow.evaluation.raw_pixels import COMPONENTS, all_pixels, principal_components


@pytest.mark.parametrize("images", [400, 150])
def test_components_are_those_of_the_singular_value_decomposition(images):
    random = np.random.default_rng(0)
    x = (random.normal(size=(images, 200)) * np.geomspace(1, 10, 200) + 3).astype(np.float32)
    other = random.normal(size=(50, 200)).astype(np.float32)
    found = principal_components(x)(other)
    _, _, axes = np.linalg.svd(x - x.mean(0, dtype=float), full_matrices=False)
    expected = (other - x.mean(0, dtype=float)) @ axes[:COMPONENTS].T
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=0.02)
    assert found.dtype == np.float32
    deviation = (x - x.mean(0, dtype=float)) @ axes[:COMPONENTS].T
    whitened = principal_components(x, 0.5)(other)
    np.testing.assert_allclose(whitened, found / deviation.std(0, ddof=1) ** 0.5, rtol=1e-3, atol=1e-4)
    assert whitened.dtype == np.float32


@pytest.mark.parametrize(("shape", "count"), [((9, 5), 5), ((4, 7), 3)])
def test_no_more_components_than_vary(shape, count):
    x = np.eye(*shape, dtype=np.float32)
    found = principal_components(x)(x)
    assert found.shape == (len(x), count) and np.isfinite(found).all()


def test_distances_are_kept_where_nothing_is_left_out():
    x = np.random.default_rng(0).normal(size=(60, 20)).astype(np.float32)
    found = principal_components(x)(x)
    np.testing.assert_allclose(np.linalg.norm(found - found[0], axis=1), np.linalg.norm(x - x[0], axis=1), atol=1e-4)


@pytest.mark.parametrize(("size", "dimension"), [(28, 3 * 28**2), (32, 3 * 32**2), (96, 3 * 32**2)])
def test_large_images_are_averaged_down(size, dimension):
    images = torch.arange(2 * 3 * size**2, dtype=torch.float32).view(2, 3, size, size)
    found = all_pixels(size)(images)
    assert found.shape == (2, dimension)
    torch.testing.assert_close(found.mean(), images.mean())
