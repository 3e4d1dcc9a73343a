import torch
import torch.nn.functional as F

from contraflow.methods.parts.slots import MinedSlots


def test_an_image_gets_the_slots_of_its_negatives_and_its_own_moves_towards_what_it_is_seen_as():
    start, mined, z = F.normalize(torch.randn(40, 8)), torch.randint(40, (40, 3)), torch.randn(2, 3, 8)
    slots, index = MinedSlots(3 * start, 0.75, mined), torch.tensor([7, 0, 31])
    vectors, whose = slots.of(index)
    assert whose.tolist() == mined[index].flatten().tolist()
    torch.testing.assert_close(vectors, start[whose])
    slots.refresh(index, z)
    expected = start.clone()
    expected[index] = F.normalize(0.75 * start[index] + 0.25 * F.normalize(F.normalize(z, dim=2).mean(0)))
    torch.testing.assert_close(slots.vectors, expected)
