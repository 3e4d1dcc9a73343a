"""Inverted lists on a disk against faiss's own in memory."""

import re
import resource
from pathlib import Path

import faiss
import numpy as np
import pytest

from contraflow.foundations.errors import UserError
from contraflow.mining.approximate import ITERATIONS, TRAINING, InvertedLists
from contraflow.neighbours.bank import unit


def vectors(n, dimension=16):
    return unit(np.random.default_rng(0).normal(size=(n, dimension)).astype(np.float32))


@pytest.mark.parametrize("n", [1, 7, 3000])
def test_finds_what_lists_in_memory_find_to_the_last_bit(n, tmp_path):
    features, k = vectors(n), min(n, 10)
    lists = round(4 * n**0.5) if n > 9 else n
    memory = faiss.IndexIVFFlat(faiss.IndexFlatIP(16), 16, lists, faiss.METRIC_INNER_PRODUCT)
    memory.cp.max_points_per_centroid, memory.cp.min_points_per_centroid, memory.cp.niter = TRAINING, 1, ITERATIONS
    memory.nprobe = 4
    memory.train(features)
    memory.add(features)
    similarity, index = InvertedLists(features, 1, tmp_path / "table.npz").nearest(features, k)
    expected, rows = memory.search(features, k)
    expected[rows < 0] = -np.inf
    np.testing.assert_array_equal(similarity, expected)
    assert sorted(map(sorted, index.tolist())) == sorted(map(sorted, rows.tolist()))
    assert not list(tmp_path.iterdir())


def test_the_memory_of_a_process_does_not_grow_with_the_vectors(tmp_path):
    """Pages of the file are the system's to drop; what is the process's own is some bytes a vector."""

    def own():
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024

    InvertedLists(vectors(1000, 256), 1, tmp_path / "table.npz")  # starts all
    features = vectors(40_000, 256)
    before = own()
    lists = InvertedLists(features, 1, tmp_path / "table.npz")
    assert own() - before < features.nbytes / 2
    assert lists.nearest(features[:5], 1)[1][:, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_full_disk_is_one_sentence(tmp_path):
    """A limit on the size of files stands for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(UserError, match=r"table\.npz cannot be written \(File too large\): raise the limit"):
            InvertedLists(vectors(3000), 1, tmp_path / "table.npz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
