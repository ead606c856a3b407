"""Both stages as one planner."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import nn

from anchordiff import hub
from anchordiff.checks import check_integer
from anchordiff.conditions import Condition
from anchordiff.judge import FunctionJudge, Judge, Score
from anchordiff.nn.scene import Encoder, Scene
from anchordiff.pipeline.batches import split
from anchordiff.pipeline.config import PipelineConfig
from anchordiff.pipeline.recorder import Recorder
from anchordiff.pipeline.records import Generation, Plan
from anchordiff.pipeline.request import GenerateOptions, Limits, Request, check_request
from anchordiff.progress import progress_bar
from anchordiff.samplers import ElementNoise
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.stages.restore import restore
from anchordiff.states import StateSpace


@hub.register
class TwoStagePipeline:
    """Plan trajectories: stage 1 draws keypoints at anchors, stage 2 fills in the steps between them.

    Networks are put into evaluation mode, and no gradients are kept. One that is set back to training mode
    later returns to it after each call.

    Args:
        keypoints: stage 1.
        denoiser: stage 2, on the same device.
        config: defaults of a call; those that the networks were trained with if left out, with a shared encoder
            where both stages hold one and the same.
        judge: what `plan` chooses by unless told otherwise; that of the encoder's domain if left out, where there is
            one.

    Raises:
        ValueError: if the stages have different states, sit on different devices, or are to share an encoder but have
            different ones.
    """

    def __init__(
        self,
        keypoints: KeypointDiffusion,
        denoiser: InterpDenoiser,
        config: PipelineConfig | None = None,
        *,
        judge: Judge | None = None,
    ) -> None:
        _check_states(keypoints.config.states, denoiser.config.states)
        if config is None:
            config = PipelineConfig(
                horizon=denoiser.config.horizon,
                num_keypoints=keypoints.config.num_keypoints,
                shared_encoder=denoiser.encoder is keypoints.encoder,
            )
        if config.shared_encoder and keypoints.config.encoder != denoiser.config.encoder:
            raise ValueError(
                "shared_encoder must be False for stages with different encoders, found "
                f"{keypoints.config.encoder} and {denoiser.config.encoder}"
            )
        self.keypoints = keypoints.eval()
        self.denoiser = denoiser.eval()
        self.config = config
        self.judge = keypoints.encoder.judge() if judge is None else judge
        if _device(keypoints) != _device(denoiser):
            raise ValueError(
                f"keypoints and denoiser must be on the same device, found {_device(keypoints)} "
                f"and {_device(denoiser)}"
            )

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
        self, condition: Condition, *, num_samples: int = 1, return_trace: bool = False,
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
                - `guidance`: what steers stage 1: `CostGuidance`, `ClassifierFreeGuidance`.
                - `batch_size`: most samples in one batch; by default all.
                - `progress`: show a bar that counts batches.
                - `callback`: called as `callback(step, t, z_t, z_0)` before each sampler step of each batch,
                  with the noised keypoints and their clean estimate.

        Returns:
            Trajectories, condition-major, as ordinary tensors on the pipeline's device.

        Raises:
            ValueError: if the condition or an option is wrong, before any network runs.
            TypeError: if there is no such option.
        """
        encoders: tuple[Encoder[Any, Any], ...] = (self.keypoints.encoder,)
        if not self.config.shared_encoder:
            encoders += (self.denoiser.encoder,)
        limits = Limits(device=self.device, encoders=encoders, num_levels=self.denoiser.config.num_levels)
        request = check_request(condition, num_samples, options, config=self.config, limits=limits)
        groups = list(split(len(condition), num_samples, options.get("batch_size")))
        noise = ElementNoise.draw(len(request.anchors), generator=options.get("generator"))
        parts: list[Generation] = []
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
                scenes = self.encode(part)
                for rows in group.batches:
                    recorder = Recorder(options.get("callback"), keep=return_trace)
                    own = ElementNoise(noise.seeds[rows])
                    given = part if request.guidance else scenes[0]
                    parts.append(self._batch(given, scenes, request, rows, own, recorder))
                    bar.update()
        # Joined outside of inference mode, tensors can be changed and differentiated by the caller.
        return Generation.collate(parts)

    def plan(
        self,
        condition: Condition,
        *,
        candidates: int = 16,
        judge: Judge | Score | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Plan:
        """Draw candidates and take the one that a judge chooses.

        Where no candidate of a condition is valid, the plan is the least bad one, and not `valid`.

        Args:
            condition: what to plan for, on the pipeline's device.
            candidates: trajectories to choose from, a condition.
            judge: a `Judge`, or a function `score(trajectories, condition)` that gives whether each of a batch of
                trajectories is valid, and its cost (see `FunctionJudge`); by default the pipeline's.
            **options: as for `generate`.

        Raises:
            ValueError: as for `generate`; also if there is no judge.
            TypeError: as for `generate`.
        """
        check_integer("candidates", candidates)
        chosen_by = self._judge(judge)
        generation = self.generate(condition, num_samples=candidates, **options)
        choice = chosen_by.choose(condition, generation.trajectory)
        rows = torch.arange(len(condition), device=choice.index.device) * candidates + choice.index
        return Plan(
            trajectory=generation.trajectory[rows],
            valid=choice.valid,
            cost=choice.cost,
            index=choice.index,
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

    def _judge(self, judge: Judge | Score | None) -> Judge:
        if judge is not None:
            return judge if isinstance(judge, Judge) else FunctionJudge(judge)
        if self.judge is not None:
            return self.judge
        raise ValueError(
            "judge must be given to plan: these trajectories have no natural one. It is a function "
            "score(trajectories, condition) that gives (valid, cost); generate() needs none"
        )

    def encode(self, condition: Condition) -> tuple[Scene, Scene]:
        """The scenes that the stages see, the first's and the second's."""
        first = self.keypoints.encode(condition)
        return first, first if self.config.shared_encoder else self.denoiser.encode(condition)

    def _batch(
        self,
        condition: Condition | Scene,
        scenes: tuple[Scene, Scene],
        request: Request,
        rows: slice,
        noise: ElementNoise,
        recorder: Recorder,
    ) -> Generation:
        """Both stages for the samples `rows`, which belong to the encoded conditions."""
        anchors = request.anchors[rows]
        keypoints = self.keypoints.sample(
            condition,
            anchors,
            sampler=request.sampler,
            guidance=request.guidance,
            noise=noise,
            callback=recorder.callback,
        )
        restored = restore(
            self.denoiser,
            keypoints,
            anchors,
            scenes[1],
            level=request.level,
            walk=request.walk,
            clamp=request.clamp,
            clamp_dims=request.clamp_dims,
        )
        return Generation(
            trajectory=restored.trajectory,
            coarse=restored.coarse,
            keypoints=keypoints,
            anchors=anchors,
            trace=recorder.trace(anchors, self.keypoints.config.states),
        )


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


def _check_states(first: StateSpace, second: StateSpace) -> None:
    for name in ("positions", "velocities", "angles"):
        if getattr(first, name) != getattr(second, name):
            raise ValueError(
                f"keypoints and denoiser must have the same states, found {name} {getattr(first, name)} "
                f"and {getattr(second, name)}"
            )


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
