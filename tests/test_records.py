"""Laws of records: length, selection, repetition, joining; what is no tensor is carried along."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.records import TensorRecord


@dataclass(frozen=True, kw_only=True, eq=False)
class Inner(TensorRecord):
    value: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Outer(TensorRecord):
    name: str
    inner: Inner
    wide: Tensor
    extra: Tensor | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Empty(TensorRecord):
    name: str


def make(size: int, *, extra: bool = False, first: int = 0) -> Outer:
    numbers = torch.arange(first, first + size)
    return Outer(
        name="n",
        inner=Inner(value=numbers),
        wide=numbers[:, None].float() * torch.ones(2),
        extra=-numbers if extra else None,
    )


def assert_same(a: Outer, b: Outer) -> None:
    assert a.name == b.name
    assert torch.equal(a.inner.value, b.inner.value)
    assert torch.equal(a.wide, b.wide)
    assert (a.extra is None) == (b.extra is None)
    if a.extra is not None:
        assert torch.equal(a.extra, b.extra)


sizes = st.integers(1, 6)


@given(sizes=st.lists(sizes, min_size=1, max_size=4), extra=st.booleans())
def test_joining_adds_lengths_and_slicing_takes_it_apart(sizes, extra):
    parts = [make(size, extra=extra, first=10 * place) for place, size in enumerate(sizes)]
    joined = Outer.collate(parts)
    assert len(joined) == sum(sizes)
    start = 0
    for part in parts:
        assert_same(joined[start : start + len(part)], part)
        start += len(part)


@given(size=sizes, times=st.integers(1, 3), again=st.integers(1, 3), extra=st.booleans())
def test_repeating_is_per_element_and_multiplies(size, times, again, extra):
    record = make(size, extra=extra)
    repeated = record.repeat(times)
    assert len(repeated) == size * times
    assert repeated.inner.value.tolist() == [n for n in range(size) for _ in range(times)]
    assert_same(repeated.repeat(again), record.repeat(times * again))
    assert_same(repeated[::times], record)
    assert_same(record.repeat(1), record)


@given(size=sizes, data=st.data())
def test_selecting_by_mask_indices_and_tensor_agree(size, data):
    record = make(size, extra=True)
    keep = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    places = [place for place, kept in enumerate(keep) if kept]
    by_mask = record[torch.tensor(keep)]
    assert by_mask.inner.value.tolist() == places
    assert_same(by_mask, record[torch.tensor(places, dtype=torch.long)])
    if places:
        assert_same(by_mask, record[places])


def test_moving_keeps_dtypes_and_everything_else():
    moved = make(3, extra=True).to("meta")
    assert moved.device == moved.inner.device == moved.extra.device == torch.device("meta")
    assert (moved.inner.value.dtype, moved.wide.dtype) == (torch.int64, torch.float32)
    assert moved.name == "n"
    assert make(3).to("cpu").device == torch.device("cpu")


def test_records_are_frozen_and_errors_say_what_is_wrong():
    with pytest.raises(AttributeError):
        make(1).name = "m"
    with pytest.raises(ValueError, match="times must be an integer of at least 1, found 0"):
        make(1).repeat(0)
    with pytest.raises(ValueError, match="at least one record, found none"):
        Outer.collate([])
    for reader, what in ((len, "length"), (lambda record: record.device, "device")):
        with pytest.raises(TypeError, match=f"Empty holds no tensor, so it has no {what}"):
            reader(Empty(name="n"))


def test_a_number_is_no_index_and_records_are_not_iterated():
    record = make(3)
    with pytest.raises(TypeError, match=r"index must keep the batch axis: write \[1:1 \+ 1\]"):
        record[1]
    with pytest.raises(TypeError, match="index must keep the batch axis"):
        list(record)


def test_records_are_compared_as_objects():
    record = make(2)
    assert record in [make(2), record]
    assert record != make(2)


def test_copies_in_a_batch():
    assert make(2).copies_in(6, "points") == 3
    for total in (0, 1, 3):
        with pytest.raises(ValueError, match=f"points must have a multiple of the 2 .* found {total}"):
            make(2).copies_in(total, "points")


@pytest.mark.parametrize(
    "index",
    [
        (0, 2),
        [0, 2],
        range(0, 3, 2),
        np.array([0, 2]),
        torch.tensor([0, 2]),
        np.array([True, False, True]),
        (True, False, True),
        (-3, -1),
        slice(0, 3, 2),
    ],
)
def test_any_sequence_selects_rows(index, unchecked):
    record = AnchorSet(torch.tensor([[0, 1, 4], [0, 2, 4], [0, 3, 4]]), horizon=5)
    assert record[index].index.tolist() == [[0, 1, 4], [0, 3, 4]]


def test_no_index_takes_the_batch_axis_away(unchecked):
    record = AnchorSet(torch.tensor([[0, 1, 4]]), horizon=5)
    for index in (0, np.int64(0), torch.tensor(0), np.array(0)):
        with pytest.raises(TypeError, match="index must"):
            record[index]
    for index in (None, ..., "0", 1.5, torch.zeros(1, 1, dtype=torch.long)):
        with pytest.raises(TypeError, match="index must be a slice, a mask or a sequence of indices"):
            record[index]
    with pytest.raises(IndexError):
        record[(0, 7)]
    assert len(record[()]) == len(record[[]]) == 0
