import numpy as np
import pytest
import torch

from contraflow.views.loader import CompanionLoader, ViewLoader


@pytest.fixture
def loader_of(params_of, encoded):
    """`loader_of(views, batch_size)`: of the training images."""
    recipes = params_of().augment.chosen().whole()

    def make(views, batch_size, **changes):
        options = {"seed": 5, "threads": 2, "indices": encoded.training, **encoded.card.loading} | changes
        return ViewLoader(encoded.train_beton, recipes[:views], batch_size=batch_size, **options)

    return make


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("parts", [1, 2])
def test_each_image_brings_the_views_of_its_companions(loader_of, encoded, m, parts):
    """Whose they are, and that they are the views that the loader gives of them alone."""
    companions = np.random.default_rng(0).choice(encoded.training, (encoded.card.train.images, m))
    plain = {
        index: view
        for batch in loader_of(1, 1, threads=1).epoch(2)
        for index, view in zip(batch.index.tolist(), batch.views[0], strict=True)
    }
    alone = list(loader_of(2, 8).epoch(2))
    for part in range(parts):
        split = {"part": part, "parts": parts}
        loader = CompanionLoader(loader_of(2, 8, **split), loader_of(1, 8 * m, **split), companions)
        found = list(loader.epoch(2))
        assert len(found) == len(loader) == len(alone)
        own = slice(part * 8 // parts, (part + 1) * 8 // parts)
        for batch, expected in zip(found, alone, strict=True):
            assert torch.equal(batch.index, expected.index) and torch.equal(batch.views, expected.views[:, own])
            assert torch.equal(batch.companions, torch.from_numpy(companions[batch.index].T))
            assert batch.companion_views.shape[:2] == (m, 8 // parts)
            for views, indices in zip(batch.companion_views, batch.companions[:, own].tolist(), strict=True):
                assert all(torch.equal(view, plain[index]) for view, index in zip(views, indices, strict=True))
