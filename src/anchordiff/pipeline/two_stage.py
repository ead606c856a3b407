"""Both stages as one planner."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn

from anchordiff import hub
from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_integer
from anchordiff.conditions import MazeCondition
from anchordiff.denoiser import InterpDenoiser
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.nn.maze_encoder import MazeEncoder, MazeEncoding
from anchordiff.pipeline.batches import split
from anchordiff.pipeline.config import PipelineConfig
from anchordiff.pipeline.records import Generation, Plan, Trace
from anchordiff.pipeline.refine import clamp_states, fill_in, refine
from anchordiff.pipeline.request import GenerateOptions, Limits, Request, StepCallback, check_request
from anchordiff.pipeline.selection import check_clearance, choose
from anchordiff.progress import progress_bar
from anchordiff.samplers import ElementNoise


class TwoStagePipeline:
    """Plan trajectories: stage 1 draws keypoints at anchors, stage 2 fills in the steps between them.

    Networks are put into evaluation mode, and no gradients are kept. One that is set back to training mode
    later returns to it after each call. Stages whose maze encoders are alike, in config and weights, share
    one from then on, so that a condition is encoded once.

    Args:
        keypoints: stage 1.
        denoiser: stage 2, on the same device.
        config: defaults of a call; those that the networks were trained with if left out.

    Raises:
        ValueError: if the stages have different `dim` or sit on different devices.
    """

    def __init__(
        self, keypoints: KeypointDiffusion, denoiser: InterpDenoiser, config: PipelineConfig | None = None
    ) -> None:
        if keypoints.config.dim != denoiser.config.dim:
            raise ValueError(
                f"keypoints and denoiser must have the same dim, found {keypoints.config.dim} "
                f"and {denoiser.config.dim}"
            )
        if config is None:
            config = PipelineConfig(
                horizon=denoiser.config.horizon, num_anchors=keypoints.config.num_keypoints
            )
        self.keypoints = keypoints.eval()
        self.denoiser = denoiser.eval()
        self.config = config
        if _device(keypoints) != _device(denoiser):
            raise ValueError(
                f"keypoints and denoiser must be on the same device, found {_device(keypoints)} "
                f"and {_device(denoiser)}"
            )
        if _alike(keypoints.encoder, denoiser.encoder):
            denoiser.encoder = keypoints.encoder

    @property
    def components(self) -> Mapping[str, nn.Module]:
        """The networks by name."""
        return {"keypoints": self.keypoints, "denoiser": self.denoiser}

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return _device(self.keypoints)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the networks' weights."""
        return next(self.keypoints.parameters()).dtype

    def to(self, device: torch.device | str) -> "TwoStagePipeline":
        """Move both networks to `device`, in place.

        Networks run in float32; wrap a call into `torch.autocast` for less.
        """
        self.keypoints.to(torch.device(device))
        self.denoiser.to(torch.device(device))
        return self

    def generate(
        self, condition: MazeCondition, *, num_samples: int = 1, return_trace: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> Generation:  # fmt: skip
        """Draw `num_samples` trajectories for each condition.

        All noise belongs to a sample and not to its place in a batch. So the same generator gives the same
        samples (up to rounding) whatever `batch_size` is, and two conditions in one call get the samples of
        two calls in a row (unless `anchors` is a mask sampler that draws, which draws for all rows at once).

        Args:
            condition: what to generate for, on the pipeline's device.
            num_samples: trajectories a condition.
            return_trace: keep each sampler step's keypoints and their interpolation.
            **options: what differs from the pipeline's config:

                - `generator`: source of all randomness; torch's default one if left out.
                - `horizon`: steps of a trajectory.
                - `anchors`: number of even anchors, a mask sampler, or a set with one row, one row a
                  condition or one row a sample.
                - `sampler`: a name or a `Sampler`; `steps`: its steps, where it is a name.
                - `level`: corruption level that stage 2 is told, 1 … `num_levels`; by default the last.
                - `walk`: go down the levels one by one with the update of cold diffusion; more time, and
                  anchors that do not move, nor do their errors (the bundled weights plan better without).
                - `clamp`: "endpoints", "all_anchors" or "none"; `clamp_dims`: "position" or "all".
                - `batch_size`: most samples in one batch; by default all.
                - `progress`: show a bar that counts batches.
                - `callback`: called as `callback(step, t, z_t, z_0)` before each sampler step of each batch,
                  with the noised keypoints and their clean estimate, in cells.

        Returns:
            Trajectories, condition-major, as ordinary tensors on the pipeline's device.

        Raises:
            ValueError: if the condition or an option is wrong, before any network runs.
            TypeError: if there is no such option.
        """
        limits = Limits(device=self.device, num_levels=self.denoiser.config.num_levels)
        request = check_request(condition, num_samples, options, config=self.config, limits=limits)
        groups = list(split(len(condition), num_samples, options.get("batch_size")))
        noise = ElementNoise.draw(len(request.anchors), generator=options.get("generator"))
        parts: dict[str, list[Tensor]] = {}
        times: list[float] = []
        with ExitStack() as stack:
            for network in (self.keypoints, self.denoiser):
                stack.enter_context(_evaluating(network))
            bar = stack.enter_context(
                progress_bar(
                    "generate",
                    "batch",
                    total=sum(len(group.batches) for group in groups),
                    shown=options.get("progress", False),
                )
            )
            stack.enter_context(torch.inference_mode())
            for group in groups:
                part = condition[group.conditions] if len(groups) > 1 else condition
                encodings = self._encode(part)
                for rows in group.batches:
                    recorder = _Recorder(options.get("callback"), keep=return_trace)
                    own = ElementNoise(noise.seeds[rows])
                    result = self._batch(encodings, request, rows, own, recorder)
                    for name, value in result.items():
                        parts.setdefault(name, []).append(value)
                    times = recorder.times
                    bar.update()
        # Joined outside of inference mode, tensors can be changed and differentiated by the caller.
        joined = {name: torch.cat(values) for name, values in parts.items()}
        trace = None
        if return_trace:
            trace = Trace(
                noised=joined.pop("noised"),
                keypoints=joined.pop("estimates"),
                coarse=joined.pop("interpolated"),
                times=tuple(times),
            )
        return Generation(anchors=request.anchors, trace=trace, **joined)

    def plan(
        self,
        condition: MazeCondition,
        *,
        candidates: int = 16,
        clearance: float = 0.0,
        **options: Unpack[GenerateOptions],
    ) -> Plan:
        """Draw candidates and take the shortest that is free of collisions.

        A candidate is checked exactly, as a whole polyline; one whose ends are not clamped, together with the
        lines from `start` to its first step and from its last step to `goal`. Where every candidate of a
        condition collides, the plan is the one with the fewest colliding segments, and not `valid`.

        Args:
            condition: what to plan for, on the pipeline's device.
            candidates: trajectories to choose from, a condition.
            clearance: distance to walls that a plan keeps, in cells.
            **options: as for `generate`.

        Raises:
            ValueError: as for `generate`.
            TypeError: as for `generate`.
        """
        check_integer("candidates", candidates)
        check_clearance(clearance)
        generation = self.generate(condition, num_samples=candidates, **options)
        points = generation.trajectory[:, :, :2]
        if (options.get("clamp") or self.config.clamp) == "none":
            ends = (condition.start, condition.goal)
            start, goal = (end.repeat_interleave(candidates, dim=0)[:, None] for end in ends)
            points = torch.cat([start, points, goal], dim=1)
        index, valid, length = choose(condition, points, clearance=clearance)
        rows = torch.arange(len(condition), device=index.device) * candidates + index
        return Plan(
            trajectory=generation.trajectory[rows],
            valid=valid,
            length=length,
            index=index,
            generation=generation,
        )

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
    ) -> "TwoStagePipeline":
        """Load a pipeline: a bundled name, a folder or "org/repo" on the Hub.

        See `anchordiff.hub.from_pretrained` for the order in which they are tried, options and errors.
        """
        return hub.from_pretrained(
            source,
            cls,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
        )

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype | None = None) -> Path:
        """Write the pipeline into a folder; see `anchordiff.hub.save_pretrained`."""
        return hub.save_pretrained(self, folder, dtype=dtype)

    def push_to_hub(self, repo_id: str, **options: Unpack[hub.PushOptions]) -> str:
        """Upload the pipeline in one commit; see `anchordiff.hub.push_to_hub`."""
        return hub.push_to_hub(self, repo_id, **options)

    def __repr__(self) -> str:
        """Short: config, device and sizes."""
        sizes = ", ".join(
            f"{name}: {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M"
            for name, network in self.components.items()
        )
        return f"TwoStagePipeline({self.config}, {sizes}, on {self.device})"

    def _encode(self, condition: MazeCondition) -> tuple[MazeEncoding, MazeEncoding]:
        """What each stage knows of the conditions."""
        first = self.keypoints.encode(condition)
        if self.denoiser.encoder is self.keypoints.encoder:
            return first, first
        return first, self.denoiser.encode(condition)

    def _batch(
        self,
        encodings: tuple[MazeEncoding, MazeEncoding],
        request: Request,
        rows: slice,
        noise: ElementNoise,
        recorder: "_Recorder",
    ) -> dict[str, Tensor]:
        """Both stages for the samples `rows`, which belong to the encoded conditions."""
        anchors = request.anchors[rows]
        keypoints = self.keypoints.sample(
            encodings[0], anchors, sampler=request.sampler, noise=noise, callback=recorder.callback
        )
        coarse = fill_in(keypoints, anchors)
        trajectory = refine(
            self.denoiser, coarse, anchors, encodings[1], level=request.level, walk=request.walk
        )
        trajectory = clamp_states(
            trajectory, keypoints, anchors, clamp=request.clamp, dims=request.clamp_dims
        )
        return {
            "trajectory": trajectory,
            "coarse": coarse,
            "keypoints": keypoints,
            **recorder.trace(anchors),
        }


class _Recorder:
    """Passes sampler steps on to the caller's callback and keeps them for the trace."""

    def __init__(self, callback: StepCallback | None, *, keep: bool) -> None:
        self._callback = callback
        self._keep = keep
        self._noised: list[Tensor] = []
        self._estimates: list[Tensor] = []
        self.times: list[float] = []

    @property
    def callback(self) -> StepCallback | None:
        """What the sampler is to call; nothing where nobody looks."""
        return self._step if self._keep or self._callback is not None else None

    def _step(self, step: int, t: float, z_t: Tensor, z_0: Tensor) -> None:
        if self._keep:
            self._noised.append(z_t)
            self._estimates.append(z_0)
            self.times.append(t)
        if self._callback is not None:
            self._callback(step, t, z_t, z_0)

    def trace(self, anchors: AnchorSet) -> dict[str, Tensor]:
        """Steps of one batch, (batch, steps, …); nothing where they were not kept."""
        if not self._keep:
            return {}
        coarse = [fill_in(estimate, anchors) for estimate in self._estimates]
        return {
            "noised": torch.stack(self._noised, dim=1),
            "estimates": torch.stack(self._estimates, dim=1),
            "interpolated": torch.stack(coarse, dim=1),
        }


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while."""
    if not network.training:
        yield
        return
    modules = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in modules:
            module.training = True


def _alike(first: MazeEncoder, second: MazeEncoder) -> bool:
    """Whether two encoders compute the same."""
    return first.config == second.config and all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
