import threading
import time

import pytest

from contraflow.foundations.prefetch import AHEAD, prefetch


def pool_threads():
    return [t for t in threading.enumerate() if t.name.startswith("contraflow-images")]


def squares(lengths, log=None):
    """Batches of squares; `log` takes the number of each batch as it is begun."""
    for number, length in enumerate(lengths):
        batch = [None] * length

        def fill(start, stop, batch=batch):
            for i in range(start, stop):
                batch[i] = i * i

        if log is not None:
            log.append(number)
        yield batch, length, fill


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("lengths", [[], [1], [5], [7, 7, 7, 7, 7, 2]])
def test_whole_batches_in_order(lengths, threads):
    assert list(prefetch(squares(lengths), threads)) == [[i * i for i in range(n)] for n in lengths]
    assert not pool_threads()


def test_works_ahead_and_no_further():
    begun = []
    batches = prefetch(squares([4] * 20, begun), 2)
    assert begun == []
    for taken, _ in enumerate(batches, start=1):
        assert len(begun) == min(20, taken + AHEAD)


def test_an_error_reaches_the_consumer_at_its_batch():
    def fails(start, stop):
        raise OSError("the disk is gone")

    def batches():
        yield from squares([3, 3])
        yield [], 3, fails
        yield from squares([3, 3])

    taken = []
    with pytest.raises(OSError, match="the disk is gone"):
        taken.extend(prefetch(batches(), 2))
        pytest.fail("the error was lost")
    assert not pool_threads()


def test_batches_before_an_error_are_delivered():
    def fails(start, stop):
        raise OSError

    def batches():
        yield from squares([3])
        yield [], 3, fails

    batches = prefetch(batches(), 2)
    assert next(batches) == [0, 1, 4]
    with pytest.raises(OSError):
        next(batches)


def test_leaving_early_ends_the_threads_and_starts_nothing_more():
    begun = []
    for _ in range(20):
        for _ in prefetch(squares([4] * 100, begun), 2):
            break
    assert len(begun) == 20 * (1 + AHEAD)
    assert not pool_threads()


def test_leaving_early_does_not_wait_for_what_has_not_begun():
    def slow(start, stop):
        time.sleep(0.05)

    batches = prefetch(((None, 1, slow) for _ in range(100)), 1)
    next(batches)
    start = time.perf_counter()
    batches.close()
    assert time.perf_counter() - start < 0.5
