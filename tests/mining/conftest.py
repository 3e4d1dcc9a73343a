from contextlib import contextmanager

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def exact_features():
    """`exact_features(kind, n, seed)`: features (n, 8) whose cosines are exact in any order of summation."""

    def make(kind, n, seed):
        rng = np.random.default_rng(seed)
        features = rng.choice([-1.0, 1.0], (n, 8)).astype(np.float32)
        if kind == "duplicates":  # few different ones, some of them zeros
            for row in features:
                row[rng.permutation(8)[: rng.choice([4, 7, 8])]] = 0
        elif kind == "equal":
            features[:] = features[0]
        elif kind == "zeros":
            features[:] = 0
        else:
            features[:, 4:] = 0
        return features

    return make


@pytest.fixture
def threads_of_torch():
    """`with threads_of_torch(2):` torch computes with so many threads."""

    @contextmanager
    def use(threads):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        yield
        torch.set_num_threads(before)

    return use
