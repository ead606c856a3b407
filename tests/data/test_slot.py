import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.data import Slot, slots


@given(
    step=st.integers(0, 10**6), part=st.integers(1, 5), accumulate=st.integers(1, 4), world=st.integers(1, 4)
)
def test_a_step_sees_the_same_samples_however_it_is_split(step: int, part: int, accumulate: int, world: int):
    size = part * accumulate * world
    parts = [
        Slot(step=step, micro=micro, rank=rank, world=world, accumulate=accumulate, batch_size=size).indices
        for micro in range(accumulate)
        for rank in range(world)
    ]
    assert all(len(indices) == part for indices in parts)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(step * size, (step + 1) * size))


def test_seeds_differ_between_slots_and_runs():
    seeds = {
        Slot(step=step, micro=micro, rank=rank).seed(seed)
        for step in range(50)
        for micro in range(3)
        for rank in range(3)
        for seed in range(3)
    }
    assert len(seeds) == 50 * 27
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert np.mean([bin(seed).count("1") for seed in seeds]) == pytest.approx(31.5, abs=0.5)


def test_slots_go_on_from_any_step():
    every = list(slots(5, 8, accumulate=2, rank=1, world=2))
    assert [(slot.step, slot.micro) for slot in every] == [(s, m) for s in range(5) for m in range(2)]
    assert list(slots(5, 8, accumulate=2, start=3, rank=1, world=2)) == every[6:]


def test_an_uneven_split_is_refused():
    with pytest.raises(ValueError, match=r"multiple of accumulate x processes = 2 x 3, found 8"):
        slots(5, 8, accumulate=2, world=3)
