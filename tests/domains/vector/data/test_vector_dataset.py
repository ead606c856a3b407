"""Samples of recorded trajectories: what they hold, what training leaves out of them, and errors."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from vector_made_up import lengths, told
from vector_varied import PLAIN, VARIED, WHOLE, same, varied

from anchordiff.data.interleaved import InterleavedDataset
from anchordiff.data.slot import Slot
from anchordiff.domains.vector.data import (
    TrajectoryConfig,
    TrajectoryDataset,
    VectorBatch,
    fit_states,
)
from anchordiff.domains.vector.data.draws import uniforms
from anchordiff.states import StateSpace


def everything(dataset: TrajectoryDataset) -> VectorBatch:
    return dataset.batch(range(len(dataset)))


configs = st.builds(
    TrajectoryConfig,
    horizon=st.integers(2, 8),
    stride=st.integers(1, 4),
    frame_skip=st.integers(1, 3),
    goal=st.sampled_from(["window", "episode"]),
    start=st.booleans(),
    end=st.booleans(),
    pad=st.booleans(),
    skip_short=st.sampled_from([True]),
    reverse=st.booleans(),
    held_out_share=st.sampled_from([0.0, 0.3]),
    split_seed=st.integers(0, 5),
)


@given(lengths(least=24), configs)
def test_samples_are_what_was_recorded(sizes, config):
    """Within one episode, in its order (or its reverse), with the ends and the goal that belong to them."""
    dataset = TrajectoryDataset(told(sizes), config, space=PLAIN)
    batch = everything(dataset)
    batch.condition.check()
    assert batch.trajectory.shape == (len(dataset), config.horizon, 2)
    episode, step = batch.trajectory.long().unbind(-1)
    assert (episode == episode[:, :1]).all()
    moves = step.diff(dim=1)
    if batch.valid is not None:
        assert config.pad
        assert (moves[~batch.valid[:, 1:]] == 0).all()
        moves = moves[batch.valid[:, 1:]]
    assert (moves.abs() == config.frame_skip).all()
    assert config.reverse or (moves > 0).all()
    given_start, given_goal = batch.condition.start, batch.condition.goal
    assert (given_start is None) is not config.start
    assert (given_goal is None) is (not config.end or config.goal == "episode")
    if given_start is not None:
        assert torch.equal(given_start, batch.trajectory[:, 0])
    if given_goal is not None:
        assert torch.equal(given_goal, batch.trajectory[:, -1])
    if config.end and config.goal == "episode":
        last = torch.tensor(sizes)[episode[:, 0]] - 1
        backwards = torch.from_numpy(dataset.windows.backwards)
        goal = torch.stack([episode[:, 0], torch.where(backwards, 0, last)], dim=1)
        assert torch.equal(batch.condition.context, goal.float())


@given(st.integers(3, 40), st.sampled_from([0.05, 0.2, 0.5]), st.integers(0, 9))
def test_the_split_is_by_episode(count, share, seed):
    config = TrajectoryConfig(horizon=3, held_out_share=share, split_seed=seed)
    dataset = TrajectoryDataset(told([6] * count), config)
    held_out = dataset.held_out()
    seen, kept = (set(everything(part).trajectory[..., 0].unique().tolist()) for part in (dataset, held_out))
    assert not seen & kept
    assert seen | kept == set(map(float, range(count)))
    assert len(kept) == max(1, round(share * count))
    assert held_out.states == dataset.states
    assert held_out.horizon == dataset.horizon
    other = TrajectoryDataset(told([6] * count), replace(config, seed=seed + 1))
    assert set(everything(other).trajectory[..., 0].unique().tolist()) == seen


def test_states_are_fitted_to_training_episodes_alone():
    episodes = told([6] * 20)
    dataset = TrajectoryDataset(episodes, TrajectoryConfig(horizon=3, held_out_share=0.2))
    rows = everything(replace_horizon(dataset, 6)).trajectory.reshape(-1, 2).numpy()
    expected = StateSpace(positions=2).fit(rows)
    np.testing.assert_allclose(dataset.states.centre, expected.centre)
    np.testing.assert_allclose(dataset.states.scale, expected.scale)
    assert dataset.held_out().states == TrajectoryDataset(episodes, dataset.held_out().config).states
    by_range = fit_states(episodes, dataset.config, velocities=True, method="range")
    assert by_range.velocities
    assert by_range.scale[1] == 2.5


def replace_horizon(dataset: TrajectoryDataset, horizon: int) -> TrajectoryDataset:
    return TrajectoryDataset(dataset.episodes, replace(dataset.config, horizon=horizon))


def test_the_horizon_is_what_every_episode_has():
    episodes = told([9, 7, 30, 12])
    assert TrajectoryDataset(episodes, WHOLE).horizon == 7
    assert len(TrajectoryDataset(episodes, WHOLE)) == 3 + 1 + 24 + 6
    assert TrajectoryDataset(episodes, replace(WHOLE, frame_skip=3)).horizon == 3
    padded = TrajectoryDataset(episodes, replace(WHOLE, pad=True))
    assert padded.horizon == 30
    assert everything(padded).valid.sum(dim=1).tolist() == [9, 7, 30, 12]
    skipping = TrajectoryDataset(told([9, 1, 7]), replace(WHOLE, skip_short=True))
    assert (skipping.horizon, skipping.skipped, len(skipping)) == (7, 1, 4)


def test_padding_repeats_the_last_state_and_is_marked():
    config = replace(WHOLE, horizon=5, pad=True, reverse=True)
    batch = everything(TrajectoryDataset(told([3, 5]), config, space=PLAIN))
    steps = [[0, 1, 2, 2, 2], [0, 1, 2, 3, 4], [2, 1, 0, 0, 0], [4, 3, 2, 1, 0]]
    assert batch.trajectory[..., 1].tolist() == steps
    short, whole = [True] * 3 + [False] * 2, [True] * 5
    assert batch.valid.tolist() == [short, whole, short, whole]
    assert batch.condition.goal[:, 1].tolist() == [2, 4, 0, 0]


@given(lengths(least=9), st.integers(1, 2), st.integers(2, 4))
def test_velocities_are_differences_of_the_states_taken(sizes, frame_skip, horizon):
    config = replace(WHOLE, frame_skip=frame_skip, horizon=horizon)
    space = StateSpace(positions=2, velocities=True)
    dataset = TrajectoryDataset(told(sizes), config, space=space)
    batch = everything(dataset)
    plain = everything(TrajectoryDataset(told(sizes), config, space=PLAIN))
    assert torch.equal(batch.trajectory[..., :2], plain.trajectory)
    assert torch.equal(batch.trajectory, space.with_velocities(plain.trajectory))
    assert (batch.trajectory[..., 3] == frame_skip).all()
    assert batch.condition.start.shape == (len(dataset), 2)
    assert dataset.encoder_config().velocities


def test_angles_come_in_one_turn():
    turns = np.linspace(0, 20, 50).astype(np.float32)[:, None]
    space = StateSpace(positions=1, angles=(0,), velocities=True)
    batch = everything(TrajectoryDataset.from_arrays([turns], replace(WHOLE, horizon=50), space=space))
    angles, rates = batch.trajectory[0].unbind(-1)
    assert (angles >= -math.pi).all()
    assert (angles < math.pi).all()
    np.testing.assert_allclose(rates, 20 / 49, rtol=1e-4)
    assert torch.equal(batch.condition.goal, batch.trajectory[:, -1, :1])


def test_context_and_tokens_belong_to_the_episode():
    count = 12
    random = np.random.default_rng(0)
    context, tokens = random.normal(size=(count, 3)), random.normal(size=(count, 4, 5))
    visible = random.random((count, 4)) < 0.5
    states = told([6] * count).states.reshape(count, 6, 2)
    parts = {"context": context, "tokens": tokens, "visible": visible, "space": PLAIN}
    dataset = TrajectoryDataset.from_arrays(states, replace(WHOLE, horizon=4), **parts)
    batch = everything(dataset)
    episode = batch.trajectory[:, 0, 0].long().numpy()
    np.testing.assert_array_equal(batch.condition.context, context[episode].astype(np.float32))
    np.testing.assert_array_equal(batch.condition.tokens, tokens[episode].astype(np.float32))
    np.testing.assert_array_equal(batch.condition.visible, visible[episode])
    config = dataset.encoder_config()
    assert (config.positions, config.velocities, config.context_size, config.token_size) == (2, False, 3, 5)
    ahead = TrajectoryDataset.from_arrays(states, replace(WHOLE, horizon=4, goal="episode"), **parts)
    assert ahead.encoder_config().context_size == 5
    np.testing.assert_array_equal(
        everything(ahead).condition.context[:, 3:], np.stack([episode, 0 * episode + 5], 1)
    )
    alone = TrajectoryDataset.from_arrays(
        states, replace(WHOLE, horizon=4, start=False, end=False), space=PLAIN
    )
    assert not alone.batch([0, 1]).condition.given.any()


@pytest.mark.parametrize("goal", ["window", "episode"])
def test_an_encoder_of_the_data_reads_its_samples(goal):
    states = np.random.default_rng(0).normal(size=(6, 9, 3)).cumsum(axis=1)
    config = TrajectoryConfig(horizon=5, goal=goal, drop=0.5, drop_ends=0.5, way_points=2, held_out_share=0.2)
    tokens = np.ones((6, 2, 4))
    space = StateSpace(positions=3, velocities=True)
    dataset = TrajectoryDataset.from_arrays(states, config, tokens=tokens, space=space)
    encoder = dataset.encoder_config().build(dataset.states)
    for batch in (dataset.at(Slot(step=0, batch_size=7)), dataset.held_out().batch([0, 1, 2])):
        batch.condition.check()
        encoder.check(batch.condition, horizon=5)
        scene = encoder(batch.condition)
        frame = scene.frame(torch.linspace(0, 1, 5).expand(len(batch), -1), horizon=5)
        assert frame.is_known.shape == batch.trajectory.shape


def test_what_is_drawn_follows_from_the_place_in_the_stream():
    dataset = varied()
    whole = dataset.at(Slot(step=3, batch_size=64))
    halves = [dataset.at(Slot(step=3, rank=rank, world=2, batch_size=64)) for rank in range(2)]
    assert same(whole, VectorBatch.collate(halves))
    assert same(whole, varied().at(Slot(step=3, batch_size=64)))
    assert not torch.equal(whole.condition.given, dataset.at(Slot(step=4, batch_size=64)).condition.given)
    other = varied(replace(VARIED, seed=6)).at(Slot(step=3, batch_size=64))
    assert not torch.equal(whole.condition.given, other.condition.given)
    clean = varied(replace(VARIED, drop=0.0, drop_ends=0.0, way_points=0)).at(Slot(step=3, batch_size=64))
    assert torch.equal(clean.trajectory, whole.trajectory)
    assert clean.condition.given is None
    assert clean.condition.known is None


def test_parts_are_left_out_as_often_as_asked():
    dataset = varied()
    condition = dataset.at(Slot(step=0, batch_size=4000)).condition
    start, goal, context, tokens = condition.given.float().mean(dim=0).tolist()
    assert start == pytest.approx(0.6, abs=0.03)
    assert goal == pytest.approx(0.6, abs=0.03)
    assert context == tokens == pytest.approx(0.7, abs=0.03)
    both = (condition.given[:, 0] & condition.given[:, 1]).float().mean().item()
    assert both == pytest.approx(0.36, abs=0.03)
    counts = condition.known_steps(8).sum(dim=1)
    assert counts.bincount().div(4000).tolist() == pytest.approx([0.4, 0.2, 0.2, 0.2], abs=0.03)
    steps = condition.known_steps(8).float().mean(dim=0)
    assert steps[[0, 7]].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(steps[1:7], 0.6 * 2 / 6, atol=0.03)


def test_way_points_are_states_of_the_sample():
    config = replace(VARIED, horizon=60, pad=True, way_points=30, way_point_share=1.0)
    episodes = told([10, 40, 80] * 5)
    space = StateSpace(positions=2, velocities=True)
    dataset = TrajectoryDataset(episodes, replace(config, drop=0.0), space=space)
    batch = dataset.at(Slot(step=0, batch_size=200))
    known, is_known = batch.condition.known, batch.condition.is_known
    assert is_known.any(dim=2).any(dim=1).all()
    assert torch.equal(known[is_known], batch.trajectory[is_known])
    assert not is_known[..., 2:].any()
    assert torch.equal(is_known[..., 0], is_known[..., 1])
    assert not is_known[~batch.valid].any()
    assert (known[~is_known] == 0).all()


def test_samples_by_index_are_whole():
    dataset = varied()
    for batch in (
        dataset.batch([0, 5]),
        dataset.held_out().batch([0, 5]),
        dataset.training_data().held_out(5),
    ):
        assert batch.condition.given is None
        assert batch.condition.known is None
    loader = DataLoader(dataset, batch_size=16, collate_fn=dataset.collate)
    assert same(next(iter(loader)), dataset.batch(range(16)))


def test_several_sets_make_one_stream():
    both = InterleavedDataset([varied(), varied(replace(VARIED, seed=9))])
    batch = both.at(Slot(step=0, batch_size=10))
    assert batch.condition.known_steps(8).shape == (10, 8)


@given(st.integers(0, 2**70), st.lists(st.integers(0, 2**62), min_size=1, max_size=20), st.integers(1, 6))
@settings(max_examples=30)
def test_uniform_numbers_are_pure(seed, places, count):
    numbers = uniforms(seed, np.array(places), count)
    assert ((numbers >= 0) & (numbers < 1)).all()
    for row, place in zip(numbers, places, strict=True):
        np.testing.assert_array_equal(uniforms(seed, np.array([place]), count + 2)[0, :count], row)


def test_uniform_numbers_are_uniform():
    numbers = uniforms(0, np.arange(20000), 8)
    np.testing.assert_allclose(numbers.mean(axis=0), 0.5, atol=0.01)
    np.testing.assert_allclose(np.cov(numbers.T), np.eye(8) / 12, atol=0.003)
    after = np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]
    assert abs(after) < 0.03
