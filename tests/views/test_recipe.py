import math

import numpy as np
import pytest

from contraflow.views.recipe import make_recipes, make_table
from contraflow.views.settings import ViewRecipe


def test_recipe():
    view = ViewRecipe(
        crop_scale=[0.2, 1],
        crop_ratio=[0.75, 1.5],
        flip=0.5,
        rotation=10,
        jitter=0.8,
        brightness=0.1,
        contrast=0.2,
        saturation=0.3,
        hue=0.4,
        grey=0.25,
        blur=0.6,
        blur_sigma=[0.1, 2.0],
        solarise=0.7,
    )
    both = make_recipes([view, view.model_copy(update={"flip": 0.25})])
    assert dict(zip(both.dtype.names, both[0], strict=True)) == dict(
        area_low=0.2,
        area_high=1.0,
        log_ratio_low=pytest.approx(math.log(0.75), rel=1e-15),
        log_ratio_high=pytest.approx(math.log(1.5), rel=1e-15),
        flip=0.5,
        rotation=10.0,
        jitter=0.8,
        brightness=0.1,
        contrast=0.2,
        saturation=0.3,
        hue=0.4,
        grey=0.25,
        blur=0.6,
        sigma_low=0.1,
        sigma_high=2.0,
        solarise=0.7,
    )
    assert both["flip"].tolist() == [0.5, 0.25]


def test_table_is_torchvision_s_normalisation():
    mean, std = np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.3, 1.0])
    table = make_table(mean, std)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, (np.arange(256) / 255 - mean[:, None]) / std[:, None], rtol=1e-6, atol=1e-7)
