import threading
import time
from collections import namedtuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.training.prefetching import moved, prefetch

CPU = torch.device("cpu")


@given(count=st.integers(0, 20), ahead=st.integers(0, 5))
def test_order_is_kept(count: int, ahead: int):
    def make(key: int) -> int:
        time.sleep(0.0005 * (key % 3))
        return key

    with prefetch(make, range(count), ahead=ahead) as stream:
        assert list(stream) == list(range(count))


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_an_exception_comes_where_its_batch_would_have(ahead: int):
    def make(key: int) -> float:
        return 1 / (3 - key)

    with prefetch(make, range(10), ahead=ahead) as stream:
        assert [next(stream) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
        with pytest.raises(ZeroDivisionError):
            next(stream)


def test_it_works_ahead_but_not_further():
    made, enough = [], threading.Event()

    def make(key: int) -> int:
        made.append(key)
        if key == 3:
            enough.set()
        return key

    with prefetch(make, range(100), ahead=3) as stream:
        assert next(stream) == 0
        assert enough.wait(10)
        time.sleep(0.01)
        assert made == [0, 1, 2, 3]


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    with prefetch(lambda key: key, iter(int, 1), ahead=2) as stream:
        next(stream)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_a_negative_number_of_batches_is_refused():
    with pytest.raises(ValueError, match="ahead must not be negative, found -1"):
        prefetch(int, [], ahead=-1)


def test_batches_of_any_structure_move():
    Pair = namedtuple("Pair", "left right")
    condition = MazeCondition.from_arrays(
        torch.tensor([[[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]], dtype=torch.bool),
        torch.tensor([[1.5, 1.5]]),
        torch.tensor([[2.5, 1.5]]),
    )
    x = torch.zeros(2)
    batch = (7, [x, {"x": x, "name": "a"}], Pair(left=x, right=None), condition)
    step, (first, inner), pair, record = moved(batch, torch.device("meta"))
    assert step == 7
    assert inner["name"] == "a"
    assert pair.right is None
    assert {t.device.type for t in (first, inner["x"], pair.left, record.walls, record.start)} == {"meta"}
    assert moved(x, CPU) is x
