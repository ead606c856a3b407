"""The refinement transformer: where it starts, what it may move, what it may see."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.domains.maze.encoder import MazeScene
from anchordiff.nn.config import EncoderConfig, TransformerConfig
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.nn.transformer import RefinementTransformer
from anchordiff.states import StateSpace

CONFIG = TransformerConfig(width=16, depth=3, heads=2)
BATCH, TOKENS, CHANNELS = 2, 6, 3


@dataclass(frozen=True, kw_only=True)
class PlainConfig(EncoderConfig):
    """Sizes of a `Plain` scene."""

    look_size: int = 3  # type: ignore[misc]
    attention: tuple[int, int] = (4, 2)  # type: ignore[misc]
    scalar_size: int = 1  # type: ignore[misc]

    def build(self, states):
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, eq=False)
class Plain(Scene):
    """A scene whose local features are waves of the states, told in torch alone."""

    waves: Tensor

    def frame(self, times, *, horizon):
        raise NotImplementedError

    def look(self, states):
        copies = self.copies_in(len(states), "states")
        return (states @ self.waves.repeat_interleave(copies, dim=0)).sin()


def plain(conditions: int = 1, *, dim: int = 2, places: int = 9, cross_attention: bool = True) -> Plain:
    random = torch.Generator().manual_seed(1)
    heads, width = (2, 2) if cross_attention else (0, 0)
    keys, values = torch.randn(2, conditions, heads, places, width, generator=random)
    waves = torch.randn(conditions, dim, 3, generator=random)
    return Plain(keys=keys, values=values, scalars=torch.zeros(conditions, 1), waves=waves)


def build(config: TransformerConfig = CONFIG) -> RefinementTransformer:
    torch.manual_seed(0)
    return RefinementTransformer(config, PlainConfig(), token_size=5, dim=2)


def inputs() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(2)
    return {
        "tokens": torch.randn(BATCH, TOKENS, 5, generator=random),
        "estimate": torch.randn(BATCH, TOKENS, 2, generator=random),
        "gain": torch.ones(BATCH, TOKENS, 1),
        "context": torch.randn(BATCH, CONFIG.width, generator=random),
    }


def run(transformer: RefinementTransformer, **changes: torch.Tensor) -> list[torch.Tensor]:
    times = torch.linspace(0, 1, TOKENS).expand(BATCH, -1)
    return transformer(
        **(inputs() | changes), prepared=transformer.prepare(times, plain(), states=StateSpace())
    )


def test_a_fresh_one_gives_the_estimate_back_after_each_block():
    estimates = run(build())
    assert len(estimates) == CONFIG.depth
    assert all(torch.equal(estimate, inputs()["estimate"]) for estimate in estimates)


def test_each_block_moves_by_gain_times_its_head(roughen):
    transformer = roughen(build())
    pinned = torch.ones(BATCH, TOKENS, 1)
    pinned[:, [0, -1]] = 0.0
    estimates = run(transformer, gain=pinned)
    for estimate in estimates:
        assert torch.equal(estimate[:, [0, -1]], inputs()["estimate"][:, [0, -1]])
    moves = [(b - a).abs().max() > 1e-3 for a, b in pairwise(estimates)]
    assert all(moves)
    first, doubled = (
        (run(transformer, gain=torch.full((BATCH, TOKENS, 1), gain))[0] - inputs()["estimate"]).detach()
        for gain in (1.0, 2.0)
    )
    torch.testing.assert_close(doubled, 2 * first, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", ["tokens", "estimate"])
def test_a_causal_one_does_not_look_ahead(roughen, causal, name):
    transformer = roughen(build(replace(CONFIG, causal=causal)))
    later = inputs()[name]
    later[:, 3] += 1.0
    moved = [run(transformer, **change)[-1] - inputs()["estimate"] for change in ({}, {name: later})]
    differs = (moved[0] - moved[1]).abs().amax(dim=(0, 2)) > 1e-5
    assert differs[3]
    assert differs[:3].any() == (not causal)


def test_every_input_matters(roughen):
    transformer = roughen(build())
    expected = run(transformer)[-1].detach()
    for name in ("tokens", "estimate", "gain", "context"):
        changed = run(transformer, **{name: inputs()[name] + 0.5})[-1].detach()
        shift = 0.5 if name == "estimate" else 0.0
        assert float((changed - shift - expected).abs().max()) > 1e-4, name


def test_checkpointed_activations_give_the_same_gradients(roughen):
    results = []
    for kept in (True, False):
        transformer = roughen(build(replace(CONFIG, activation_checkpointing=not kept)))
        calls = []
        transformer.blocks[0].register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        loss = sum(estimate.square().mean() for estimate in run(transformer))
        loss.backward()
        results.append((loss.detach(), {n: p.grad for n, p in transformer.named_parameters()}))
        assert len(calls) == (1 if kept else 2)  # the second time in the backward pass
    assert torch.equal(results[0][0], results[1][0])
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(gradient, results[1][1][name])
        assert float(gradient.abs().sum()) > 0, name


def in_maze(conditions: int, *, dim: int, cross_attention: bool) -> MazeScene:
    random = torch.Generator().manual_seed(3)
    heads, width = (2, 2) if cross_attention else (0, 0)
    keys, values = torch.randn(2, conditions, heads, 12, width, generator=random)
    return MazeScene(
        cells=torch.randn(conditions, 12, CHANNELS, generator=random), keys=keys, values=values,
        distances=torch.zeros(conditions, 0, 3, 4), start=torch.zeros(conditions, 2),
        goal=torch.ones(conditions, 2), scalars=torch.zeros(conditions, 3), rows=3, cols=4,
        states=StateSpace(velocities=dim == 4),
    )  # fmt: skip


SCENES = {
    "maze": (MazeEncoderConfig(cell_channels=CHANNELS, attention_channels=4, attention_heads=2), in_maze),
    "torch": (PlainConfig(), plain),
    "no look": (PlainConfig(look_size=0), plain),
}


@pytest.mark.parametrize(
    ("batch", "conditions", "tokens"), [(1, 1, 1), (1, 1, 8), (2, 2, 5), (6, 2, 7), (4, 1, 16)]
)
@pytest.mark.parametrize("dim", [2, 4])
@pytest.mark.parametrize("cross_attention", [True, False])
@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize("scene", SCENES)
def test_few_tokens_take_the_compiled_kernel_to_the_same_estimates(
    roughen, batch, conditions, tokens, dim, cross_attention, framed, scene
):
    config = replace(CONFIG, cross_attention=cross_attention)
    encoder, make = SCENES[scene]
    torch.manual_seed(0)
    transformer = roughen(RefinementTransformer(config, encoder, token_size=5, dim=dim))
    random = torch.Generator().manual_seed(4)
    times = torch.rand(batch, tokens, generator=random).sort(dim=1).values
    ends = 3 * torch.rand(2, batch, 2, generator=random)
    states = StateSpace(velocities=dim == 4, scale=1.5)
    frame = Frame.bridge(*ends, times, states=states, horizon=20) if framed else None
    given = {
        "tokens": torch.randn(batch, tokens, 5, generator=random),
        "estimate": 3 * torch.randn(batch, tokens, dim, generator=random),
        "gain": torch.rand(batch, tokens, 1, generator=random),
        "context": torch.randn(batch, CONFIG.width, generator=random),
    }
    seen = make(conditions, dim=dim, cross_attention=cross_attention)
    expected = transformer(**given, prepared=transformer.prepare(times, seen, states=states, frame=frame))
    with torch.inference_mode():
        prepared = transformer.prepare(times, seen, states=states, frame=frame)
        assert prepared.compiled is not None
        found = transformer(**given, prepared=prepared)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other.detach(), atol=2e-5, rtol=2e-5)
    assert float((expected[-1].detach() - given["estimate"]).abs().max()) > 1e-3


@pytest.mark.parametrize("hidden", [1, 5, 8])
def test_places_that_are_not_visible_are_not_attended_to(roughen, hidden):
    transformer, scene = roughen(build()), plain()
    visible = torch.ones(1, 9, dtype=torch.bool)
    visible[:, -hidden:] = False
    cut = replace(scene, keys=scene.keys[:, :, :-hidden], values=scene.values[:, :, :-hidden])
    times = torch.linspace(0, 1, TOKENS).expand(BATCH, -1)
    with torch.inference_mode():
        prepared = [
            transformer.prepare(times, s, states=StateSpace())
            for s in (replace(scene, visible=visible), cut, scene)
        ]
        some, same, all_of_them = (transformer(**inputs(), prepared=each)[-1] for each in prepared)
    torch.testing.assert_close(some, same, atol=2e-5, rtol=2e-5)
    assert float((some - all_of_them).abs().max()) > 1e-4


def test_the_kernel_sees_weights_that_change(roughen):
    transformer = roughen(build())
    with torch.inference_mode():
        before = run(transformer)[-1]
    with torch.no_grad():
        for parameter in transformer.parameters():
            parameter.data = parameter.data * 1.1
        after = run(transformer)[-1]
    assert float((after - before).abs().max()) > 1e-4
    torch.testing.assert_close(after, run(transformer)[-1].detach(), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("case", ["gradients", "many", "causal", "double", "autocast", "hidden places"])
def test_where_the_kernel_is_left_out(case):
    transformer = build(replace(CONFIG, causal=case == "causal"))
    if case == "double":
        transformer = transformer.double()
    times = torch.linspace(0, 1, 65 if case == "many" else TOKENS)[None]
    visible = torch.ones(1, 9, dtype=torch.bool) if case == "hidden places" else None
    scene = replace(plain(), visible=visible)
    with torch.set_grad_enabled(case == "gradients"), torch.autocast("cpu", enabled=case == "autocast"):
        assert transformer.prepare(times, scene, states=StateSpace()).compiled is None
