"""The refinement transformer: where it starts, what it may move, what it may see."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from anchordiff.nn.maze_encoder import MazeEncoding
from anchordiff.nn.transformer import RefinementTransformer, TransformerConfig

CONFIG = TransformerConfig(width=16, depth=3, heads=2)
BATCH, TOKENS = 2, 6


def build(config: TransformerConfig = CONFIG) -> RefinementTransformer:
    torch.manual_seed(0)
    return RefinementTransformer(config, token_size=5, lookup_size=2, attention=(4, 2), dim=2)


def encoding() -> MazeEncoding:
    random = torch.Generator().manual_seed(1)
    keys, values = torch.randn(2, 1, 2, 9, 2, generator=random)
    ends = torch.zeros(1, 2)
    return MazeEncoding(
        cells=torch.zeros(1, 9, 1), keys=keys, values=values, distances=torch.zeros(1, 0, 3, 3), start=ends,
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
    return transformer(
        **(inputs() | changes), rotation=transformer.rotation(times), lookup=torch.sin, encoding=encoding()
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
    first = (run(transformer)[0] - inputs()["estimate"]).detach()
    doubled = (run(transformer, gain=torch.full((BATCH, TOKENS, 1), 2.0))[0] - inputs()["estimate"]).detach()
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
