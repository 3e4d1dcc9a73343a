import resource

import numpy as np
import pytest

from contraflow.foundations.arrays import on_disk
from contraflow.foundations.errors import UserError


def test_rows_of_several_arrays_are_one_that_leaves_no_file(tmp_path):
    parts = [np.arange(6.0, dtype=np.float32).reshape(3, 2), np.ones((2, 2), np.float32)]
    found = on_disk(iter(parts), beside=tmp_path / "folder/table.npz")
    np.testing.assert_array_equal(found, np.concatenate(parts))
    assert found.dtype == np.float32 and not list((tmp_path / "folder").iterdir())


def test_a_full_disk_is_one_sentence(tmp_path):
    """A limit on the size of files stands for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(UserError, match=r"table\.npz cannot be written \(File too large\): raise the limit"):
            on_disk([np.ones(2000)], beside=tmp_path / "table.npz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
