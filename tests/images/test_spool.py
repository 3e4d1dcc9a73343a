import numpy as np
import pytest

from contraflow.images.image_set import Spool
from contraflow.images.kept_jpeg import Jpeg


def test_pictures_come_back_in_any_order_and_no_file_is_seen(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 9, 3), np.uint8)
    jpeg = Jpeg(b"JPEG" * 99, 65_000, 70)
    spool = Spool(tmp_path, (8, 9, 3))
    assert (len(spool), spool.largest) == (0, 216)
    for picture in (pixels[0], jpeg, pixels[1]):
        spool.add(picture)
    spool.close()
    assert list(tmp_path.iterdir()) == []
    assert (len(spool), spool.largest) == (3, 396)
    assert spool[1] == jpeg
    assert np.array_equal(spool[2], pixels[1])
    assert np.array_equal(spool[0], pixels[0])
    for outside in (3, -1):
        with pytest.raises(IndexError):
            spool[outside]
