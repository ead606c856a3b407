"""Vectors as the commands see them: sizes come from the data, and what says otherwise is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anchordiff.domains.domain import find_domain
from anchordiff.domains.vector import TrajectoryConfig, VectorEncoderConfig, VectorSource
from anchordiff.domains.vector.benchmark import VectorBenchmark
from anchordiff.domains.vector.data import Episodes, write_episodes
from anchordiff.domains.vector.domain import VECTOR
from anchordiff.domains.vector.request import VectorRequest
from anchordiff.nn.config import TransformerConfig
from anchordiff.states import StateSpace


@pytest.fixture
def source(tmp_path) -> VectorSource:
    random = np.random.default_rng(0)
    walks = random.normal(size=(10, 20, 3)).cumsum(axis=1)
    told = {"context": random.normal(3.0, 2.0, (10, 4)), "tokens": random.normal(size=(10, 6, 2))}
    write_episodes(tmp_path / "walks.npz", Episodes.from_arrays(walks, **told))
    windows = TrajectoryConfig(horizon=12, stride=4)
    return VectorSource(path=tmp_path / "walks.npz", velocities=True, angles=(2,), windows=windows)


def test_the_domain_is_found_by_its_name():
    assert find_domain("vector") is VECTOR
    assert VECTOR.source is VectorSource
    assert VECTOR.request is VectorRequest
    assert VECTOR.benchmark is VectorBenchmark
    assert VECTOR.keypoint_terms == VECTOR.denoiser_terms == {}


@pytest.mark.parametrize("stage", ["keypoints", "denoiser"])
def test_a_stage_gets_the_sizes_of_the_data_and_keeps_what_is_chosen(source, stage):
    config = getattr(VECTOR, stage)
    chosen = replace(
        config,
        num_keypoints=5,
        transformer=TransformerConfig(width=24, depth=1, heads=2),
        encoder=replace(config.encoder, width=24, layers=3),
    )
    made = VECTOR.configure(chosen, source)
    dataset = source.dataset()
    assert made.states == dataset.states
    assert (made.states.positions, made.states.velocities, made.states.angles) == (3, True, (2,))
    assert (made.horizon, made.num_keypoints) == (12, 5)
    assert made.transformer == chosen.transformer
    assert made.encoder == replace(dataset.encoder_config(), width=24, layers=3)
    assert (made.encoder.context_size, made.encoder.token_size) == (4, 2)
    np.testing.assert_allclose(made.encoder.context_centre, [3.0] * 4, atol=3.0)
    # It is ready for the data.
    data = source.open(states=made.states, horizon=made.horizon)
    batch = data.held_out(2)
    made.encoder.build(made.states).check(batch.condition, horizon=made.horizon)
    assert VECTOR.measure(batch, batch.trajectory) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"states": StateSpace(positions=3)},
            "model.states must be left out: the data say what it is, found",
        ),
        (
            {"encoder": VectorEncoderConfig(positions=5)},
            "model.encoder.positions must be left out: the data say what it is, found 5",
        ),
        (
            {"encoder": VectorEncoderConfig(token_size=5)},
            "model.encoder.token_size must be left out: the data say what it is, found 5",
        ),
        (
            {"horizon": 32},
            r"model.horizon must be left out: the data say that it is 12 \(--data.windows.horizon\), found 32",
        ),
        ({"num_keypoints": 13}, "num_keypoints must lie in 2 ... horizon, found 13"),
    ],
)
def test_what_says_otherwise_than_the_data_is_refused(source, changes, message):
    with pytest.raises(ValueError, match=message):
        VECTOR.configure(replace(VECTOR.keypoints, **changes), source)


def test_a_horizon_that_is_the_datas_may_be_said(source):
    assert VECTOR.configure(replace(VECTOR.denoiser, horizon=12), source).horizon == 12


def test_data_that_are_not_there_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"walks\.npz"):
        VECTOR.configure(VECTOR.keypoints, VectorSource(path=tmp_path / "walks.npz"))


def test_defaults_are_stages_that_can_be_built():
    for config in (VECTOR.keypoints, VECTOR.denoiser):
        encoder = config.encoder.build(config.states)
        scene = encoder(encoder.condition_type.empty(2))
        assert scene.scalars.shape == (2, config.encoder.scalar_size)
        assert not torch.is_grad_enabled() or not scene.scalars.requires_grad
    assert isinstance(VectorSource(path=Path("x.npz")), VECTOR.source)
