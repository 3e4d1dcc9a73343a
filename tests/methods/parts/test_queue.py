import torch
from hypothesis import given
from hypothesis import strategies as st

from contraflow.methods.parts.queue import Queue


@given(length=st.integers(1, 7), sizes=st.lists(st.integers(1, 9), max_size=6))
def test_holds_the_last_keys_of_batches_of_any_size(length, sizes):
    queue, pushed = Queue(length, 2), []
    for size in sizes:
        index = torch.arange(len(pushed), len(pushed) + size)
        queue.push(torch.stack([index, -index], 1).float(), index)
        pushed += index.tolist()
    held = sorted(i for i in queue.index.tolist() if i >= 0)
    assert held == pushed[-length:]
    for place, i in enumerate(queue.index.tolist()):
        assert queue.keys[place].tolist() == ([i, -i] if i >= 0 else [0, 0])


def test_all_of_it_is_state():
    queue, other = Queue(5, 2), Queue(5, 2)
    queue.push(torch.randn(3, 2), torch.arange(3))
    other.load_state_dict(queue.state_dict())
    for each in (queue, other):
        each.push(torch.ones(4, 2), torch.arange(10, 14))
    assert queue.index.tolist() == other.index.tolist() == [12, 13, 2, 10, 11]
    assert torch.equal(queue.keys, other.keys)
