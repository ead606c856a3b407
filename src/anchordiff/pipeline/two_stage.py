"""Both stages as one planner."""

from collections.abc import Iterator, Mapping
from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anchordiff import hub
from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_integer, check_type
from anchordiff.conditions import Condition
from anchordiff.judge import FunctionJudge, Judge, Score
from anchordiff.nn.scene import Scene
from anchordiff.pipeline.config import PipelineConfig
from anchordiff.pipeline.fit import check_stages
from anchordiff.pipeline.legs import generate_legs
from anchordiff.pipeline.records import Generation, Plan
from anchordiff.pipeline.request import GenerateOptions, Request, check_keypoints, check_request, spelled_out
from anchordiff.pipeline.stages import Stages
from anchordiff.stages.config import Clamp, ClampDims
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion


@hub.register
class TwoStagePipeline(hub.HubMixin):
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
        ValueError: if the stages are swapped, have different states, sit on different devices, or are to share an
            encoder but have different ones.

    Warns:
        UserWarning: if the stages were trained for different horizons or numbers of anchors.
    """

    def __init__(
        self,
        keypoints: KeypointDiffusion,
        denoiser: InterpDenoiser,
        config: PipelineConfig | None = None,
        *,
        judge: Judge | None = None,
    ) -> None:
        check_stages(keypoints, denoiser)
        if config is None:
            config = PipelineConfig(
                horizon=denoiser.config.horizon,
                num_keypoints=keypoints.config.num_keypoints,
                shared_encoder=denoiser.encoder is keypoints.encoder,
            )
        check_type("config", config, PipelineConfig)
        if judge is not None:
            check_type("judge", judge, Judge)
        if config.shared_encoder and keypoints.config.encoder != denoiser.config.encoder:
            raise ValueError(
                "shared_encoder must be False for stages with different encoders, found "
                f"{keypoints.config.encoder} and {denoiser.config.encoder}"
            )
        self.keypoints = keypoints.eval()
        self.denoiser = denoiser.eval()
        self.config = config
        self.judge = keypoints.encoder.judge() if judge is None else judge

    @property
    def components(self) -> Mapping[str, nn.Module]:
        """The networks by name."""
        return {"keypoints": self.keypoints, "denoiser": self.denoiser}

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.keypoints.parameters()).device

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

    @spelled_out
    def generate(
        self, condition: Condition | Any, *parts: Any, num_samples: int = 1, return_trace: bool = False,  # noqa: ANN401
        **options: Unpack[GenerateOptions],
    ) -> Generation:  # fmt: skip
        """Draw `num_samples` trajectories for each condition.

        All noise belongs to a sample and not to its place in a batch. So the same generator gives the same
        samples whatever `batch_size` is, and two conditions in one call get the samples of
        two calls in a row (unless `anchors` is a mask sampler that draws, which draws for all rows at once), up to
        rounding. Rounding is not always small in its effect: where a network looks something up at the place of its
        estimate, an estimate on a border may be taken for one beyond it, and that sample is another one.

        Args:
            condition: what to generate for, on the pipeline's device; or the first of the parts that the domain makes a
                condition of, on any device.
            *parts: the other ones (see the `make` of the condition's class).
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
                - `progress`: show a bar that counts samples.
                - `callback`: called as `callback(step, t, z_t, z_0)` before each sampler step of each batch,
                  with the noised keypoints and their clean estimate.

        Returns:
            Trajectories, condition-major, as ordinary tensors on the pipeline's device.

        Raises:
            ValueError: if the condition or an option is wrong, before any network runs.
            TypeError: if there is no such option.
        """
        condition = self._condition(condition, parts)
        if (legs := condition.legs()) is not None:
            states = self.keypoints.config.states
            return generate_legs(
                self.generate,
                legs,
                num_samples,
                options,
                config=self.config,
                states=states,
                return_trace=return_trace,
            )
        request = self._request(condition, num_samples, options)
        return self._stages.generate(
            condition, num_samples, request, options=options, keep_trace=return_trace
        )

    @spelled_out
    def plan(
        self,
        condition: Condition | Any,  # noqa: ANN401
        *parts: Any,  # noqa: ANN401
        candidates: int = 16,
        judge: Judge | Score | None = None,
        return_trace: bool = False,
        **options: Unpack[GenerateOptions],
    ) -> Plan:
        """Draw candidates and take the one that a judge chooses.

        Where no candidate of a condition is valid, the plan is the least bad one, and not `valid`.

        Args:
            condition: what to plan for, on the pipeline's device; or parts of it, as for `generate`.
            *parts: as for `generate`.
            candidates: trajectories to choose from, a condition.
            judge: a `Judge`, or a function `score(trajectories, condition)` that gives whether each of a batch of
                trajectories is valid, and its cost (see `FunctionJudge`); by default the pipeline's.
            return_trace: as for `generate`.
            **options: as for `generate`.

        Raises:
            ValueError: as for `generate`; also if there is no judge.
            TypeError: as for `generate`.
        """
        check_integer("candidates", candidates)
        chosen_by = self._judge(judge)
        condition = self._condition(condition, parts)
        generation = self.generate(condition, num_samples=candidates, return_trace=return_trace, **options)
        choice = chosen_by.choose(condition, generation.trajectory)
        rows = torch.arange(len(condition), device=choice.index.device) * candidates + choice.index
        return Plan(
            trajectory=generation.trajectory[rows],
            valid=choice.valid,
            cost=choice.cost,
            index=choice.index,
            generation=generation,
        )

    @spelled_out
    def stream(
        self, condition: Condition | Any, *parts: Any, chunk: int = 8, num_samples: int = 1,  # noqa: ANN401
        **options: Unpack[GenerateOptions],
    ) -> Iterator[Float[Tensor, "batch steps dim"]]:  # fmt: skip
        """Generate chunk by chunk, from the beginning, so that a robot can start before the trajectory is whole.

        Joined along the steps, the chunks are the trajectories that `generate` gives, up to rounding. Stage 2 must be
        causal (`TransformerConfig.causal`): it keeps the keys and values of the steps it has been at, and each chunk
        costs a pass over its own steps alone.

        Args:
            condition: as for `generate`.
            *parts: as for `generate`.
            chunk: steps at a time; the last chunk may have fewer.
            num_samples: trajectories a condition.
            **options: as for `generate`, but for `walk` and `batch_size`.

        Raises:
            ValueError: as for `generate`, before any network runs; also if stage 2 is not causal, or conditions get
                different horizons.
        """
        check_integer("chunk", chunk)
        for name in ("walk", "batch_size", "progress"):
            if options.get(name):
                raise ValueError(f"{name} must be left out of a stream, found {options.get(name)!r}")
        transformer = getattr(self.denoiser.config, "transformer", None)
        if not getattr(transformer, "causal", False):
            raise ValueError(
                "denoiser must be causal for a stream: its first steps cannot wait for the last ones"
            )
        condition = self._condition(condition, parts)
        request = self._request(condition, num_samples, options)
        return self._stages.stream(condition, num_samples, request, chunk=chunk, options=options)

    def fill(
        self,
        keypoints: Float[Tensor, "batch K dim"],
        anchors: AnchorSet,
        condition: Condition | Any,  # noqa: ANN401
        *parts: Any,  # noqa: ANN401
        level: int | None = None,
        walk: bool = False,
        clamp: Clamp = "all_anchors",
        clamp_dims: ClampDims = "all",
    ) -> Generation:
        """Fill in the steps between keypoints that are given, by stage 2 alone: for way points and drawn key frames.

        Args:
            keypoints: states at the anchors, in their own units, on the pipeline's device; as many for each condition,
                condition-major.
            anchors: their steps, one row for all or one for each; the first and the last step among them.
            condition: what the trajectories are for, or the first of its parts, as for `generate`. What it knows itself
                goes before keypoints.
            *parts: as for `generate`.
            level: corruption level that stage 2 is told, 1 … `num_levels`; by default the last.
            walk: go down the levels one by one.
            clamp: what stage 2 may not move: by default all keypoints.
            clamp_dims: and which numbers of it.

        Raises:
            ValueError: if keypoints, anchors and condition do not fit each other or the stages, or a keypoint is not
                finite.

        Example:
            >>> import anchordiff as ad
            >>> pipe = ad.TwoStagePipeline.from_pretrained("particle-maze")
            >>> maze = ad.Maze.random(rows=21, cols=21, seed=4)
            >>> drawn = torch.tensor([[[1.5, 1.5], [9.5, 11.5], [19.5, 19.5]]])
            >>> anchors = ad.AnchorSet(torch.tensor([[0, 30, 63]]), horizon=64)
            >>> filled = pipe.fill(drawn, anchors, maze, drawn[:, 0], drawn[:, -1])
            >>> torch.equal(filled.trajectory[:, [0, 30, 63]], drawn)
            True
        """
        condition = self._condition(condition, parts)
        dim = self.keypoints.config.states.dim
        each = check_keypoints(keypoints, anchors, len(condition), dim=dim, device=self.device)
        options: GenerateOptions = {
            "anchors": anchors, "horizon": anchors.horizon, "level": level, "walk": walk,
            "clamp": clamp, "clamp_dims": clamp_dims,
        }  # fmt: skip
        request = self._request(condition, each, options)
        return self._stages.fill(keypoints.to(self.dtype), condition, request)

    def __repr__(self) -> str:
        """Short: config, device and sizes."""
        sizes = ", ".join(
            f"{name}: {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M"
            for name, network in self.components.items()
        )
        return f"TwoStagePipeline({self.config}, {sizes}, on {self.device})"

    def _condition(self, given: object, parts: tuple[object, ...]) -> Condition:
        """The condition, made of parts where it is given as such."""
        if isinstance(given, Condition) and not parts:
            return given
        kind: type[Condition] = self.keypoints.encoder.condition_type
        return kind.make(given, *parts).to(self.device)

    def _request(self, condition: Condition, num_samples: int, options: GenerateOptions) -> Request:
        return check_request(condition, num_samples, options, config=self.config, limits=self._stages.limits)

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
        return self._stages.encode(condition)

    @property
    def _stages(self) -> Stages:
        return Stages(
            keypoints=self.keypoints, denoiser=self.denoiser, shared_encoder=self.config.shared_encoder
        )
