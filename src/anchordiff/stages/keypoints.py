"""Stage 1: diffusion over the states at a few anchors.

Notation: z are the keypoints of K anchors with times τ, u = (z − origin) / scale their normalised form
(`anchordiff.nn.frame`), u_t = α u + σ ε. The network D(u_t, t) estimates u as

    D = c_skip u_t + c_out F(u_t, t),   c_skip = α s² / (α² s² + σ²),   c_out = s σ / √(α² s² + σ²)

with s(τ) the frame's spread, that of a Brownian bridge between known ends: c_skip u_t is the best linear estimate under
that prior (the preconditioning of Karras et al. 2022, with a spread that vanishes where a number is known), so what is
known is exact by construction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from anchordiff import hub
from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_type
from anchordiff.conditions import Condition
from anchordiff.nn.embeddings import ContextEmbedding
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.fourier import fourier_features, fourier_size
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.nn.transformer import Prepared, RefinementTransformer, weigh_blocks
from anchordiff.samplers import Callback, Denoise, ElementNoise, FlowSampler, Sampler
from anchordiff.samplers.prediction import Prediction, add_noise, to_x0
from anchordiff.schedules import Schedule, make_schedule
from anchordiff.stages.config import KeypointDiffusionConfig
from anchordiff.stages.guidance import Guidance, GuidedStep
from anchordiff.stages.loss import StageLoss

_STATE_OCTAVES = 3
_TIME_OCTAVES = 5
_MAX_WEIGHT = 10.0  # of the loss near the data, where the estimate has little left to do


@hub.register
class KeypointDiffusion(hub.HubMixin, nn.Module):
    """Generate keypoints at given anchors, for a condition."""

    def __init__(self, config: KeypointDiffusionConfig) -> None:
        super().__init__()
        check_type("config", config, KeypointDiffusionConfig)
        self.config = config
        self.schedule: Schedule = make_schedule(config.schedule)
        self.encoder: Encoder[Any, Any] = config.encoder.build(config.states)
        dim = config.states.of_keypoints.token_dim
        stamps = 3 if config.states.patches is None else 5
        token_size = fourier_size(dim, octaves=_STATE_OCTAVES) + fourier_size(stamps, octaves=_TIME_OCTAVES)
        self.transformer = RefinementTransformer(
            config.transformer, config.encoder, token_size=token_size + config.encoder.mark_size, dim=dim
        )
        self.context = ContextEmbedding(2 + config.encoder.scalar_size, config.transformer.width)
        self.float()  # whatever torch's default is

    def encode(self, condition: Condition | Scene) -> Scene:
        """Compute what depends on the condition alone, once a plan; a scene is returned as it is."""
        scene: Scene = self.encoder.see(condition)
        return scene

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
        z_t: Float[Tensor, "batch keypoints numbers"],
        t: Float[Tensor, " batch"],
        anchors: AnchorSet,
        condition: Condition | Scene,
    ) -> Float[Tensor, "batch keypoints numbers"]:
        """Estimate clean keypoints from noised ones.

        Args:
            z_t: noised keypoints, in the units of states: origin + scale · (α u + σ ε). Their numbers are those
                that are generated, `config.states.of_keypoints`.
            t: diffusion time of each element, in [0, 1], data at 0.
            anchors: where the keypoints sit.
            condition: what to generate for, or its scene; `batch` may be a multiple of its length.

        Returns:
            Clean keypoints, in the units of states, whatever `config.prediction` is; known numbers bit by bit.
        """
        task = self._prepare(self.encode(condition), anchors)
        frame = task.frame
        return frame.pin(frame.denormalise(self._denoise(frame.normalise(z_t), t, task)[-1]))

    def loss(
        self,
        keypoints: Float[Tensor, "batch keypoints dim"],
        anchors: AnchorSet,
        condition: Condition | Scene,
        *,
        generator: torch.Generator | None = None,
        repeats: int = 1,
        valid: Bool[Tensor, "batch keypoints"] | None = None,
    ) -> StageLoss:
        """Weighted squared error of the estimate, averaged over blocks (later blocks count more).

        Args:
            keypoints: clean keypoints, in the units of states.
            anchors: where they sit.
            condition: what they were made for, or its scene.
            generator: source of times and noise, on the device of `keypoints`.
            repeats: noised copies of each element; they share the scene.
            valid: False for keypoints that are padding, from which nothing is learned; none where all are data.
        """
        scene = self.encode(condition)
        generated = self.config.states.of_keypoints.dim
        keypoints = keypoints[..., :generated].repeat_interleave(repeats, dim=0)
        task = self._prepare(scene, anchors.repeat(repeats))
        u = task.frame.normalise(keypoints)
        batch = len(u)
        offsets = torch.rand((), generator=generator, dtype=torch.float32, device=u.device)
        t = (torch.arange(batch, dtype=torch.float32, device=u.device) / batch + offsets) % 1.0
        t = t[torch.randperm(batch, generator=generator, device=u.device)]
        alpha, sigma = self.schedule(t)
        noise = torch.randn(u.shape, generator=generator, device=u.device, dtype=u.dtype)
        estimates = self._denoise(add_noise(u, noise, alpha, sigma), t, task)
        # Of a noise prediction, errors grow by sigma / alpha on their way to the data: its weight falls with alpha.
        signal = alpha**2 if self.config.prediction == "eps" else alpha**2 + sigma**2
        weight = (signal / sigma**2).clamp(max=_MAX_WEIGHT)[:, None, None]
        if valid is not None:
            counted = valid.repeat_interleave(repeats, dim=0)[..., None].to(u.dtype)
            weight = weight * counted / counted.mean().clamp(min=1e-6)
        loss = weigh_blocks([(weight * (estimate.float() - u).square()).mean() for estimate in estimates])
        estimate = task.frame.denormalise(estimates[-1].float())
        return StageLoss(loss=loss, terms={"diffusion": loss.detach()}, estimate=estimate, scene=scene)

    def sample(
        self,
        condition: Condition | Scene,
        anchors: AnchorSet,
        *,
        sampler: Sampler | None = None,
        guidance: Sequence[Guidance] = (),
        generator: torch.Generator | None = None,
        noise: ElementNoise | None = None,
        callback: Callback | None = None,
    ) -> Float[Tensor, "batch keypoints dim"]:
        """Draw keypoints; known numbers (ends, way points) come back exactly.

        Velocities that are not generated (`StateSpace.keypoint_velocities`) are those of the interpolated positions.

        All noise belongs to a sample and not to its place in the batch, so that batches can be cut anywhere.

        Args:
            condition: what to generate for; the anchors' length may be a multiple of its length
                (condition-major).
            anchors: where the keypoints are to sit, one row a sample.
            sampler: default: `FlowSampler` with 8 Euler steps.
            guidance: what steers each estimate, one after another; see `anchordiff.stages.guidance`.
            generator: gives a seed for each sample; torch's default one if left out.
            noise: the samples' noise instead: step 0 for the first state, the others for the sampler.
            callback: called as `callback(step, t, z_t, z_0)` with what is generated, in the units of states.

        Raises:
            ValueError: if both `generator` and `noise` are given, `noise` is not for as many samples, or the anchors'
                length does not fit the conditions'; or if guidance needs a condition where a scene is given.
        """
        if generator is not None and noise is not None:
            raise ValueError("generator and noise must not be given together, found both")
        if sampler is not None and not isinstance(sampler, Sampler):
            raise ValueError(f"sampler must be a Sampler, as FlowSampler(steps=8), found {sampler!r}")
        task = self._prepare(self.encode(condition), anchors)
        frame = task.frame
        if noise is None:
            noise = ElementNoise.draw(len(anchors), generator=generator)

        denoise = self._denoiser_of(task)
        for guide in guidance:
            denoise = guide.wrap(denoise, self._guided_step(condition, anchors, task))
        sampler = FlowSampler(steps=8) if sampler is None else sampler
        report = None if callback is None else _in_units(callback, frame)
        u = sampler(
            denoise,
            noise(0, frame.origin),
            self.schedule,
            project=frame.pin_normalised,
            noise=noise,
            callback=report,
        )
        keypoints = frame.pin(frame.denormalise(u))
        states = self.config.states
        if frame.states.dim == states.dim:
            return keypoints
        whole = anchors.gather(states.fill_in(keypoints, anchors))
        return task.whole.pin(whole)

    def _denoiser_of(self, task: "_Task") -> Denoise:
        return lambda u_t, t: self._denoise(u_t, t, task)[-1]

    def _guided_step(self, condition: Condition | Scene, anchors: AnchorSet, task: "_Task") -> GuidedStep:
        def without() -> Denoise:
            if not isinstance(condition, Condition):
                raise ValueError("condition must be a Condition for classifier-free guidance, found a scene")
            # What is known stays in its frame: only what the networks are told of the rest changes.
            scene = self.encode(condition.without_guided())
            return self._denoiser_of(self._prepare(scene, anchors, whole=task.whole))

        return GuidedStep(
            frame=task.frame,
            anchors=anchors,
            states=self.config.states,
            schedule=self.schedule,
            without=without,
        )

    def _prepare(self, scene: Scene, anchors: AnchorSet, *, whole: Frame | None = None) -> "_Task":
        copies = scene.copies_in(len(anchors), "anchors")
        times = anchors.times
        gaps = times.diff(dim=1)
        stamps = torch.stack(
            [times, 4 * functional.pad(gaps, (1, 0)), 4 * functional.pad(gaps, (0, 1))], dim=-1
        )
        if whole is None:
            whole = scene.frame(times, horizon=anchors.horizon)
        frame = whole.of_keypoints
        states = frame.states
        stamps = states.each_token(stamps)
        if states.patches is not None:
            places = states.patch_places(anchors.num_keypoints, stamps)
            stamps = torch.cat([stamps, places.expand(len(anchors), -1, -1)], dim=-1)
        features = fourier_features(stamps, octaves=_TIME_OCTAVES)
        if self.config.encoder.mark_size:
            features = torch.cat([features, states.each_token(scene.marks(whole))], dim=-1)
        scalars = scene.scalars if copies == 1 else scene.scalars.repeat_interleave(copies, dim=0)
        density = times.new_full((len(anchors), 1), self.config.num_keypoints / anchors.num_keypoints)
        return _Task(
            frame=frame,
            whole=whole,
            prepared=self.transformer.prepare(times, scene, states=states, frame=frame),
            stamps=features,
            scalars=torch.cat([scalars, density], dim=-1),
        )

    def _denoise(self, u_t: Tensor, t: Tensor, task: "_Task") -> list[Tensor]:
        alpha, sigma = self.schedule(t)
        estimate, gain = _precondition(self.config.prediction, u_t, alpha, sigma, task.frame.spread)
        states = task.frame.states
        estimate, gain = states.tokens(estimate), states.tokens(gain)
        state = fourier_features(estimate / 2, octaves=_STATE_OCTAVES)
        estimates: list[Tensor] = self.transformer(
            torch.cat([state, task.stamps], dim=-1),
            estimate,
            gain,
            context=self.context(torch.cat([t[:, None], task.scalars], dim=-1)),
            prepared=task.prepared,
        )
        return [states.from_tokens(tokens) for tokens in estimates]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What all steps of a sampler share: everything but the state and the diffusion time."""

    frame: Frame
    whole: Frame
    prepared: Prepared
    stamps: Float[Tensor, "batch keypoints features"]
    scalars: Float[Tensor, "batch scalars"]


def _in_units(callback: Callback, frame: Frame) -> Callback:
    """A callback for normalised states that tells them in their own units."""

    def report(step: int, t: float, u_t: Tensor, u_0: Tensor) -> None:
        callback(step, t, frame.denormalise(u_t), frame.pin(frame.denormalise(u_0)))

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
