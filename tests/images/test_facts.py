import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contraflow.images.facts import count_values, mean_and_std


@given(n=st.integers(1, 1100), channels=st.sampled_from([1, 3]), seed=st.integers(0, 99))
def test_equals_numpy_in_double_precision(n, channels, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 2, 3, channels)).astype(np.uint8)
    mean, std = mean_and_std(count_values(pixels))
    np.testing.assert_allclose(mean, (pixels / 255).mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (pixels / 255).std(axis=(0, 1, 2)), rtol=1e-9)


def test_the_order_of_images_does_not_matter():
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 4, 4, 1)).astype(np.uint8)
    assert mean_and_std(count_values(pixels)) == mean_and_std(count_values(pixels[::-1]))


def test_images_without_contrast_can_still_be_divided_by_the_std():
    assert mean_and_std(count_values(np.full((5, 4, 4, 3), 255, np.uint8))) == ([1.0] * 3, [1 / 255] * 3)
