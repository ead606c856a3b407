import json
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.configs import config_from_json, config_to_json, differences
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.domains.maze.terms import Distances, WallHinge
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.states import StateSpace
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective


@dataclass(frozen=True, kw_only=True)
class Inner:
    sizes: tuple[int, ...] = ()
    pair: tuple[float, str] = (0.0, "")
    kind: Literal["a", "b", 3] = "a"


@dataclass(frozen=True, kw_only=True)
class Outer:
    count: int
    rate: float = 0.0
    wide: bool = False
    name: str | None = None
    number: int | float = 0
    inner: Inner = field(default_factory=Inner)
    others: tuple[Inner, ...] = ()
    table: dict[str, tuple[int, int]] = field(default_factory=dict)
    items: list[float] = field(default_factory=list)
    maybe: Inner | None = None

    def __post_init__(self):
        if self.count < 0:
            raise ValueError(f"count must not be negative, found {self.count}")


finite = st.floats(allow_nan=False, allow_infinity=False)
inners = st.builds(
    Inner,
    sizes=st.lists(st.integers(), max_size=3).map(tuple),
    pair=st.tuples(finite, st.text(max_size=3)),
    kind=st.sampled_from(["a", "b", 3]),
)
outers = st.builds(
    Outer,
    count=st.integers(min_value=0),
    rate=finite,
    wide=st.booleans(),
    name=st.none() | st.text(max_size=3),
    number=st.integers() | finite,
    inner=inners,
    others=st.lists(inners, max_size=2).map(tuple),
    table=st.dictionaries(st.text(max_size=2), st.tuples(st.integers(), st.integers()), max_size=2),
    items=st.lists(finite, max_size=2),
    maybe=st.none() | inners,
)


@settings(max_examples=25)
@given(outers)
def test_round_trip_through_text(config):
    text = json.dumps(config_to_json(config), allow_nan=False)
    again = config_from_json(Outer, json.loads(text))
    assert again == config
    assert type(again.number) is type(config.number)


@pytest.mark.parametrize("cls", [KeypointDiffusionConfig, InterpDenoiserConfig])
def test_the_networks_configs(cls):
    config = cls(
        encoder=MazeEncoderConfig(map_channels=7),
        states=StateSpace(velocities=True, angles=(1,), scale=(0.5, 2.0)),
    )
    assert config_from_json(cls, json.loads(json.dumps(config_to_json(config)))) == config


@pytest.mark.parametrize("cls", [KeypointDiffusionConfig, InterpDenoiserConfig])
@pytest.mark.parametrize(("dim", "velocities"), [(2, False), (4, True)])
def test_configs_that_0_1_saved_are_read_in_todays_terms(cls, dim, velocities):
    encoder = config_to_json(MazeEncoderConfig(map_channels=7))
    del encoder["domain"]
    saved = {"dim": dim, "encoder": encoder}
    saved |= {"num_keypoints": 6, "scale": 1.5} if cls is KeypointDiffusionConfig else {"num_anchors": 6}
    scale = 1.5 if cls is KeypointDiffusionConfig else 2.0
    assert config_from_json(cls, saved) == cls(
        encoder=MazeEncoderConfig(map_channels=7),
        states=StateSpace(velocities=velocities, keypoint_velocities=velocities, scale=scale),
        num_keypoints=6,
    )
    with pytest.raises(ValueError, match="dim must be 2 or 4, found 3"):
        config_from_json(cls, saved | {"dim": 3})


@pytest.mark.parametrize("cls", [KeypointDiffusionConfig, InterpDenoiserConfig])
def test_an_encoder_that_no_domain_has_is_refused(cls):
    for encoder in ({"domain": "kitchen"}, {"map_channel": 4}):
        with pytest.raises(ValueError, match=r"domain must be one of .*maze.*, found (None|'kitchen') with"):
            config_from_json(cls, {"encoder": encoder})


def test_differences_are_named_in_nested_configs():
    saved = {"train": {"steps": 3, "betas": [0.9, 0.99]}, "kind": "a", "old": 1}
    given = {"train": {"steps": 4, "betas": (0.9, 0.99)}, "kind": "a", "new": 2}
    assert differences(saved, given) == [
        "train.steps=4 (saved: 3)",
        "old='nothing' (saved: 1)",
        "new=2 (saved: 'nothing')",
    ]
    assert differences(given, given) == []


def test_fields_left_out_take_their_defaults():
    assert config_from_json(Outer, {"count": 3}) == Outer(count=3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"count": 1, "rates": 2.0}, r"config.rates is not a field of Outer, which has: count, rate, "),
        ({"count": 1, "inner": {"size": []}}, r"config.inner.size is not a field of Inner"),
        ({"count": 1, "others": [{}, {"kind": "c"}]}, r"config.others\[1\].kind must be one of 'a', 'b', 3"),
        ({"count": 1, "inner": {"kind": 3.0}}, r"config.inner.kind must be one of"),
        ({"count": 1.0}, r"config.count must be int, found 1.0"),
        ({"count": True}, r"config.count must be int, found True"),
        ({"count": 1, "wide": 1}, r"config.wide must be bool, found 1"),
        ({"count": 1, "rate": "1"}, r"config.rate must be float, found '1'"),
        ({"count": 1, "inner": {"sizes": [1, "2"]}}, r"config.inner.sizes\[1\] must be int, found '2'"),
        ({"count": 1, "inner": {"sizes": 3}}, r"config.inner.sizes must be tuple, found 3"),
        ({"count": 1, "inner": {"pair": [1.0]}}, r"config.inner.pair must have 2 entries, found 1"),
        ({"count": 1, "table": {"x": [1]}}, r"config.table.x must have 2 entries"),
        ({"count": 1, "maybe": {"size": 1}}, r"config.maybe.size is not a field"),
        ({"count": -1}, r"config is no Outer: count must not be negative, found -1"),
        ({}, r"config is no Outer: .*'count'"),
    ],
)
def test_what_does_not_fit_is_named(data, message):
    with pytest.raises(ValueError, match=message):
        config_from_json(Outer, data)


def test_what_json_cannot_hold():
    with pytest.raises(ValueError, match=r"config.rate must be finite, found nan"):
        config_to_json(Outer(count=1, rate=float("nan")))
    with pytest.raises(
        ValueError, match=r"config.items\[0\] must be something that JSON can hold, found object"
    ):
        config_to_json(Outer(count=1, items=[object()]))
    with pytest.raises(ValueError, match="config must be an instance of a dataclass"):
        config_to_json(Outer)
    with pytest.raises(ValueError, match="cls must be a dataclass"):
        config_from_json(dict, {})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("cls", "changes", "message"),
    [
        (TransformerConfig, {"width": 30}, "width must be a positive multiple of 2 heads = 8, found 30"),
        (TransformerConfig, {"heads": 0}, "heads must be at least 1, found 0"),
        (TransformerConfig, {"depth": 0}, "depth must be at least 1, found 0"),
        (
            MazeEncoderConfig,
            {"attention_channels": 30},
            "attention_channels must be a multiple of .* = 4, or 0",
        ),
        (MazeEncoderConfig, {"map_channels": 0}, "map_channels must be at least 1"),
        (
            KeypointDiffusionConfig,
            {"num_keypoints": 100},
            r"num_keypoints must lie in 2 ... horizon, found 100",
        ),
        (StateSpace, {"positions": 0}, "positions must be an integer of at least 1, found 0"),
        (KeypointDiffusionConfig, {"prediction": "epsilon"}, "prediction must be one of .* found 'epsilon'"),
        (
            KeypointDiffusionConfig,
            {"prediction": "eps"},
            'prediction must be "x0" or "v" .* with \'rectified\'',
        ),
        (KeypointDiffusionConfig, {"schedule": "sigmoid"}, "schedule must be one of .* found 'sigmoid'"),
        (StateSpace, {"scale": 0.0}, "scale must be positive and finite, found 0.0"),
        (InterpDenoiserConfig, {"num_levels": 0}, "num_levels must lie in 1 ... horizon, found 0"),
        (InterpDenoiserConfig, {"num_keypoints": 1}, r"num_keypoints must lie in 2 ... horizon, found 1"),
        (InterpDenoiserConfig, {"growth": "cubic"}, "growth must be one of .* found 'cubic'"),
        (Distances, {"weight": -1.0}, "weight must not be negative, found -1.0"),
        (WallHinge, {"margin": -0.1}, "margin must not be negative, found -0.1"),
        (KeypointObjective, {"repeats": 0}, "repeats must be at least 1, found 0"),
        (DenoiserObjective, {"keypoint_noise": -0.1}, "keypoint_noise must not be negative, found -0.1"),
    ],
)
def test_values_out_of_range_are_refused_where_they_are_given(cls, changes, message):
    needed = (
        {"encoder": MazeEncoderConfig()} if cls in (KeypointDiffusionConfig, InterpDenoiserConfig) else {}
    )
    with pytest.raises(ValueError, match=message):
        cls(**needed, **changes)
