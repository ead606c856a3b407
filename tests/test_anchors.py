import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet, step_times
from anchordiff.masks import Ends, Even, Random


def test_mask_and_index_round_trip(generator):
    mask = (Ends() + Random(5)).sample(10, 30, generator=generator)
    anchors = AnchorSet.from_mask(mask)
    assert torch.equal(anchors.mask, mask)
    assert torch.equal(AnchorSet.from_mask(anchors.mask).index, anchors.index)


def test_times_gaps_and_count():
    anchors = AnchorSet(torch.tensor([[0, 1, 4], [0, 3, 4]]), horizon=5)
    assert anchors.num_keypoints == 3
    assert anchors.gaps.tolist() == [[1, 3], [3, 1]]
    assert anchors.times.tolist() == [[0, 0.25, 1], [0, 0.75, 1]]


def test_gather_takes_the_states_at_the_anchors(generator):
    anchors = AnchorSet.from_mask((Ends() + Random(3)).sample(4, 12, generator=generator))
    x = torch.randn(4, 12, 3, generator=generator)
    expected = torch.stack([row[steps] for row, steps in zip(x, anchors.index, strict=True)])
    assert torch.equal(anchors.gather(x), expected)


def test_small_integers_become_int64():
    assert AnchorSet(torch.tensor([[0, 2]], dtype=torch.int32), 3).index.dtype == torch.int64


def test_record_operations_keep_the_horizon():
    anchors = AnchorSet(torch.tensor([[0, 1, 4], [0, 3, 4]]), horizon=5)
    assert anchors.repeat(2).index.tolist() == [[0, 1, 4], [0, 1, 4], [0, 3, 4], [0, 3, 4]]
    assert anchors[1:].index.tolist() == [[0, 3, 4]]
    joined = AnchorSet.collate([anchors, anchors[:1]])
    assert (len(joined), joined.horizon) == (3, 5)
    assert anchors.to("cpu").horizon == 5
    for other, found in (
        ([[0, 5]], r"\[\(2, 6\), \(3, 5\)\]"),
        ([[0, 1, 2, 4]], r"\[\(3, 5\), \(4, 5\)\]"),
    ):
        with pytest.raises(ValueError, match=f"one number of anchors and one horizon, found {found}"):
            AnchorSet.collate([anchors, AnchorSet(torch.tensor(other), other[0][-1] + 1)])


@given(data=st.data(), horizon=st.integers(4, 20))
def test_anchors_pass_through_the_steps_that_are_asked_for_and_keep_their_number(data, horizon):
    count = data.draw(st.integers(2, horizon))
    wanted = data.draw(st.sets(st.integers(0, horizon - 1), max_size=count - 2))
    steps = torch.zeros(2, horizon, dtype=torch.bool)
    steps[1, list(wanted)] = True
    even = AnchorSet.from_mask(Even(count).sample(2, horizon))
    found = even.through(steps)
    assert torch.equal(found.index[0], even.index[0])
    assert wanted <= set(found.index[1].tolist())
    assert (found.num_keypoints, found.horizon) == (count, horizon)
    assert torch.equal(found.through(steps).index, found.index)


def test_too_few_anchors_for_the_steps_are_refused():
    steps = torch.zeros(2, 9, dtype=torch.bool)
    steps[1, 2:5] = True
    even = AnchorSet.from_mask(Even(4).sample(2, 9))
    with pytest.raises(
        ValueError,
        match="count must be at least 5, for the 3 known steps of condition 1 and both ends, found 4",
    ):
        even.through(steps, name="count")


def test_step_times_are_those_of_anchors_at_every_step():
    times = step_times(2, 7, device=torch.device("cpu"))
    every = AnchorSet.from_mask(torch.ones(2, 7, dtype=torch.bool))
    torch.testing.assert_close(times, every.times)


@pytest.mark.parametrize(
    ("index", "horizon", "message"),
    [
        ([[0, 4], [1, 4]], 5, r"index\[1\] must increase strictly from 0 to 4, found \[1, 4\]"),
        ([[0, 3]], 5, r"index\[0\] must increase strictly"),
        ([[0, 2, 2, 4]], 5, r"found \[0, 2, 2, 4\]"),
        ([[0]], 5, "index must hold 2 to horizon = 5 anchors a row, found 1"),
        ([[0, 1, 2, 3]], 3, "index must hold 2 to horizon = 3 anchors a row, found 4"),
        ([[0, 0]], 1, "horizon must be an integer of at least 2, found 1"),
    ],
)
def test_bad_sets_are_refused(index, horizon, message):
    with pytest.raises(ValueError, match=message):
        AnchorSet(torch.tensor(index), horizon)


@pytest.mark.usefixtures("unchecked")
def test_wrong_types_are_refused():
    with pytest.raises(ValueError, match="index must be a tensor of integers of shape"):
        AnchorSet(torch.zeros(2, 3), 3)
    anchors = AnchorSet(torch.tensor([[0, 4]]), 5)
    with pytest.raises(ValueError, match=r"x must have batch and horizon \(1, 5\), found \(1, 6\)"):
        anchors.gather(torch.zeros(1, 6, 2))


def test_masks_with_unequal_rows_are_refused():
    mask = torch.tensor([[True, False, True], [True, True, True]])
    with pytest.raises(ValueError, match="found 2 in row 0 and 3 in row 1"):
        AnchorSet.from_mask(mask)


def test_empty_masks_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        AnchorSet.from_mask(torch.zeros(0, 3, dtype=torch.bool))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_small_integers_do_not_wrap(dtype, unchecked):
    with pytest.raises(ValueError, match=r"index\[0\] must increase strictly from 0 to 15"):
        AnchorSet(torch.tensor([[0, 9, 3, 15]], dtype=dtype), horizon=16)


def test_lists_and_reals_are_refused(unchecked):
    with pytest.raises(
        ValueError, match=r"index must be a tensor of integers of shape \(batch, K\), found list"
    ):
        AnchorSet([[0, 3]], horizon=4)
    with pytest.raises(ValueError, match=r"horizon must be an integer of at least 2, found 4\.0"):
        AnchorSet(torch.tensor([[0, 3]]), horizon=4.0)
