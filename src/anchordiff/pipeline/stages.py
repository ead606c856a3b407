"""What the two stages do in one call: scenes, keypoints batch by batch, the steps between."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, final

import torch
from jaxtyping import Float
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.conditions import Condition
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.modes import evaluating
from anchordiff.nn.scene import Scene
from anchordiff.pipeline.batches import Group, split
from anchordiff.pipeline.recorder import Recorder
from anchordiff.pipeline.records import Generation
from anchordiff.pipeline.request import GenerateOptions, Limits, Request, even_anchors
from anchordiff.progress import progress_bar
from anchordiff.records import Record
from anchordiff.samplers import ElementNoise
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.stages.restoration import Restored, restore, restore_stream

TOKENS_PER_PASS: Final = 4096
"""Tokens of a pass of stage 2 on a CPU: its caches hold what a block makes of them."""


@final
@dataclass(frozen=True, kw_only=True)
class Stages:
    """Both networks.

    Attributes:
        keypoints: stage 1.
        denoiser: stage 2.
        shared_encoder: whether stage 1's scene serves stage 2, too.
    """

    keypoints: KeypointDiffusion
    denoiser: InterpDenoiser
    shared_encoder: bool

    @property
    def limits(self) -> Limits:
        """What a call may ask of them."""
        encoders: tuple[Encoder[Any, Any], ...] = (self.keypoints.encoder,)
        if not self.shared_encoder:
            encoders += (self.denoiser.encoder,)
        device = next(self.keypoints.parameters()).device
        return Limits(device=device, encoders=encoders, num_levels=self.denoiser.config.num_levels)

    def encode(self, condition: Condition) -> tuple[Scene, Scene]:
        """The scenes that they see, the first's and the second's."""
        first = self.keypoints.encode(condition)
        return first, first if self.shared_encoder else self.denoiser.encode(condition)

    def generate(
        self,
        condition: Condition,
        num_samples: int,
        request: Request,
        *,
        options: GenerateOptions,
        keep_trace: bool,
    ) -> Generation:
        """Stage 1 and stage 2, batch by batch, for a checked request."""
        groups = list(split(len(condition), num_samples, options.get("batch_size")))
        numbers = torch.arange(len(condition) * num_samples)
        noise = ElementNoise.draw(len(numbers), generator=options.get("generator"))
        bar = progress_bar(
            "generate",
            "sample",
            total=len(numbers),
            shown=options.get("progress", False),
        )
        made: list[Generation] = []
        order: list[Tensor] = []
        with self._inference(), bar:
            for group in groups:
                part = condition[group.conditions] if len(groups) > 1 else condition
                first, second = self.encode(part)
                for batch in self._batches(group, num_samples, request.anchors, first):
                    recorder = Recorder(options.get("callback"), keep=keep_trace)
                    drawn = self.keypoints.sample(
                        batch.of(part if request.guidance else first),
                        batch.anchors,
                        sampler=request.sampler,
                        guidance=request.guidance,
                        noise=ElementNoise(noise.seeds[batch.rows]),
                        callback=recorder.callback,
                    )
                    restored = self._restore(drawn, batch.anchors, batch.of(second), request)
                    trace = recorder.trace(batch.anchors, self.keypoints.config.states)
                    made.append(replace(restored, trace=trace))
                    order.append(numbers[batch.rows])
                    bar.update(len(batch.anchors))
        # Joined outside of inference mode, tensors can be changed and differentiated by the caller.
        if isinstance(request.anchors, AnchorSet):
            return Generation.collate(made)
        return Generation.joined(made, order, positions=self.keypoints.config.states.positions)

    @staticmethod
    def _batches(
        group: Group, num_samples: int, anchors: AnchorSet | AdaptiveHorizon, scene: Scene
    ) -> "Iterator[_Batch]":
        """The batches of a group; conditions of unequal horizons cannot share one."""
        for rows in group.batches:
            if isinstance(anchors, AnchorSet):
                yield _Batch(rows=rows, anchors=anchors[rows])
                continue
            lengths = scene.length()
            if lengths is None:
                raise ValueError("horizon must be given where the encoder does not know how long the way is")
            samples = torch.arange(rows.start, rows.stop)
            owners = samples // num_samples - group.conditions.start
            for count, chosen in anchors.groups(lengths.cpu()[owners]):
                row = even_anchors(count, anchors.horizon(count))
                own = torch.tensor(sorted(set(owners[chosen].tolist())))
                yield _Batch(
                    rows=samples[chosen],
                    anchors=row.repeat(len(chosen)).to(scene.device),
                    conditions=own if len(own) < len(scene) else None,
                )

    def fill(
        self, keypoints: Float[Tensor, "batch K dim"], condition: Condition, request: Request
    ) -> Generation:
        """Stage 2 for keypoints that are there."""
        assert isinstance(request.anchors, AnchorSet)
        with self._inference():
            filled = self._restore(keypoints, request.anchors, self.encode(condition)[1], request)
        return Generation.collate([filled])  # as above

    def stream(
        self,
        condition: Condition,
        num_samples: int,
        request: Request,
        *,
        chunk: int,
        options: GenerateOptions,
    ) -> Iterator[Float[Tensor, "batch steps dim"]]:
        """Stage 1 now, then stage 2 chunk by chunk."""
        group = Group(slice(0, len(condition)), (slice(0, len(condition) * num_samples),))
        noise = ElementNoise.draw(len(condition) * num_samples, generator=options.get("generator"))
        with self._inference():
            first, second = self.encode(condition)
            batch, *others = self._batches(group, num_samples, request.anchors, first)
            if others:
                horizons = [one.anchors.horizon for one in (batch, *others)]
                raise ValueError(
                    f"condition must hold ways of one horizon for a stream, found {horizons}; give a horizon, or "
                    "stream them one by one"
                )
            keypoints = self.keypoints.sample(
                condition if request.guidance else first,
                batch.anchors,
                sampler=request.sampler,
                guidance=request.guidance,
                noise=noise,
                callback=options.get("callback"),
            )
        parts = restore_stream(
            self.denoiser, keypoints, batch.anchors, second, chunk=chunk,
            level=request.level, clamp=request.clamp, clamp_dims=request.clamp_dims,
        )  # fmt: skip
        return self._outside(parts)

    def _outside(self, parts: Iterator[Tensor]) -> Iterator[Tensor]:
        """The parts, with inference mode left at each: the caller's own work goes on between."""
        while True:
            with self._inference():
                part = next(parts, None)
            if part is None:
                return
            yield part.clone()

    def _restore(
        self, keypoints: Float[Tensor, "batch K dim"], anchors: AnchorSet, scene: Scene, request: Request
    ) -> Generation:
        size = None
        if keypoints.device.type == "cpu":
            size = max(1, TOKENS_PER_PASS // (anchors.horizon * self.denoiser.config.states.num_tokens))
        made = []
        groups = list(split(len(scene), len(keypoints) // len(scene), size))
        for group in groups:
            part = scene[group.conditions] if len(groups) > 1 else scene
            made += [
                restore(
                    self.denoiser,
                    keypoints[rows],
                    anchors[rows],
                    part,
                    level=request.level,
                    walk=request.walk,
                    clamp=request.clamp,
                    clamp_dims=request.clamp_dims,
                )
                for rows in group.batches
            ]
        restored = made[0] if len(made) == 1 else Restored.collate(made)
        return Generation(
            trajectory=restored.trajectory, coarse=restored.coarse, keypoints=keypoints, anchors=anchors
        )

    @contextmanager
    def _inference(self) -> Iterator[None]:
        with ExitStack() as stack:
            for network in (self.keypoints, self.denoiser):
                if network.training:
                    stack.enter_context(evaluating(network))
            stack.enter_context(torch.inference_mode())
            yield


@final
@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Samples that are drawn together: their numbers in the call, and of their group the conditions they are for."""

    rows: slice | Tensor
    anchors: AnchorSet
    conditions: Tensor | None = None

    def of(self, record: Record) -> Record:
        """What belongs to the batch."""
        return record if self.conditions is None else record[self.conditions]
