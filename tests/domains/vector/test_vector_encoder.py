"""The encoder of vectors: a set has no order, what is not given is not there, and elements do not see each other."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.vector import VectorCondition, VectorEncoderConfig
from anchordiff.masks import Even
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.config import KeypointDiffusionConfig
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

HORIZON, COUNT, BATCH, PLACES = 10, 4, 3, 5
STATES = StateSpace(positions=2, velocities=True, centre=(1.0, -1.0), scale=(0.5, 2.0))
SIZES: dict[str, Any] = {
    "positions": 2, "velocities": True, "context_size": 3, "token_size": 4, "width": 16, "attention_channels": 8,
    "attention_heads": 2, "context_channels": 4,
}  # fmt: skip
seeds = st.integers(0, 2**31)


def condition(seed: int = 0) -> VectorCondition:
    random = torch.Generator().manual_seed(seed)
    return VectorCondition(
        start=torch.randn(BATCH, 2, generator=random),
        goal=torch.randn(BATCH, 4, generator=random),
        context=torch.randn(BATCH, 3, generator=random),
        tokens=torch.randn(BATCH, PLACES, 4, generator=random),
        visible=torch.rand(BATCH, PLACES, generator=random) < 0.6,
    )


@pytest.fixture(scope="module")
def model(roughen) -> KeypointDiffusion:
    """A stage 1 whose every weight matters."""
    torch.manual_seed(0)
    config = KeypointDiffusionConfig(
        encoder=VectorEncoderConfig(**SIZES),
        states=STATES,
        horizon=HORIZON,
        num_keypoints=COUNT,
        transformer=TransformerConfig(width=16, depth=1, heads=2),
    )
    return roughen(KeypointDiffusion(config)).eval().requires_grad_(requires_grad=False)


def estimate(model: KeypointDiffusion, given_there: VectorCondition) -> torch.Tensor:
    """What the network makes of one and the same noise."""
    count = len(given_there)
    random = torch.Generator().manual_seed(1)
    z_t = torch.randn(1, COUNT, 2, generator=random).expand(count, -1, -1)
    anchors = AnchorSet.from_mask(Even(COUNT).sample(count, HORIZON))
    return model(z_t, torch.full((count,), 0.7), anchors, given_there)


def same(model: KeypointDiffusion, a: VectorCondition, b: VectorCondition) -> None:
    torch.testing.assert_close(estimate(model, a), estimate(model, b), atol=1e-5, rtol=1e-5)
    first, second = model.encode(a), model.encode(b)
    torch.testing.assert_close(first.scalars, second.scalars, atol=1e-5, rtol=1e-5)


def differ(model: KeypointDiffusion, a: VectorCondition, b: VectorCondition) -> None:
    away = (estimate(model, a) - estimate(model, b)).abs().amax(dim=(1, 2))
    assert float(away.min()) > 1e-4


@settings(max_examples=15)
@given(seed=seeds, order=st.permutations(range(PLACES)))
def test_tokens_are_a_set(model, seed, order):
    given_there = condition(seed)
    other = replace(given_there, tokens=given_there.tokens[:, order], visible=given_there.visible[:, order])
    same(model, given_there, other)
    keys, moved = model.encode(given_there).keys, model.encode(other).keys
    places = [0, *(1 + place for place in order), PLACES + 1]
    there = other.visible[:, None, :, None].expand(-1, 2, -1, 4)
    torch.testing.assert_close(
        moved[:, :, 1:-1][there], keys[:, :, places][:, :, 1:-1][there], atol=1e-5, rtol=1e-5
    )


@settings(max_examples=15)
@given(seed=seeds, junk=st.sampled_from([0.0, 1e6, math.inf, math.nan]))
def test_rows_that_are_not_visible_do_not_matter(model, seed, junk):
    given_there = condition(seed)
    hidden = ~given_there.visible[..., None]
    same(model, given_there, replace(given_there, tokens=given_there.tokens.masked_fill(hidden, junk)))
    # Nor does their number.
    more = torch.full((BATCH, 2, 4), junk)
    longer = replace(
        given_there,
        tokens=torch.cat([given_there.tokens, more], dim=1),
        visible=torch.cat([given_there.visible, torch.zeros(BATCH, 2, dtype=torch.bool)], dim=1),
    )
    same(model, given_there, longer)


@settings(max_examples=15)
@given(
    seed=seeds,
    part=st.sampled_from(["start", "goal", "context", "tokens"]),
    junk=st.sampled_from([7.0, math.nan]),
)
def test_what_is_taken_away_is_as_what_never_was(model, seed, part, junk):
    given_there = condition(seed)
    dropped = given_there.without(part)
    absent = replace(given_there, **{part: None} | ({"visible": None} if part == "tokens" else {}))
    same(model, dropped, absent)
    if part != "tokens" or bool(given_there.visible.any(dim=1).all()):
        differ(model, dropped, given_there)
    filled = replace(dropped, **{part: torch.full_like(getattr(dropped, part), junk)})
    same(model, dropped, filled)
    # Where it is taken from one element alone, only that one changes.
    where = torch.tensor([False, True, False])
    some = estimate(model, given_there.without(part, where=where))
    every, none = estimate(model, dropped), estimate(model, given_there)
    expected = torch.where(where[:, None, None], every, none)
    torch.testing.assert_close(some, expected, atol=1e-5, rtol=1e-5)


def test_nothing_given_is_told_apart_from_zeros(model):
    at_centre = torch.tensor([[1.0, -1.0]])
    for part in ("start", "goal"):
        told = VectorCondition(**{part: at_centre})
        without = told.without(part)
        scalars, none = model.encode(told).scalars, model.encode(without).scalars
        assert not torch.equal(scalars, none)
        assert bool((none[:, :9] == 0).all())
    assert bool(estimate(model, VectorCondition.empty(2)).isfinite().all())
    differ(
        model,
        replace(condition(), context=torch.zeros(BATCH, 3)),
        condition().without("context"),
    )


@settings(max_examples=15)
@given(seed=seeds)
def test_elements_do_not_see_each_other(model, seed):
    given_there = condition(seed).without("goal", where=torch.tensor([True, False, False]))
    whole = estimate(model, given_there)
    for element in range(BATCH):
        alone = estimate(model, given_there[[element]])
        torch.testing.assert_close(alone, whole[[element]], atol=1e-5, rtol=1e-5)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(estimate(model, given_there[order]), whole[order], atol=1e-5, rtol=1e-5)


def test_every_part_matters(model):
    given_there = condition()
    every = replace(given_there, visible=None)
    for part in ("start", "goal", "context", "tokens"):
        value = getattr(every, part)
        differ(model, every, replace(every, **{part: value + 1.0}))
    same(model, every, replace(every, visible=torch.ones(BATCH, PLACES, dtype=torch.bool)))


def test_training_and_evaluation_read_the_same(model):
    given_there = condition()
    evaluated = model.encode(given_there)
    model.train()
    try:
        trained = model.encode(given_there)
    finally:
        model.eval()
    for name in ("keys", "values", "scalars"):
        torch.testing.assert_close(getattr(trained, name), getattr(evaluated, name), atol=1e-5, rtol=1e-5)
    with torch.inference_mode():
        inferred = model.encode(given_there)
    torch.testing.assert_close(inferred.keys, evaluated.keys, atol=1e-5, rtol=1e-5)


def test_scenes_made_under_autocast_serve_outside_of_it(model):
    given_there = condition()
    with torch.autocast("cpu", torch.bfloat16):
        scene = model.encode(given_there)
        inside = estimate(model, given_there)
    plain = model.encode(given_there)
    for name in ("keys", "values", "scalars"):
        found = getattr(scene, name)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, getattr(plain, name), atol=0.1, rtol=0.1)
    anchors = AnchorSet.from_mask(Even(COUNT).sample(BATCH * 8, HORIZON))
    assert bool(model.sample(scene, anchors).isfinite().all())
    assert bool(inside.isfinite().all())


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_any_number_of_layers_learns(layers):
    encoder = VectorEncoderConfig(**SIZES, layers=layers).build(STATES)
    given_there = condition()
    given_there.tokens[~given_there.visible] = math.nan
    scene = encoder(given_there)
    (scene.keys.square().sum() + scene.values.square().sum() + scene.scalars.square().sum()).backward()
    for name, weight in encoder.named_parameters():
        assert weight.grad is not None, name
        assert bool(weight.grad.isfinite().all()), name
        assert float(weight.grad.abs().max()) > 0 or name.endswith("in_proj_bias"), name


@given(seed=seeds)
def test_features_are_read_in_units_of_their_normaliser(seed):
    random = torch.Generator().manual_seed(seed)
    centre, scale = torch.randn(3, generator=random), 0.5 + torch.rand(3, generator=random)
    token_centre, token_scale = torch.randn(4, generator=random), 0.5 + torch.rand(4, generator=random)
    plain = VectorEncoderConfig(**SIZES).build(STATES)
    told = VectorEncoderConfig(
        **SIZES,
        context_centre=tuple(centre.tolist()), context_scale=tuple(scale.tolist()),
        token_centre=tuple(token_centre.tolist()), token_scale=tuple(token_scale.tolist()),
    ).build(STATES)  # fmt: skip
    told.load_state_dict(plain.state_dict())
    given_there = condition(seed)
    moved = replace(
        given_there,
        context=centre + scale * given_there.context,
        tokens=token_centre + token_scale * given_there.tokens,
    )
    first, second = plain(given_there), told(moved)
    torch.testing.assert_close(second.scalars, first.scalars, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(second.keys, first.keys, atol=1e-4, rtol=1e-4)


@given(turn=st.floats(-10, 10), start=st.floats(-3, 3), goal=st.floats(-3, 3))
def test_scalars_of_angles_do_not_see_the_seam(turn, start, goal):
    def scalars(by: float) -> torch.Tensor:
        space = StateSpace(positions=1, angles=(0,), centre=by, scale=0.5)
        ends = space.wrap(torch.tensor([[start + by], [goal + by]], dtype=torch.float64)).float()
        encoder = VectorEncoderConfig(positions=1).build(space)
        return encoder(VectorCondition(start=ends[:1], goal=ends[1:])).scalars

    found = scalars(turn)
    torch.testing.assert_close(found[:, :2], scalars(0.0)[:, :2], atol=1e-3, rtol=1e-4)
    assert float(found[:, :3].abs().max()) <= math.pi / 0.5 + 1e-3


def test_where_there_is_nothing_to_read_there_is_no_attention():
    config = VectorEncoderConfig(positions=2, velocities=True)
    assert config.attention == (0, 4)
    encoder = config.build(STATES)
    assert not list(encoder.parameters())
    scene = encoder(VectorCondition(start=torch.zeros(2, 2)))
    assert scene.keys.shape == (2, 0, 1, 0)
    assert scene.visible is None
    assert scene.scalars.shape == (2, config.scalar_size)


def test_marks_tell_what_is_known():
    encoder = VectorEncoderConfig(positions=2, velocities=True).build(STATES)
    scene = encoder(VectorCondition(start=torch.zeros(1, 2)))
    frame = scene.frame(torch.linspace(0, 1, 4)[None], horizon=4)
    marks = scene.marks(frame)
    assert torch.equal(marks[..., -4:], frame.is_known.float())
    assert marks[0, 0, -4:].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert torch.equal(marks[..., -8:-4], frame.spread)


def changed(**changes: Any) -> VectorCondition:
    return replace(condition(), **changes)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("given_there", "message"),
    [
        (changed(start=torch.zeros(3, 3)), "start must have 2 or 4 numbers, as the weights, found 3"),
        (changed(goal=torch.zeros(3, 1)), "goal must have 2 or 4 numbers, as the weights, found 1"),
        (changed(context=torch.zeros(3, 5)), "context must have 3 features, as the weights, found 5"),
        (changed(tokens=torch.zeros(3, PLACES, 2)), "tokens must have 4 features, as the weights, found 2"),
        (
            changed(known=torch.zeros(3, HORIZON, 2), is_known=torch.ones(3, HORIZON, 2, dtype=torch.bool)),
            "known must have 4 numbers a state, found 2",
        ),
        (
            changed(known=torch.zeros(3, 7, 4), is_known=torch.ones(3, 7, 4, dtype=torch.bool)),
            "known must have the horizon 10 of the call, found 7",
        ),
        (changed(start=torch.full((3, 2), math.nan)), r"start\[0, 0\] must be finite, found nan"),
        (
            MazeCondition.from_arrays(
                torch.zeros(1, 5, 5, dtype=torch.bool), torch.ones(1, 2), torch.ones(1, 2)
            ),
            "condition must be a VectorCondition, found MazeCondition",
        ),
    ],
)
def test_conditions_of_other_sizes_are_refused(model, given_there, message):
    with pytest.raises(ValueError, match=message):
        model.encoder.check(given_there, horizon=HORIZON)


@pytest.mark.usefixtures("unchecked")
def test_weights_that_read_none_refuse_what_they_would_not_see():
    encoder = VectorEncoderConfig(positions=1).build(StateSpace(positions=1))
    for part, value in (("context", torch.zeros(1, 2)), ("tokens", torch.zeros(1, 2, 2))):
        with pytest.raises(ValueError, match=f"{part} must be left out: the weights read none"):
            encoder.check(VectorCondition(**{part: value}), horizon=4)
    with pytest.raises(ValueError, match="start must have 1 numbers, as the weights, found 2"):
        encoder.check(VectorCondition(start=torch.zeros(1, 2)), horizon=4)
    encoder.check(VectorCondition(start=torch.zeros(1, 1)), horizon=4)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"positions": 0}, "positions must be at least 1, found 0"),
        ({"layers": -1}, "layers must not be negative, found -1"),
        ({"context_size": -1}, "context_size must not be negative, found -1"),
        ({"width": 30}, "width must be a positive multiple of attention_heads = 4, found 30"),
        ({"attention_channels": 0}, "attention_channels must be a positive multiple of attention_heads = 4"),
        ({"context_size": 2, "context_scale": (1.0,)}, "context_scale must be empty or 2 numbers, found 1"),
        ({"token_centre": (1.0,)}, "token_centre must be empty or 0 numbers, found 1"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        VectorEncoderConfig(**sizes)


def test_an_encoder_is_for_the_states_of_its_config():
    for states, message in (
        (
            StateSpace(positions=3, velocities=True),
            "encoder.positions must be that of the states, 3, found 2",
        ),
        (StateSpace(positions=2), "encoder.velocities must be that of the states, False, found True"),
    ):
        with pytest.raises(ValueError, match=message):
            VectorEncoderConfig(**SIZES).build(states)
