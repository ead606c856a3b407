from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from anchordiff.anchors import AnchorSet
from anchordiff.configs import config_to_json
from anchordiff.masks import Even, MaskSampler, Mixture, Random
from anchordiff.pipeline import PipelineConfig
from anchordiff.pipeline.config import make_sampler
from anchordiff.pipeline.request import Limits, check_request
from anchordiff.samplers import FlowSampler


@pytest.fixture
def untouched(new_pipeline, monkeypatch):
    """A pipeline whose networks must not run."""
    pipe = new_pipeline()

    def fail(*args, **options):
        raise AssertionError("a network ran")

    for network in (pipe.keypoints, pipe.denoiser):
        for name in ("encode", "forward"):
            monkeypatch.setattr(network, name, fail)
    monkeypatch.setattr(pipe.keypoints, "sample", fail)
    return pipe


def changed(condition, name, element, value):
    tensor = getattr(condition, name).clone()
    tensor[element] = torch.as_tensor(value)
    return replace(condition, **{name: tensor})


NAN = float("nan")
BAD_CONDITIONS = {
    "start in a wall": (
        lambda c: changed(c, "start", 1, (0.5, 0.5)),
        r"start\[1\].*free cell.*\(0.50, 0.50\)",
    ),
    "goal in a wall": (lambda c: changed(c, "goal", 2, (10.5, 3.0)), r"goal\[2\].*free cell"),
    "start outside": (
        lambda c: changed(c, "start", 0, (-0.5, 2.0)),
        r"start\[0\].*inside the maze of 11 x 9",
    ),
    "goal outside": (lambda c: changed(c, "goal", 0, (11.0, 2.0)), r"goal\[0\].*inside the maze"),
    "NaN": (lambda c: changed(c, "start", 2, (NAN, 2.0)), r"start\[2\].*finite"),
    "NaN in sdf": (lambda c: changed(c, "sdf", 1, NAN), "sdf must be finite"),
    "integer start": (lambda c: replace(c, start=c.start.long()), "start must be floating point.*int64"),
    "integer walls": (lambda c: replace(c, walls=c.walls.int()), "walls must be boolean.*int32"),
    "shape of walls": (lambda c: replace(c, walls=c.walls[0]), "walls must have the shape"),
    "shape of goal": (lambda c: replace(c, goal=c.goal[:2]), r"goal must have the shape \(3, 2\)"),
    "shape of sdf": (lambda c: replace(c, sdf=c.sdf[:, 1:]), "sdf must have the shape of walls"),
    "nothing": (lambda c: c[:0], r"found \(0, 9, 11\)"),
    "other type": (
        lambda c: {"walls": c.walls},
        "condition must be a MazeCondition, or a maze, a start and a goal, found dict",
    ),
    "other device": (lambda c: c.to("meta"), "condition must be on the pipeline's device cpu, found meta"),
}


@pytest.mark.parametrize("name", BAD_CONDITIONS)
def test_bad_conditions(untouched, condition, name, unchecked):
    spoil, message = BAD_CONDITIONS[name]
    bad = spoil(condition)
    with pytest.raises(ValueError, match=message):
        untouched.generate(bad)
    with pytest.raises(ValueError, match=message):
        untouched.plan(bad)


def anchors(rows, horizon):
    return AnchorSet(torch.tensor([[0, horizon - 1]] * rows), horizon=horizon)


@dataclass(frozen=True)
class OneRow(MaskSampler):
    """A mask sampler that does not do what it is asked."""

    def sample(self, batch, horizon, *, generator=None, free=None):
        return Even(4).sample(1, horizon)


BAD_OPTIONS = [
    ({"num_samples": 0}, "num_samples must be an integer of at least 1, found 0"),
    ({"num_samples": 1.5}, "num_samples must be an integer"),
    ({"batch_size": 0}, "batch_size must be an integer of at least 1, found 0"),
    ({"horizon": 1}, "horizon must be an integer of at least 2, found 1"),
    ({"horizon": 5}, "num_keypoints must be at most horizon = 5, found 6"),
    ({"anchors": 33}, "anchors must be at most horizon = 32, found 33"),
    ({"anchors": 1}, "anchors must be an integer of at least 2, found 1"),
    ({"anchors": anchors(1, 20)}, "anchors must have the horizon 32 of the call, found 20"),
    ({"anchors": anchors(2, 32)}, r"one a condition or one a sample \(1, 3 or 3\), found 2"),
    (
        {"anchors": Random(4)},
        r"anchors must keep the first and the last step, as Ends\(\) \+ … does, found Random",
    ),
    (
        {"anchors": OneRow()},
        r"anchors must give a boolean mask of shape \(3, 32\), found torch.bool of shape \(1, 32\)",
    ),
    ({"anchors": Mixture([(0.5, Even(3)), (0.5, Even(4))])}, "same number of anchors in every row"),
    ({"anchors": Even(40)}, "count must be at most horizon = 32"),
    (
        {"sampler": "euler"},
        "sampler must be a Sampler or one of 'flow', 'heun', 'ddim', 'ddpm', found 'euler'",
    ),
    ({"steps": 0}, "steps must be an integer of at least 1, found 0"),
    ({"sampler": FlowSampler(4), "steps": 5}, r"steps must be left out where sampler has its own \(4\)"),
    ({"level": 0}, "level must be an integer of at least 1, found 0"),
    ({"level": 4}, "level must be at most the denoiser's num_levels = 3, found 4"),
    ({"clamp": "ends"}, "clamp must be one of 'endpoints', 'all_anchors', 'none', found 'ends'"),
    ({"clamp_dims": "velocity"}, "clamp_dims must be one of 'position', 'all', found 'velocity'"),
    ({"guidance": [2.0]}, r"guidance must hold Guidance, as CostGuidance\(cost\), found 2.0"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_bad_options(untouched, condition, options, message, unchecked):
    # A seed whose draws break the rules that only some draws break.
    with pytest.raises(ValueError, match=message):
        untouched.generate(condition, generator=torch.Generator().manual_seed(3), **options)


def test_bad_generators_and_callbacks(untouched, condition, unchecked):
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator, found 0"):
        untouched.plan(condition, generator=0)
    with pytest.raises(ValueError, match="callback must be a function, found 3"):
        untouched.plan(condition, callback=3)


def test_a_misspelt_option_is_a_type_error(untouched, condition, unchecked):
    with pytest.raises(TypeError, match="found num_sample"):
        untouched.generate(condition, num_sample=3)


def test_bad_candidates(untouched, condition, unchecked):
    with pytest.raises(ValueError, match="candidates must be an integer of at least 1, found 0"):
        untouched.plan(condition, candidates=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 1}, "horizon"),
        ({"num_keypoints": 65}, "num_keypoints must be at most horizon = 64"),
        ({"steps": True}, "steps must be an integer"),
        ({"sampler": "ode"}, "sampler must be one of"),
        ({"clamp": "both"}, "clamp must be one of"),
        ({"clamp_dims": "x"}, "clamp_dims must be one of"),
    ],
)
def test_bad_configs(options, message, unchecked):
    with pytest.raises(ValueError, match=message):
        PipelineConfig(**options)


def test_samplers_by_name():
    assert make_sampler("flow", 4, "linear") == FlowSampler(4)
    assert make_sampler("heun", 4, "sqrt") == FlowSampler(4, method="heun", spacing="sqrt")
    for name in ("ddim", "ddpm"):
        sampler = make_sampler(name, 2, "quadratic")
        assert (sampler.steps, sampler.spacing) == (2, "quadratic")


class Counted(TorchDispatchMode):
    """Counts the operators that run, and refuses those that make a GPU wait more than the checks have to."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.calls.append(str(function))
        return function(*args, **(kwargs or {}))


def test_checking_a_call_is_cheap(pipe, new_condition, unchecked):
    condition, config = new_condition(1), PipelineConfig()
    encoders = pipe.keypoints.encoder, pipe.denoiser.encoder
    limits = Limits(device=torch.device("cpu"), encoders=encoders, num_levels=3)
    check_request(condition, 1, {}, config=config, limits=limits)  # even anchors are kept from now on
    with Counted() as counted:
        check_request(condition, 1, {}, config=config, limits=limits)
    assert 0 < len(counted.calls) <= 40, counted.calls


def test_integers_of_numpy_are_integers(untouched, condition, unchecked):
    config = PipelineConfig(steps=np.int64(3))
    assert config_to_json(config)["steps"] == 3
    with pytest.raises(ValueError, match=r"candidates must be an integer of at least 1, found np\.int64"):
        untouched.plan(condition, candidates=np.int64(0))
