"""Stage 2: undo interpolation in one pass.

Notation: x_0 is a trajectory, M_0 ⊃ … ⊃ M_S nested sets of anchors, x_s = Interp(x_0 | M_s). The network
f(x_s, M_s, s, condition) estimates x_0 from x_s; anchor density is the corruption level (in the manner of
cold diffusion, Bansal et al. 2022).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from anchordiff import hub
from anchordiff.anchors import AnchorSet, step_times
from anchordiff.checks import check_integer, check_type
from anchordiff.conditions import Condition
from anchordiff.nn.attention import KVCache
from anchordiff.nn.embeddings import ContextEmbedding
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.fourier import fourier_features, fourier_size
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.nn.transformer import RefinementTransformer, weigh_blocks
from anchordiff.stages.config import InterpDenoiserConfig
from anchordiff.stages.earlier import pad_scalar
from anchordiff.stages.loss import StageLoss

_STATE_OCTAVES = 2
_TIME_OCTAVES = 4


@hub.register
class InterpDenoiser(hub.HubMixin, nn.Module):
    """Estimate a trajectory from its interpolation between anchors."""

    def __init__(self, config: InterpDenoiserConfig) -> None:
        super().__init__()
        check_type("config", config, InterpDenoiserConfig)
        self.config = config
        self.encoder: Encoder[Any, Any] = config.encoder.build(config.states)
        dim = config.states.token_dim
        stamps = 4 if config.states.patches is None else 6
        token_size = fourier_size(2 * dim, octaves=_STATE_OCTAVES) + fourier_size(
            stamps, octaves=_TIME_OCTAVES
        )
        self.transformer = RefinementTransformer(
            config.transformer, config.encoder, token_size=token_size + config.encoder.mark_size, dim=dim
        )
        self.context = ContextEmbedding(3 + config.encoder.scalar_size, config.transformer.width)
        self.float()  # whatever torch's default is

    def encode(self, condition: Condition | Scene) -> Scene:
        """Compute what depends on the condition alone, once a plan; a scene is returned as it is."""
        scene: Scene = self.encoder.see(condition)
        return scene

    def upgrade_weights(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights that an earlier version saved, in this one's shapes."""
        name = "context.network.0.weight"
        new = dict(weights)
        if name in new and new[name].ndim == 2:
            scalars = 3 + self.config.encoder.scalar_size
            new[name] = pad_scalar(new[name], scalars, place=scalars - 3, octaves=self.context.octaves)
        return new

    def forward(
        self,
        x_s: Float[Tensor, "batch horizon dim"],
        level: Int[Tensor, " batch"],
        anchors: AnchorSet,
        condition: Condition | Scene,
        *,
        frame: Frame | None = None,
    ) -> Float[Tensor, "batch horizon dim"]:
        """Estimate the clean trajectory.

        Args:
            x_s: interpolated trajectory, in the units of states.
            level: corruption level s of each element, in 0 … `num_levels`.
            anchors: the steps that x_s was interpolated from.
            condition: what the trajectory is for, or its scene; `batch` may be a multiple of its length.
            frame: the scene's, of all steps, where it is at hand.

        Raises:
            ValueError: if the lengths or the horizons of the arguments do not fit each other.
        """
        estimates = self._estimates(x_s, level, anchors, self.encode(condition), frame)
        return self.config.states.wrap(estimates[-1])

    def loss(
        self,
        x_0: Float[Tensor, "batch horizon dim"],
        x_s: Float[Tensor, "batch horizon dim"],
        level: Int[Tensor, " batch"],
        anchors: AnchorSet,
        condition: Condition | Scene,
        *,
        step_weight: float = 0.0,
        valid: Bool[Tensor, "batch horizon"] | None = None,
    ) -> StageLoss:
        """Squared error of the estimates, in units² of `StateSpace.unit`, averaged over blocks.

        Args:
            x_0: clean trajectory, in the units of states.
            x_s: interpolated trajectory, in the units of states.
            level: corruption level of each element.
            anchors: the steps that x_s was interpolated from.
            condition: what the trajectory is for, or its scene; `batch` may be a multiple of its length.
            step_weight: weight of the squared error of the positions' way from one step to the next, at the states'
                pace; it takes out jitter, which errors of positions hardly see.
            valid: False for steps that are padding, from which nothing is learned; none where all are data.

        Returns:
            The loss with its terms `error` (mean squared error of the last block) and `steps` where they have a weight.
        """
        states, scene = self.config.states, self.encode(condition)
        estimates = self._estimates(x_s, level, anchors, scene)
        units = states.units(x_0)
        misses = [states.difference(estimate.float(), x_0) / units for estimate in estimates]
        counted = None
        if valid is not None:
            counted = valid[..., None].to(x_0.dtype)
            misses = [miss * counted for miss in misses]
        share = 1.0 if counted is None else counted.mean().clamp(min=1e-6)
        errors = [miss.square().mean() / share for miss in misses]
        loss = weigh_blocks(errors)
        terms = {"error": errors[-1].detach()}
        if step_weight:
            ways = misses[-1][..., : states.positions].diff(dim=1) * (x_0.shape[1] / states.pace)
            if counted is not None:
                both = counted[:, 1:] * counted[:, :-1]
                ways, share = ways * both, both.mean().clamp(min=1e-6)
            steps = ways.square().mean() / share
            loss = loss + step_weight * steps
            terms["steps"] = steps.detach()
        return StageLoss(loss=loss, terms=terms, estimate=estimates[-1].float(), scene=scene)

    def stream(
        self,
        x_s: Float[Tensor, "batch horizon dim"],
        level: Int[Tensor, " batch"],
        anchors: AnchorSet,
        condition: Condition | Scene,
        *,
        chunk: int,
    ) -> Iterator[Float[Tensor, "batch steps dim"]]:
        """Estimate the clean trajectory chunk by chunk, from its beginning; together they are what `forward` gives.

        Each chunk costs a pass over its own steps alone: keys and values of earlier ones are kept.

        Args:
            x_s: as for `forward`.
            level: as for `forward`.
            anchors: as for `forward`.
            condition: as for `forward`.
            chunk: steps at a time; the last chunk may have fewer.

        Raises:
            ValueError: as for `forward`; also if the network is not causal, or `chunk` is below 1.
        """
        check_integer("chunk", chunk)
        states, transformer = self.config.states, self.transformer
        if not self.config.transformer.causal:
            raise ValueError(
                "transformer.causal must be True for a stream, whose first steps cannot wait for the last, found False"
            )
        scene = self.encode(condition)
        whole = self._inputs(x_s, level, anchors, scene)
        cache = [KVCache() for _ in range(self.config.transformer.depth)]
        for first in range(0, x_s.shape[1], chunk):
            part = whole.part(first, first + chunk, each=states.num_tokens)
            made = transformer(
                part.tokens, part.estimate, part.gain, context=part.context, cache=cache,
                prepared=transformer.prepare(part.times, scene, states=states),
            )  # fmt: skip
            yield states.wrap(states.from_tokens(made[-1]))

    def _estimates(
        self, x_s: Tensor, level: Tensor, anchors: AnchorSet, scene: Scene, frame: Frame | None = None
    ) -> list[Tensor]:
        inputs, states = self._inputs(x_s, level, anchors, scene, frame), self.config.states
        estimates: list[Tensor] = self.transformer(
            inputs.tokens, inputs.estimate, inputs.gain, context=inputs.context,
            prepared=self.transformer.prepare(inputs.times, scene, states=states),
        )  # fmt: skip
        return [states.from_tokens(tokens) for tokens in estimates]

    def _inputs(
        self, x_s: Tensor, level: Tensor, anchors: AnchorSet, scene: Scene, frame: Frame | None = None
    ) -> "_Inputs":
        batch, horizon, _ = x_s.shape
        states, causal = self.config.states, self.config.transformer.causal
        if (len(anchors), anchors.horizon) != (batch, horizon):
            raise ValueError(
                f"anchors must be {batch} sets over {horizon} steps as x_s, "
                f"found {len(anchors)} over {anchors.horizon}"
            )
        if not isinstance(level, Tensor) or level.shape != (batch,):
            raise ValueError(
                f"level must be a tensor with one level for each of {batch} elements, found {level!r}"
            )
        copies = scene.copies_in(batch, "x_s")
        times = step_times(batch, horizon, device=x_s.device)
        if frame is None:
            frame = scene.frame(times, horizon=horizon)
        units = states.units(x_s)
        ways = states.wrap(torch.diff(x_s, dim=1)) / units
        # A step's way is the one from it; in a causal network the one to it, which does not look ahead.
        pads: dict[str, Any] = {"pad": (0, 0, 1, 0)} if causal else {"pad": (0, 0, 0, 1), "mode": "replicate"}
        speed = functional.pad(ways, **pads) * (horizon / states.pace)
        before, after = _distance_to_anchors(anchors)
        stamps = torch.stack(
            [times, 4 * before, 4 * after, before / (before + after).clamp(min=1e-6)], dim=-1
        )
        stamps = states.each_token(stamps)
        if states.patches is not None:
            places = states.patch_places(horizon, stamps)
            stamps = torch.cat([stamps, places.expand(batch, -1, -1)], dim=-1)
        moving = torch.cat([states.tokens(frame.normalise(x_s) / 2), states.tokens(speed)], dim=-1)
        features = [
            fourier_features(moving, octaves=_STATE_OCTAVES),
            fourier_features(stamps, octaves=_TIME_OCTAVES),
        ]
        if self.config.encoder.mark_size:
            features.append(states.each_token(scene.marks(frame)))
        # One number for all steps: a causal network takes it from what the condition says alone.
        every = (
            states.wrap(torch.diff(frame.origin, dim=1)) / units * (horizon / states.pace)
            if causal
            else speed
        )
        mean_speed = every[..., : states.positions].norm(dim=-1).mean(dim=1, keepdim=True)
        scalars = [
            (level.float() / self.config.num_levels)[:, None],
            scene.scalars if copies == 1 else scene.scalars.repeat_interleave(copies, dim=0),
            mean_speed,
            mean_speed.new_full((batch, 1), states.pace / horizon),
        ]
        tokens = states.tokens(x_s)
        return _Inputs(
            tokens=torch.cat(features, dim=-1),
            estimate=tokens,
            gain=(units if states.patches is None else states.tokens(units.expand_as(x_s))).expand_as(tokens),
            context=self.context(torch.cat(scalars, dim=-1)),
            times=times,
        )


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """What the transformer is given: of each token, and of the whole trajectory."""

    tokens: Float[Tensor, "batch tokens features"]
    estimate: Float[Tensor, "batch tokens token_dim"]
    gain: Float[Tensor, "batch tokens token_dim"]
    context: Float[Tensor, "batch width"]
    times: Float[Tensor, "batch steps"]

    def part(self, first: int, last: int, *, each: int) -> "_Inputs":
        """Of some steps, of so many tokens each."""
        rows = slice(first * each, last * each)
        return _Inputs(
            tokens=self.tokens[:, rows], estimate=self.estimate[:, rows], gain=self.gain[:, rows],
            context=self.context, times=self.times[:, first:last],
        )  # fmt: skip


def _distance_to_anchors(anchors: AnchorSet) -> tuple[Tensor, Tensor]:
    """Time from the last anchor at or before each step, and to the next at or after it."""
    steps = torch.arange(anchors.horizon, device=anchors.index.device)
    index = anchors.index.contiguous()
    batch = len(index)
    queries = steps.expand(batch, -1).contiguous()
    following = torch.searchsorted(index, queries).clamp(max=index.shape[1] - 1)
    preceding = (torch.searchsorted(index, queries, right=True) - 1).clamp(min=0)
    last = anchors.horizon - 1
    before = (steps - index.gather(1, preceding)).float() / last
    after = (index.gather(1, following) - steps).float() / last
    return before, after
