"""Stage 2: undo interpolation in one pass.

Notation: x_0 is a trajectory, M_0 ⊃ … ⊃ M_S nested sets of anchors, x_s = Interp(x_0 | M_s). The network
f(x_s, M_s, s, condition) estimates x_0 from x_s; anchor density is the corruption level (in the manner of
cold diffusion, Bansal et al. 2022).
"""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_choice, check_rules
from anchordiff.conditions import MazeCondition
from anchordiff.masks.nested import Growth
from anchordiff.nn.clearance import wall_distance
from anchordiff.nn.embeddings import ContextEmbedding, fourier_features, fourier_size
from anchordiff.nn.frame import LineFrame
from anchordiff.nn.maze_encoder import MazeEncoder, MazeEncoderConfig, MazeEncoding
from anchordiff.nn.transformer import RefinementTransformer, TransformerConfig

_STATE_OCTAVES = 2
_TIME_OCTAVES = 4


@dataclass(frozen=True, kw_only=True)
class InterpDenoiserConfig:
    """What an `InterpDenoiser` is made of.

    Attributes:
        horizon: steps of the trajectories that it is trained on.
        dim: 2 for positions, 4 with velocities.
        num_levels: corruption levels S; level 0 keeps every step, level S the fewest.
        num_anchors: anchors at level S.
        growth: how the number of anchors grows from level S to level 0.
        scale: cells of one normalised unit.
        transformer: sizes of the transformer over all steps; `causal` for generation in chunks.
        encoder: sizes of the maze encoder.

    Raises:
        ValueError: if a value is out of its range.
    """

    horizon: int = 64
    dim: Literal[2, 4] = 2
    num_levels: int = 3
    num_anchors: int = 8
    growth: Growth = "doubling"
    scale: float = 2.0
    transformer: TransformerConfig = field(
        default_factory=lambda: TransformerConfig(width=96, cross_attention=False)
    )
    encoder: MazeEncoderConfig = field(
        default_factory=lambda: MazeEncoderConfig(value_iteration=False, attention_channels=0)
    )

    def __post_init__(self) -> None:
        rules = {
            "horizon": (self.horizon >= 2, "be at least 2"),
            "dim": (self.dim in (2, 4), "be 2 or 4"),
            "num_levels": (self.num_levels >= 1, "be at least 1"),
            "num_anchors": (2 <= self.num_anchors <= self.horizon, "lie in 2 ... horizon"),
            "scale": (0 < self.scale < math.inf, "be positive"),
        }
        check_rules(self, rules)
        check_choice("growth", self.growth, get_args(Growth))


class InterpDenoiser(nn.Module):
    """Estimate a trajectory from its interpolation between anchors."""

    def __init__(self, config: InterpDenoiserConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = MazeEncoder(config.encoder)
        token_size = fourier_size(2 * config.dim, octaves=_STATE_OCTAVES)
        token_size += fourier_size(4, octaves=_TIME_OCTAVES)
        self.transformer = RefinementTransformer(
            config.transformer,
            token_size=token_size,
            lookup_size=config.encoder.lookup_size,
            attention=(config.encoder.attention_channels, config.encoder.attention_heads),
            dim=config.dim,
        )
        self.context = ContextEmbedding(5, config.transformer.width)

    def encode(self, condition: MazeCondition) -> MazeEncoding:
        """Compute what depends on the condition alone, once a plan."""
        encoding: MazeEncoding = self.encoder(condition)
        return encoding

    def forward(
        self,
        x_s: Float[Tensor, "batch horizon dim"],
        level: Int[Tensor, " batch"],
        anchors: AnchorSet,
        condition: MazeCondition | MazeEncoding,
    ) -> Float[Tensor, "batch horizon dim"]:
        """Estimate the clean trajectory.

        Args:
            x_s: interpolated trajectory, in cells.
            level: corruption level s of each element, in 0 … `num_levels`.
            anchors: the steps that x_s was interpolated from.
            condition: what the trajectory is for, or its encoding; `batch` may be a multiple of its length.

        Raises:
            ValueError: if the lengths or the horizons of the arguments do not fit each other.
        """
        return self._estimates(x_s, level, anchors, condition)[-1]

    def loss(
        self,
        x_0: Float[Tensor, "batch horizon dim"],
        x_s: Float[Tensor, "batch horizon dim"],
        level: Int[Tensor, " batch"],
        anchors: AnchorSet,
        condition: MazeCondition,
        *,
        encoding: MazeEncoding | None = None,
        margin: float = 0.15,
        hinge: float = 0.5,
        step_weight: float = 0.0,
    ) -> dict[str, Float[Tensor, ""]]:
        """Squared error of the estimates and a hinge on their distance to walls.

        Args:
            x_0: clean trajectory, in cells.
            x_s: interpolated trajectory, in cells.
            level: corruption level of each element.
            anchors: the steps that x_s was interpolated from.
            condition: what the trajectory is for; `batch` may be a multiple of its length.
            encoding: the condition's encoding, where it is at hand.
            margin: distance to walls, in cells, below which the hinge acts, at points and half way between.
            hinge: weight of the hinge.
            step_weight: weight of the squared error of the way from one step to the next, in cells a 64th of the
                trajectory; it takes out jitter, which errors of positions hardly see.

        Returns:
            `loss`, and its terms `error` (mean squared error of the last block, in cells squared), `hinge`, and `steps`
            where they have a weight.
        """
        estimates = self._estimates(x_s, level, anchors, condition if encoding is None else encoding)
        misses = [estimate.float() - x_0 for estimate in estimates]
        errors = [miss.square().mean() for miss in misses]
        blocks = len(errors)
        error = sum((i * e for i, e in enumerate(errors, start=1)), x_0.new_zeros(()))
        points = estimates[-1][..., :2].float()
        midway = (points[:, 1:] + points[:, :-1]) / 2
        walls = condition.walls
        if len(walls) != len(points):
            walls = walls.repeat_interleave(len(points) // len(walls), dim=0)
        distance = wall_distance(walls, torch.cat([points, midway], dim=1))
        close = functional.relu(margin - distance).mean()
        loss = error * 2 / (blocks * (blocks + 1)) + hinge * close
        terms = {"loss": loss, "error": errors[-1].detach(), "hinge": close.detach()}
        if step_weight:
            steps = (misses[-1][..., :2].diff(dim=1) * (x_0.shape[1] / 64)).square().mean()
            terms |= {"loss": loss + step_weight * steps, "steps": steps.detach()}
        return terms

    def _estimates(
        self, x_s: Tensor, level: Tensor, anchors: AnchorSet, condition: MazeCondition | MazeEncoding
    ) -> list[Tensor]:
        encoding = condition if isinstance(condition, MazeEncoding) else self.encode(condition)
        batch, horizon, dim = x_s.shape
        if (len(anchors), anchors.horizon) != (batch, horizon):
            raise ValueError(
                f"anchors must be {batch} sets over {horizon} steps as x_s, "
                f"found {len(anchors)} over {anchors.horizon}"
            )
        if not isinstance(level, Tensor) or level.shape != (batch,):
            raise ValueError(
                f"level must be a tensor with one level for each of {batch} elements, found {level!r}"
            )
        copies = encoding.copies_in(batch, "x_s")
        times = torch.linspace(0.0, 1.0, horizon, device=x_s.device).expand(batch, horizon)
        frame = LineFrame.between(
            encoding.start.repeat_interleave(copies, dim=0),
            encoding.goal.repeat_interleave(copies, dim=0),
            times, horizon=horizon, dim=dim, scale=self.config.scale,
        )  # fmt: skip
        velocity = functional.pad(torch.diff(x_s, dim=1), (0, 0, 0, 1), mode="replicate") * (horizon / 64)
        states = torch.cat([frame.normalise(x_s) / 2, velocity], dim=-1)
        before, after = _distance_to_anchors(anchors)
        stamps = torch.stack(
            [times, 4 * before, 4 * after, before / (before + after).clamp(min=1e-6)], dim=-1
        )
        features = [
            fourier_features(states, octaves=_STATE_OCTAVES),
            fourier_features(stamps, octaves=_TIME_OCTAVES),
        ]
        ends = (frame.line[:, -1, :2] - frame.line[:, 0, :2]) / 20.0
        scalars = torch.stack(
            [
                level / self.config.num_levels,
                ends[:, 0],
                ends[:, 1],
                velocity[..., :2].norm(dim=-1).mean(dim=1),
                ends.new_full((batch,), 64 / horizon),
            ],
            dim=-1,
        )
        estimates: list[Tensor] = self.transformer(
            torch.cat(features, dim=-1),
            x_s,
            torch.ones_like(x_s[:, :, :1]),
            context=self.context(scalars),
            surroundings=self.transformer.surroundings(times, encoding),
        )
        return estimates


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
