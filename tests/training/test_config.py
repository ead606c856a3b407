import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.training import TrainConfig


@given(steps=st.integers(1, 400), warmup=st.integers(0, 500), ratio=st.floats(0, 1))
def test_the_rate_climbs_then_falls_to_its_last_value(steps: int, warmup: int, ratio: float):
    warmup = min(warmup, steps)
    config = TrainConfig(steps=steps, warmup_steps=warmup, learning_rate=0.5, final_ratio=ratio)
    rates = [config.learning_rate_at(step) for step in range(steps)]
    climb, fall = rates[:warmup], rates[warmup:]
    assert all(0 < rate <= 0.5 for rate in climb)
    assert climb == sorted(climb)
    assert fall == sorted(fall, reverse=True)
    if fall:
        assert math.isclose(fall[-1], 0.5 * ratio, abs_tol=1e-12)
    if climb and fall:
        assert climb[-1] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be an integer of at least 1, found 0"),
        ({"batch_size": 6, "accumulate": 4}, "batch_size must be a multiple of accumulate, found 6 and 4"),
        ({"warmup_steps": -1}, "warmup_steps must be an integer of at least 0, found -1"),
        ({"batch_size": 4.0}, "batch_size must be an integer, found 4.0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, found 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive, found nan"),
        ({"final_ratio": 1.5}, r"final_ratio must lie in \[0, 1\], found 1.5"),
        ({"clip_norm": 0.0}, "clip_norm must be positive or None, found 0.0"),
        ({"ema_decay": 1.0}, r"ema_decay must lie in \[0, 1\) or be None, found 1.0"),
        ({"ema_warmup": 0.0}, "ema_warmup must be at least 1, found 0.0"),
        ({"betas": (0.9, 1.0)}, r"betas must lie in \[0, 1\), found \(0.9, 1.0\)"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_values_are_named(change: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        replace(TrainConfig(), **change)


def test_a_precision_that_does_not_exist_is_named(unchecked: None):
    with pytest.raises(ValueError, match="precision must be one of 'fp32', 'bf16', 'fp16', found 'fp8'"):
        TrainConfig(precision="fp8")


def test_a_typo_is_a_type_error():
    with pytest.raises(TypeError, match="learning_rat"):
        TrainConfig(learning_rat=1e-3)


def test_a_warm_up_is_never_longer_than_the_run():
    assert TrainConfig().warmup_steps == TrainConfig(steps=1000).warmup_steps == 500
    assert TrainConfig(steps=40).warmup_steps == 20
    with pytest.raises(ValueError, match="warmup_steps must be at most steps = 4, found 5"):
        TrainConfig(steps=4, warmup_steps=5)


def test_numbers_of_numpy_become_pythons(unchecked):
    config = TrainConfig(learning_rate=np.float64(1e-3), steps=np.int32(7), betas=(np.float32(0.5), 0.9))
    assert type(config.learning_rate) is type(config.betas[0]) is float
    assert type(config.steps) is int


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 0.9}, "seed must be an integer, found 0.9"),
        ({"steps": True}, "steps must be an integer, found True"),
        ({"learning_rate": "1"}, "learning_rate must be a number, found '1'"),
        ({"betas": (0.9,)}, r"betas must be a tuple \(a number, a number\), found \(0.9,\)"),
        ({"clip_norm": "off"}, "clip_norm must be a number or None, found 'off'"),
    ],
)
def test_other_types_are_refused(options, message, unchecked):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**options)
