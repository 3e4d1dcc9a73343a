"""An order in which images meet their negatives, against slow loops and by what must hold of any graph."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contraflow.encoded.kin import Kin
from contraflow.mining.composition import Composition

SHAPES = ["random", "hub", "pairs", "one", "chain", "nobody"]


def graph(shape, n, k, seed):
    """Sample indices, rising and with gaps, and who is a negative of whom."""
    rng = np.random.default_rng(seed)
    anchor = np.sort(rng.choice(3 * n, n, replace=False))
    rows = np.arange(n)[:, None]
    negative = {
        "random": rng.integers(0, n, (n, k)),
        "hub": np.zeros((n, k), np.int64),  # everybody's negative is one image, so often
        "pairs": np.broadcast_to(np.minimum(rows ^ 1, n - 1), (n, k)),  # components of two
        "one": (rows + np.arange(1, k + 1)) % n,
        "chain": np.broadcast_to(np.maximum(rows - 1, 0), (n, k)),
        "nobody": np.zeros((n, 0), np.int64),
    }[shape]
    return anchor, anchor[negative]


def composition(anchor, negative, *, most=4, seed=0, apart=None):
    apart = [Kin(np.arange(anchor.max() + 1))] if apart is None else apart
    return Composition(anchor, negative, apart, most, seed)


def slow_neighbourhoods(links, apart, most):
    """Of sets of linked images: as `contraflow.mining.growth.grow` says it, image by image."""
    free, found = set(range(len(links))), []
    while free:
        own, seen, barred = [min(free)], [], set()
        free -= set(own)
        while len(own) < most:
            seen += [other for other in sorted(links[own[-1]]) if other in free and other not in seen]
            choices = [
                (len(links[other] & set(own)), place)
                for place, other in enumerate(seen)
                if other in free and other not in barred
            ]
            if not choices:
                break
            image = seen[max(choices)[1]]
            if any(apart(image, other) for other in own):
                barred.add(image)
                continue
            own.append(image)
            free.remove(image)
        found.append(own)
    return found


graphs = {
    "shape": st.sampled_from(SHAPES),
    "n": st.integers(1, 40),
    "k": st.integers(1, 5),
    "most": st.integers(1, 12),
    "seed": st.integers(0, 1000),
    "groups": st.integers(1, 50),
}


@given(**graphs, epoch=st.integers(0, 5))
def test_every_image_once_and_a_function_of_seed_and_epoch(shape, n, k, most, seed, groups, epoch):
    anchor, negative = graph(shape, n, k, seed)
    kin = Kin(np.arange(anchor.max() + 1) % groups)
    orders = [composition(anchor, negative, most=most, seed=seed, apart=[kin]).order(epoch) for _ in range(2)]
    assert np.array_equal(np.sort(orders[0]), anchor)
    assert np.array_equal(*orders)


@given(**graphs)
def test_neighbourhoods_are_those_of_a_slow_loop(shape, n, k, most, seed, groups):
    anchor, negative = graph(shape, n, k, seed)
    kin = [Kin(np.arange(anchor.max() + 1) % groups), Kin(np.arange(anchor.max() + 1), 1)]
    draw = np.random.Generator(np.random.Philox(key=[seed, 3], counter=[0, 0, 0, 2]))
    own = anchor[draw.permutation(n)]
    number = {image: i for i, image in enumerate(own.tolist())}
    links = [set() for _ in range(n)]
    for image, others in zip(anchor.tolist(), negative.tolist(), strict=True):
        for other in others:
            links[number[image]].add(number[other])
            links[number[other]].add(number[image])

    def apart(i, j):
        a, b = int(own[i]), int(own[j])
        return a % groups == b % groups or abs(a - b) <= 1

    found = slow_neighbourhoods(links, apart, most)
    turn = np.argsort(draw.permutation(len(found)))  # which of them comes next
    expected = [own[i] for place in turn for i in found[place]]
    order = composition(anchor, negative, most=most, seed=seed, apart=kin).order(3)
    assert order.tolist() == expected


@given(**graphs, batch=st.integers(1, 12))
def test_meeting_is_counted_as_by_hand(shape, n, k, most, seed, groups, batch):
    anchor, negative = graph(shape, n, k, seed)
    composed = composition(anchor, negative, most=most, seed=seed)
    order = composed.order(0)
    batches = [order[start : start + batch].tolist() for start in range(0, n - n % batch, batch)]
    others = dict(zip(anchor.tolist(), negative.tolist(), strict=True))
    by_hand = [sum(other in images for other in others[image]) for images in batches for image in images]
    assert sorted(composed.meets(order, batch).tolist()) == sorted(by_hand)


def clusters(n=4000, k=8, each=40, seed=0):
    """Images in clusters, the negatives of each within its own."""
    others = np.random.default_rng(seed).permuted(np.tile(np.arange(1, each), (n, 1)), axis=1)[:, :k]
    anchor = np.arange(n)
    return anchor, anchor[:, None] // each * each + (anchor[:, None] + others) % each


def test_the_longer_the_neighbourhoods_the_more_is_met_from_chance_upwards_and_evenly():
    anchor, negative = clusters()
    by_chance = 8 * 63 / 3999
    met = []
    for most in (1, 2, 4, 8, 16, 40):
        composed = composition(anchor, negative, most=most)
        order = composed.order(0)
        met.append(composed.meets(order, 64).mean())
        tenths = [composed.meets(part, 64).mean() for part in (order[:448], order[-448:])]
        assert max(tenths) < 1.3 * min(tenths) or most == 1
    assert met == sorted(met) and met[0] < 1.5 * by_chance and met[-1] > 4


def test_kin_lie_in_no_neighbourhood_together():
    """Four pictures of each thing, which all have the same look-alike."""
    anchor = np.arange(4000)
    thing = anchor // 4
    negative = (thing[:, None] + 1) % 1000 * 4

    def alike(apart):
        """How many of neighbours in the order show the same thing."""
        shown = thing[composition(anchor, negative, apart=apart).order(0)]
        return (shown[1:] == shown[:-1]).mean()

    assert alike([Kin(thing)]) < 0.01 and alike([Kin(anchor)]) > 0.1


def test_epochs_and_seeds_differ():
    anchor, negative = clusters(400)
    orders = {
        composition(anchor, negative, seed=seed).order(epoch).tobytes() for seed in range(3) for epoch in range(3)
    }
    assert len(orders) == 9


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_same_bytes_in_a_process_of_its_own_with_any_number_of_threads(threads):
    code = (
        "import hashlib, numpy as np\n"
        "from contraflow.encoded.kin import Kin\n"
        "from contraflow.mining.composition import Composition\n"
        "n = np.arange(3000)\n"
        "negative = (n[:, None] * 7 + np.arange(1, 9) ** 3) % 3000\n"
        "order = Composition(n, negative, [Kin(n)], 8, 5).order(2)\n"
        "print(hashlib.sha256(order.tobytes()).hexdigest())"
    )
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    env = dict.fromkeys(names, threads) | {"PATH": "", "HOME": "/nonexistent"}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    n = np.arange(3000)
    negative = (n[:, None] * 7 + np.arange(1, 9) ** 3) % 3000
    assert told.strip() == hashlib.sha256(composition(n, negative, most=8, seed=5).order(2).tobytes()).hexdigest()
