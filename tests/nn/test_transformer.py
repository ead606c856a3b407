"""The refinement transformer: where it starts, what it may move, what it may see."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from anchordiff.nn.frame import LineFrame
from anchordiff.nn.maze_encoder import MazeEncoding
from anchordiff.nn.transformer import RefinementTransformer, TransformerConfig

CONFIG = TransformerConfig(width=16, depth=3, heads=2)
BATCH, TOKENS, CHANNELS = 2, 6, 3


def build(config: TransformerConfig = CONFIG) -> RefinementTransformer:
    torch.manual_seed(0)
    return RefinementTransformer(config, token_size=5, lookup_size=CHANNELS + 10, attention=(4, 2), dim=2)


def encoding() -> MazeEncoding:
    random = torch.Generator().manual_seed(1)
    keys, values = torch.randn(2, 1, 2, 9, 2, generator=random)
    cells = torch.randn(1, 9, CHANNELS, generator=random)
    ends = torch.zeros(1, 2)
    return MazeEncoding(
        cells=cells, keys=keys, values=values, distances=torch.zeros(1, 0, 3, 3), start=ends,
        goal=ends, rows=3, cols=3,
    )  # fmt: skip


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
    return transformer(**(inputs() | changes), surroundings=transformer.surroundings(times, encoding()))


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


def maze_encoding(conditions: int, *, cross_attention: bool) -> MazeEncoding:
    random = torch.Generator().manual_seed(3)
    heads, width = (2, 2) if cross_attention else (0, 0)
    keys, values = torch.randn(2, conditions, heads, 12, width, generator=random)
    return MazeEncoding(
        cells=torch.randn(conditions, 12, CHANNELS, generator=random), keys=keys, values=values,
        distances=torch.zeros(conditions, 0, 3, 4), start=torch.zeros(conditions, 2),
        goal=torch.ones(conditions, 2), rows=3, cols=4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("batch", "conditions", "tokens"), [(1, 1, 1), (1, 1, 8), (2, 2, 5), (6, 2, 7), (4, 1, 16)]
)
@pytest.mark.parametrize("dim", [2, 4])
@pytest.mark.parametrize("cross_attention", [True, False])
@pytest.mark.parametrize("framed", [True, False])
def test_few_tokens_take_the_compiled_kernel_to_the_same_estimates(
    roughen, batch, conditions, tokens, dim, cross_attention, framed
):
    config = replace(CONFIG, cross_attention=cross_attention)
    torch.manual_seed(0)
    transformer = roughen(
        RefinementTransformer(config, token_size=5, lookup_size=CHANNELS + 10, attention=(4, 2), dim=dim)
    )
    random = torch.Generator().manual_seed(4)
    times = torch.rand(batch, tokens, generator=random).sort(dim=1).values
    ends = 3 * torch.rand(2, batch, 2, generator=random)
    frame = LineFrame.between(*ends, times, horizon=20, dim=dim, scale=1.5) if framed else None
    given = {
        "tokens": torch.randn(batch, tokens, 5, generator=random),
        "estimate": 3 * torch.randn(batch, tokens, dim, generator=random),
        "gain": torch.rand(batch, tokens, 1, generator=random),
        "context": torch.randn(batch, CONFIG.width, generator=random),
    }
    maze = maze_encoding(conditions, cross_attention=cross_attention)
    expected = transformer(**given, surroundings=transformer.surroundings(times, maze, frame=frame))
    with torch.inference_mode():
        surroundings = transformer.surroundings(times, maze, frame=frame)
        assert surroundings.compiled is not None
        found = transformer(**given, surroundings=surroundings)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other.detach(), atol=2e-5, rtol=2e-5)
    assert float((expected[-1].detach() - given["estimate"]).abs().max()) > 1e-3


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


@pytest.mark.parametrize("case", ["gradients", "many", "causal", "double", "autocast"])
def test_where_the_kernel_is_left_out(case):
    transformer = build(replace(CONFIG, causal=case == "causal"))
    if case == "double":
        transformer = transformer.double()
    times = torch.linspace(0, 1, 65 if case == "many" else TOKENS)[None]
    with torch.set_grad_enabled(case == "gradients"), torch.autocast("cpu", enabled=case == "autocast"):
        assert transformer.surroundings(times, encoding()).compiled is None
