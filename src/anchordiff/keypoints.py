"""Stage 1: diffusion over the states at a few anchors.

Notation: z are the keypoints of K anchors with times τ, u = (z − line) / scale their normalised form
(`anchordiff.nn.frame`), u_t = α u + σ ε. The network D(u_t, t) estimates u as

    D = c_skip u_t + c_out F(u_t, t),   c_skip = α s² / (α² s² + σ²),   c_out = s σ / √(α² s² + σ²)

with s(τ) the standard deviation of a Brownian bridge: c_skip u_t is the best linear estimate under that prior (the
preconditioning of Karras et al. 2022, with a spread that vanishes at the ends), so the ends are exact by construction.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_choice, check_rules
from anchordiff.conditions import MazeCondition
from anchordiff.nn.embeddings import ContextEmbedding, fourier_features, fourier_size
from anchordiff.nn.frame import LineFrame
from anchordiff.nn.maze_encoder import MazeEncoder, MazeEncoderConfig, MazeEncoding
from anchordiff.nn.transformer import RefinementTransformer, Surroundings, TransformerConfig
from anchordiff.samplers import Callback, ElementNoise, FlowSampler, Sampler
from anchordiff.samplers.prediction import Prediction, add_noise, to_x0
from anchordiff.schedules import Schedule, ScheduleName, make_schedule

_STATE_OCTAVES = 3
_TIME_OCTAVES = 5
_REACH = 20.0  # cells: the scale of the way from start to goal as a feature
_MAX_WEIGHT = 10.0  # of the loss near the data, where the estimate has little left to do


@dataclass(frozen=True, kw_only=True)
class KeypointDiffusionConfig:
    """What a `KeypointDiffusion` is made of.

    Attributes:
        horizon: steps of the trajectories that it is trained on.
        num_keypoints: anchors K that it is trained on.
        dim: 2 for positions, 4 with velocities.
        schedule: noise schedule by name.
        prediction: what the network's raw output stands for; "eps" needs the schedule "linear_beta".
        scale: cells of one normalised unit, about the standard deviation of the distance to the line.
        transformer: sizes of the transformer over keypoints.
        encoder: sizes of the maze encoder.

    Raises:
        ValueError: if a value is out of its range.
    """

    horizon: int = 64
    num_keypoints: int = 8
    dim: Literal[2, 4] = 2
    schedule: ScheduleName = "rectified"
    prediction: Prediction = "x0"
    scale: float = 2.0
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    encoder: MazeEncoderConfig = field(default_factory=MazeEncoderConfig)

    def __post_init__(self) -> None:
        rules = {
            "horizon": (self.horizon >= 2, "be at least 2"),
            "num_keypoints": (2 <= self.num_keypoints <= self.horizon, "lie in 2 ... horizon"),
            "dim": (self.dim in (2, 4), "be 2 or 4"),
            "scale": (0 < self.scale < math.inf, "be positive"),
        }
        check_rules(self, rules)
        check_choice("schedule", self.schedule, get_args(ScheduleName))
        check_choice("prediction", self.prediction, get_args(Prediction))
        if self.prediction == "eps" and self.schedule != "linear_beta":
            raise ValueError(
                'prediction must be "x0" or "v" with a schedule that ends in pure noise, where noise tells nothing of '
                f'the data ("eps" needs "linear_beta"), found "eps" with {self.schedule!r}'
            )


class KeypointDiffusion(nn.Module):
    """Generate keypoints at given anchors, for a maze with a start and a goal."""

    def __init__(self, config: KeypointDiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.schedule: Schedule = make_schedule(config.schedule)
        self.encoder = MazeEncoder(config.encoder)
        token_size = fourier_size(config.dim, octaves=_STATE_OCTAVES) + fourier_size(3, octaves=_TIME_OCTAVES)
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

    def first_blocks(self, depth: int) -> "KeypointDiffusion":
        """A copy with the first `depth` blocks of the transformer alone.

        Each block's estimate is trained, so that later blocks can be left out where they gain nothing.

        Raises:
            ValueError: if there are fewer blocks, or `depth` is below 1.
        """
        transformer = self.config.transformer
        if not 1 <= depth <= transformer.depth:
            raise ValueError(
                f"depth must lie in 1 ... {transformer.depth}, the blocks there are, found {depth}"
            )
        # First weights are overwritten, so they must not cost the caller's random state.
        with torch.random.fork_rng(devices=[]):
            copy = KeypointDiffusion(replace(self.config, transformer=replace(transformer, depth=depth)))
        copy.to(next(self.parameters()))
        own = self.state_dict()
        # The norms' modulation is one layer for all blocks, block by block along its rows.
        copy.load_state_dict({name: own[name][: len(value)] for name, value in copy.state_dict().items()})
        return copy.train(self.training)

    def forward(
        self,
        z_t: Float[Tensor, "batch keypoints dim"],
        t: Float[Tensor, " batch"],
        anchors: AnchorSet,
        condition: MazeCondition | MazeEncoding,
    ) -> Float[Tensor, "batch keypoints dim"]:
        """Estimate clean keypoints from noised ones.

        Args:
            z_t: noised keypoints, in cells: line + scale · (α u + σ ε).
            t: diffusion time of each element, in [0, 1], data at 0.
            anchors: where the keypoints sit.
            condition: what to generate for, or its encoding; `batch` may be a multiple of its length.

        Returns:
            Clean keypoints, in cells, whatever `config.prediction` is.
        """
        encoding = condition if isinstance(condition, MazeEncoding) else self.encode(condition)
        scene = self._scene(encoding, anchors)
        return scene.frame.denormalise(self._denoise(scene.frame.normalise(z_t), t, scene)[-1])

    def loss(
        self,
        keypoints: Float[Tensor, "batch keypoints dim"],
        anchors: AnchorSet,
        condition: MazeCondition | MazeEncoding,
        *,
        generator: torch.Generator | None = None,
        repeats: int = 1,
    ) -> Float[Tensor, ""]:
        """Weighted squared error of the estimate, averaged over blocks (later blocks count more).

        Args:
            keypoints: clean keypoints, in cells.
            anchors: where they sit.
            condition: what they were made for, or its encoding.
            generator: source of times and noise, on the device of `keypoints`.
            repeats: noised copies of each element; they share the encoding.
        """
        encoding = condition if isinstance(condition, MazeEncoding) else self.encode(condition)
        keypoints = keypoints.repeat_interleave(repeats, dim=0)
        anchors = anchors.repeat(repeats)
        scene = self._scene(encoding, anchors)
        u = scene.frame.normalise(keypoints)
        batch = len(u)
        offsets = torch.rand((), generator=generator, device=u.device)
        t = (torch.arange(batch, device=u.device) / batch + offsets) % 1.0
        t = t[torch.randperm(batch, generator=generator, device=u.device)]
        alpha, sigma = self.schedule(t)
        noise = torch.randn(u.shape, generator=generator, device=u.device, dtype=u.dtype)
        estimates = self._denoise(add_noise(u, noise, alpha, sigma), t, scene)
        # Of a noise prediction, errors grow by sigma / alpha on their way to the data: its weight falls with alpha.
        signal = alpha**2 if self.config.prediction == "eps" else alpha**2 + sigma**2
        weight = (signal / sigma**2).clamp(max=_MAX_WEIGHT)[:, None, None]
        total = u.new_zeros(())
        for block, estimate in enumerate(estimates, start=1):
            total = total + block * (weight * (estimate.float() - u).square()).mean()
        return total * 2 / (len(estimates) * (len(estimates) + 1))

    def sample(
        self,
        condition: MazeCondition | MazeEncoding,
        anchors: AnchorSet,
        *,
        sampler: Sampler | None = None,
        generator: torch.Generator | None = None,
        noise: ElementNoise | None = None,
        callback: Callback | None = None,
    ) -> Float[Tensor, "batch keypoints dim"]:
        """Draw keypoints; the ends are start and goal exactly.

        All noise belongs to a sample and not to its place in the batch, so that batches can be cut anywhere.

        Args:
            condition: what to generate for; the anchors' length may be a multiple of its length
                (condition-major).
            anchors: where the keypoints are to sit, one row a sample.
            sampler: default: `FlowSampler` with 8 Euler steps.
            generator: gives a seed for each sample; torch's default one if left out.
            noise: the samples' noise instead: step 0 for the first state, the others for the sampler.
            callback: called as `callback(step, t, z_t, z_0)` with states in cells.

        Raises:
            ValueError: if both `generator` and `noise` are given, `noise` is not for as many samples, or the anchors'
                length does not fit the conditions'.
        """
        if generator is not None and noise is not None:
            raise ValueError("generator and noise must not be given together, found both")
        if sampler is not None and not isinstance(sampler, Sampler):
            raise ValueError(f"sampler must be a Sampler, as FlowSampler(steps=8), found {sampler!r}")
        encoding = condition if isinstance(condition, MazeEncoding) else self.encode(condition)
        scene = self._scene(encoding, anchors)
        frame = scene.frame
        if noise is None:
            noise = ElementNoise.draw(len(anchors), generator=generator)

        def denoise(u_t: Tensor, t: Tensor) -> Tensor:
            return self._denoise(u_t, t, scene)[-1]

        def project(u: Tensor) -> Tensor:
            pinned = u.clone()
            pinned[:, 0, :2] = pinned[:, -1, :2] = 0.0
            return pinned

        sampler = FlowSampler(steps=8) if sampler is None else sampler
        x_1 = noise(0, frame.line)
        report = None if callback is None else _in_cells(callback, frame)
        u = sampler(denoise, x_1, self.schedule, project=project, noise=noise, callback=report)
        keypoints = frame.denormalise(u)
        # The frame gives them back up to rounding only.
        copies = encoding.copies_in(len(anchors), "anchors")
        keypoints[:, 0, :2] = encoding.start.repeat_interleave(copies, dim=0)
        keypoints[:, -1, :2] = encoding.goal.repeat_interleave(copies, dim=0)
        return keypoints

    def _scene(self, encoding: MazeEncoding, anchors: AnchorSet) -> "_Scene":
        copies = encoding.copies_in(len(anchors), "anchors")
        start = encoding.start.repeat_interleave(copies, dim=0)
        goal = encoding.goal.repeat_interleave(copies, dim=0)
        times = anchors.times
        gaps = times.diff(dim=1)
        stamps = torch.stack(
            [times, 4 * functional.pad(gaps, (1, 0)), 4 * functional.pad(gaps, (0, 1))], dim=-1
        )
        frame = LineFrame.between(
            start, goal, times, horizon=anchors.horizon, dim=self.config.dim, scale=self.config.scale
        )
        way = (goal - start) / _REACH
        density = times.new_full((len(anchors), 1), self.config.num_keypoints / anchors.num_anchors)
        return _Scene(
            frame=frame,
            surroundings=self.transformer.surroundings(times, encoding, frame=frame),
            stamps=fourier_features(stamps, octaves=_TIME_OCTAVES),
            scalars=torch.cat([way, way.norm(dim=-1, keepdim=True), density], dim=-1),
        )

    def _denoise(self, u_t: Tensor, t: Tensor, scene: "_Scene") -> list[Tensor]:
        alpha, sigma = self.schedule(t)
        estimate, gain = _precondition(self.config.prediction, u_t, alpha, sigma, scene.frame.spread)
        state = fourier_features(estimate / 2, octaves=_STATE_OCTAVES)
        estimates: list[Tensor] = self.transformer(
            torch.cat([state, scene.stamps], dim=-1),
            estimate,
            gain,
            context=self.context(torch.cat([t[:, None], scene.scalars], dim=-1)),
            surroundings=scene.surroundings,
        )
        return estimates


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """What all steps of a sampler share: everything but the state and the diffusion time."""

    frame: LineFrame
    surroundings: Surroundings
    stamps: Float[Tensor, "batch keypoints features"]
    scalars: Float[Tensor, "batch scalars"]


def _in_cells(callback: Callback, frame: LineFrame) -> Callback:
    """A callback for normalised states that tells them in cells."""

    def report(step: int, t: float, u_t: Tensor, u_0: Tensor) -> None:
        callback(step, t, frame.denormalise(u_t), frame.denormalise(u_0))

    return report


def _precondition(
    prediction: Prediction, u_t: Tensor, alpha: Tensor, sigma: Tensor, spread: Tensor
) -> tuple[Tensor, Tensor]:
    """The estimate of u where the network's raw output F is zero, and the factor of F in the estimate.

    "x0" is preconditioned as in the module's notation; "eps" and "v" are linear in F by their definition.
    """
    if prediction == "x0":
        power = alpha[:, None, None] ** 2 * spread**2 + sigma[:, None, None] ** 2
        power = power.clamp(min=1e-12)
        return alpha[:, None, None] * spread**2 * u_t / power, spread * sigma[:, None, None] / power.sqrt()
    at_zero = to_x0(torch.zeros_like(u_t), u_t, alpha, sigma, prediction)
    return at_zero, to_x0(torch.ones_like(u_t), u_t, alpha, sigma, prediction) - at_zero
