"""The loaders on small files: right pixels, and the same bytes whatever threads, batches, order and process."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.views import EVERYTHING

from contraflow.encoded.kin import Kin
from contraflow.foundations.errors import UserError
from contraflow.views import loader as loader_module
from contraflow.views.loader import ImageLoader, ViewLoader
from contraflow.views.settings import ViewRecipe

N, SIZE = 100, 12
LABELS = [i % 5 - 1 for i in range(N)]
AUGMENT = {**EVERYTHING, "crop_scale": [0.2, 1.0]}
MEAN, STD = [0.3, 0.4, 0.5], [0.2, 0.25, 0.3]
NEVER_CHANGES = {  # by channels: results of old runs stay reproducible
    1: "dfb08a0ad2a8f281f10deacb70f359cfba8f0d4d6525a71deee0a8688f37e841",
    3: "f04902fcae0843b858c6d4cfbe909cd72f2098c2cde556a854c5a99be3b212e6",
}


@pytest.fixture(scope="module", params=[1, 3])
def file(request, tmp_path_factory, write_ffcv, random_images):
    """A file and the images in it."""
    images = random_images(N, SIZE, request.param)
    return write_ffcv(tmp_path_factory.mktemp("loader") / "images.beton", images, LABELS), images


def view_loader(file, views=2, **changes):
    channels = file[1].shape[3]
    options = {"seed": 0, "batch_size": 16, "threads": 2, "mean": MEAN[:channels], "std": STD[:channels], **changes}
    return ViewLoader(file[0], [ViewRecipe(**AUGMENT)] * views, **options)


def image_loader(file, **changes):
    channels = file[1].shape[3]
    return ImageLoader(
        file[0], **{"batch_size": 16, "threads": 2, "mean": MEAN[:channels], "std": STD[:channels], **changes}
    )


def by_sample(batches):
    """Hash of each sample's views."""
    return {
        int(index): hashlib.sha256(batch.views[:, i].numpy().tobytes()).hexdigest()
        for batch in batches
        for i, index in enumerate(batch.index)
    }


def digest(batches):
    """Hash of everything, in order."""
    content = hashlib.sha256()
    for batch in batches:
        content.update(batch.views.numpy().tobytes() + batch.index.numpy().tobytes())
    return content.hexdigest()


def test_view_batches(file):
    channels = file[1].shape[3]
    loader = view_loader(file)
    batches = list(loader.epoch(0))
    assert len(batches) == len(loader) == N // 16
    for batch in batches:
        assert batch.local is None
        assert (batch.views.shape, batch.views.dtype) == ((2, 16, channels, SIZE, SIZE), torch.float32)
        assert (batch.index.shape, batch.index.dtype) == ((16,), torch.int64)
        assert batch.views.is_contiguous()
    seen = torch.cat([batch.index for batch in batches])
    assert len(seen.unique()) == len(seen)


def test_views_are_of_the_image_at_the_index(file):
    """Without augmentation both views are the normalised image."""
    path, images = file
    channels = images.shape[3]
    off = {**dict.fromkeys(AUGMENT, 0.0), "crop_scale": [1.0, 1.0], "crop_ratio": [1.0, 1.0], "blur_sigma": [1.0, 1.0]}
    mean, std = np.array(MEAN[:channels]), np.array(STD[:channels])
    loader = ViewLoader(path, [ViewRecipe(**off)] * 3, seed=3, batch_size=7, threads=3, mean=mean, std=std)
    for batch in loader.epoch(1, drop_last=False):
        expected = ((images[batch.index] / 255 - mean) / std).transpose(0, 3, 1, 2)
        for view in batch.views:
            np.testing.assert_allclose(view, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_nothing(file, threads):
    for epoch in range(3):
        assert digest(view_loader(file, threads=threads).epoch(epoch)) == digest(
            view_loader(file, threads=1).epoch(epoch)
        )


def test_a_sample_s_views_depend_on_nothing_around_them(file):
    expected = by_sample(view_loader(file).epoch(2, drop_last=False))
    assert len(expected) == N
    for batch_size in (1, 7, 64, N, 2 * N):
        assert by_sample(view_loader(file, batch_size=batch_size).epoch(2, drop_last=False)) == expected
    subset = np.array([97, 3, 50, 51, 0, 99])
    assert by_sample(view_loader(file, indices=subset, batch_size=4).epoch(2, drop_last=False)) == {
        i: expected[i] for i in subset
    }
    backwards = np.arange(N)[::-1]
    assert by_sample(view_loader(file).epoch(2, order=backwards, drop_last=False)) == expected
    first_of_two = (replace(batch, views=batch.views[:1]) for batch in view_loader(file).epoch(2, drop_last=False))
    assert by_sample(view_loader(file, views=1).epoch(2, drop_last=False)) == by_sample(first_of_two)


def test_parts_of_batches_are_equal_and_make_up_the_whole(file):
    whole = list(view_loader(file, batch_size=12).epoch(1))
    parts = [list(view_loader(file, batch_size=12, part=part, parts=3).epoch(1)) for part in range(3)]
    for batch, *pieces in zip(whole, *parts, strict=True):
        assert [piece.views.shape[1] for piece in pieces] == [4, 4, 4]
        assert torch.equal(torch.cat([piece.views for piece in pieces], dim=1), batch.views)
        assert all(torch.equal(piece.index, batch.index) for piece in pieces)
    with pytest.raises(UserError, match=r"train\.batch_size must be a multiple of the GPUs at work, 5, got 12"):
        view_loader(file, batch_size=12, parts=5)


def test_epochs_seeds_and_views_differ(file):
    first = by_sample(view_loader(file).epoch(0, drop_last=False))
    for other in (view_loader(file).epoch(1, drop_last=False), view_loader(file, seed=1).epoch(0, drop_last=False)):
        changed = by_sample(other)
        assert all(first[i] != changed[i] for i in range(N))
    assert digest(view_loader(file, seed=1).epoch(0)) != digest(view_loader(file, seed=0).epoch(1))
    for batch in view_loader(file).epoch(0):
        assert (batch.views[0] != batch.views[1]).flatten(1).any(1).all()


def test_starting_again_at_an_epoch(file):
    whole = view_loader(file)
    digests = [digest(whole.epoch(epoch)) for epoch in range(4)]
    assert [digest(view_loader(file).epoch(epoch)) for epoch in (2, 3)] == digests[2:]
    left, kept = whole.epoch(1), whole.epoch(3)
    next(left)
    assert digest(kept) == digests[3]  # epochs side by side do not see each other
    del left


def test_the_order(file):
    subset = np.arange(10, 60)
    loader = view_loader(file, indices=subset, batch_size=8)
    orders = [torch.cat([batch.index for batch in loader.epoch(epoch, drop_last=False)]) for epoch in (0, 1, 0)]
    assert sorted(orders[0].tolist()) == subset.tolist()
    assert orders[0].tolist() == orders[2].tolist() != orders[1].tolist()
    given = np.array([5, 5, 99, 0])  # anything in the file, `indices` or not
    assert (
        torch.cat([batch.index for batch in loader.epoch(0, order=given, drop_last=False)]).tolist() == given.tolist()
    )


@pytest.mark.parametrize(("drop_last", "sizes"), [(True, [30, 30, 30]), (False, [30, 30, 30, 10])])
def test_the_last_batch(file, drop_last, sizes):
    batches = view_loader(file, batch_size=30).epoch(0, drop_last=drop_last)
    assert [(batch.views.shape[1], len(batch.index)) for batch in batches] == [(size, size) for size in sizes]


def test_images(file):
    images = file[1]
    channels = images.shape[3]
    chosen = np.array([3, 99, 0, 3, 42])
    for indices in (None, chosen):
        loader = image_loader(file, indices=indices, batch_size=3)
        wanted = np.arange(N) if indices is None else indices
        for _ in range(2):  # a loader can be run through again
            batches = list(loader)
            assert len(batches) == len(loader) == -(-len(wanted) // 3)
            pixels, labels = (torch.cat(part) for part in zip(*batches, strict=True))
            assert (pixels.dtype, labels.dtype) == (torch.float32, torch.int64)
            expected = (images[wanted] / 255 - MEAN[:channels]) / STD[:channels]
            np.testing.assert_allclose(pixels, expected.transpose(0, 3, 1, 2), rtol=1e-6, atol=1e-6)
            assert labels.tolist() == [LABELS[i] for i in wanted]


def test_no_images_to_show(file):
    assert list(image_loader(file, indices=np.array([], int))) == []


def test_batches_own_their_memory(file):
    kept = list(view_loader(file).epoch(0))
    assert [digest([batch]) for batch in kept] == [digest([batch]) for batch in view_loader(file).epoch(0)]
    kept[0].views.zero_()
    labels = next(iter(image_loader(file)))[1]
    labels.fill_(7)
    assert next(iter(image_loader(file)))[1].tolist() == LABELS[:16]


def test_memory_stays_flat_while_a_file_is_read(tmp_path, write_ffcv, random_images):
    """Pages of the mapped file are the system's to drop; what is the process's own does not grow with the file.

    An allocator's own pages come to some MB; the file, or an epoch's views, were they kept, to many times that.
    """
    images = random_images(5_000, 64, 3)
    loader = view_loader((write_ffcv(tmp_path / "images.beton", images, [0] * len(images)), images))

    def own(epoch):
        for _ in loader.epoch(epoch):
            pass
        [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
        return int(line.split()[1]) * 1024

    first, *_, last = [own(epoch) for epoch in range(4)]
    assert last - first < images.nbytes / 2


def test_wrong_uses_are_refused(file):
    channels = file[1].shape[3]
    with pytest.raises(UserError, match=f"images.beton has {channels} channels, the normalisation 2 means and 2 stds"):
        image_loader(file, mean=[0.5] * 2, std=[0.5] * 2)
    for indices in ([-1], [N], [0, N + 5]):
        with pytest.raises(ValueError, match=f"sample indices must lie in 0 to {N - 1}"):
            image_loader(file, indices=np.array(indices))
        with pytest.raises(ValueError, match=f"sample indices must lie in 0 to {N - 1}"):
            view_loader(file).epoch(0, order=np.array(indices))
    for name in ("batch_size", "threads"):
        with pytest.raises(ValueError, match="must be at least 1"):
            image_loader(file, **{name: 0})
    with pytest.raises(ValueError, match=f"{N} images are fewer than a batch of 128 takes"):
        view_loader(file, batch_size=128).epoch(0)


def test_an_error_in_a_thread_reaches_the_consumer(file, monkeypatch):
    def broken(*args):
        raise MemoryError("no more")

    monkeypatch.setattr(loader_module, "fill_views", broken)
    with pytest.raises(MemoryError, match="no more"):
        next(view_loader(file).epoch(0))


def test_no_thread_outlives_its_loop(file):
    before = threading.active_count()
    loader = view_loader(file)
    for epoch in range(20):
        for _ in loader.epoch(epoch):
            break
    for _ in image_loader(file):
        break
    assert threading.active_count() == before


def test_torch_s_threads_are_left_alone(file):
    before = torch.get_num_threads()
    list(view_loader(file, threads=before + 2).epoch(0))
    assert torch.get_num_threads() == before


PROCESS = """
import hashlib, json, sys, threading
import torch
torch.set_num_threads(3)
from contraflow.views.settings import ViewRecipe
from contraflow.views.kernels.views import fill_views
from contraflow.views.loader import ViewLoader
path, augment, mean, std, threads = json.loads(sys.argv[1])
loader = ViewLoader(path, [ViewRecipe(**augment)] * 2, seed=5, batch_size=16, threads=threads, mean=mean, std=std)
content = hashlib.sha256()
for batch in loader.epoch(4):
    content.update(batch.views.numpy().tobytes() + batch.index.numpy().tobytes())
print(json.dumps([content.hexdigest(), sum(fill_views.stats.cache_hits.values()), torch.get_num_threads()]))
"""


def in_another_process(file, threads, **environment):
    channels = file[1].shape[3]
    arguments = json.dumps([str(file[0]), AUGMENT, MEAN[:channels], STD[:channels], threads])
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, arguments],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


def test_views_never_change(file):
    assert digest(view_loader(file, seed=5).epoch(4)) == NEVER_CHANGES[file[1].shape[3]]


@pytest.mark.slow
@pytest.mark.parametrize("file", [3], indirect=True)
def test_another_process_and_another_processor(file, tmp_path):
    """Code for the plainest processor makes the same bytes as code for this one, and is compiled once."""
    expected = digest(view_loader(file, seed=5).epoch(4))
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    assert in_another_process(file, 3, **plain) == [expected, 0, 3]
    assert in_another_process(file, 1, **plain) == [expected, 1, 3]


@pytest.mark.parametrize("views", [2, 3])
def test_all_views_but_the_first_are_those_of_the_partner(file, views):
    """As the partner itself would have them in that epoch, so a picture has the same views whoever shows it."""
    kin = Kin(np.arange(N) // 4)
    plain = {
        int(i): batch.views[:, n] for batch in view_loader(file, views).epoch(1) for n, i in enumerate(batch.index)
    }
    seen = 0
    for batch in view_loader(file, views, kin=kin, indices=np.arange(N)).epoch(1):
        assert (batch.partner // 4 == batch.index // 4).all() and (batch.partner != batch.index).all()
        assert torch.equal(batch.shown, torch.stack([batch.index, *[batch.partner] * (views - 1)]))
        for n, (image, partner) in enumerate(zip(batch.index.tolist(), batch.partner.tolist(), strict=True)):
            if image in plain and partner in plain:  # the last batch, which is not full, has none
                seen += 1
                assert torch.equal(batch.views[0, n], plain[image][0])
                assert torch.equal(batch.views[1:, n], plain[partner][1:])
    assert seen > N // 2


def test_partners_are_those_of_the_whole_batch_where_there_are_parts(file):
    kin = Kin(np.arange(N) // 4)
    whole = list(view_loader(file, kin=kin).epoch(0))
    parts = [list(view_loader(file, kin=kin, part=part, parts=2).epoch(0)) for part in range(2)]
    for batch, *halves in zip(whole, *parts, strict=True):
        assert torch.equal(batch.views, torch.cat([half.views for half in halves], dim=1))
        assert all(torch.equal(half.partner, batch.partner) for half in halves)
