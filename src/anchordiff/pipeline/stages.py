"""What the two stages do in one call: scenes, keypoints batch by batch, the steps between."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.conditions import Condition
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.modes import evaluating
from anchordiff.nn.scene import Scene
from anchordiff.pipeline.batches import split
from anchordiff.pipeline.recorder import Recorder
from anchordiff.pipeline.records import Generation
from anchordiff.pipeline.request import GenerateOptions, Limits, Request
from anchordiff.progress import progress_bar
from anchordiff.samplers import ElementNoise
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.stages.restoration import restore


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
        noise = ElementNoise.draw(len(request.anchors), generator=options.get("generator"))
        bar = progress_bar(
            "generate",
            "batch",
            total=sum(len(group.batches) for group in groups),
            shown=options.get("progress", False),
        )
        made: list[Generation] = []
        with self._inference(), bar:
            for group in groups:
                part = condition[group.conditions] if len(groups) > 1 else condition
                scenes = self.encode(part)
                for rows in group.batches:
                    anchors, recorder = (
                        request.anchors[rows],
                        Recorder(options.get("callback"), keep=keep_trace),
                    )
                    drawn = self.keypoints.sample(
                        part if request.guidance else scenes[0],
                        anchors,
                        sampler=request.sampler,
                        guidance=request.guidance,
                        noise=ElementNoise(noise.seeds[rows]),
                        callback=recorder.callback,
                    )
                    trace = recorder.trace(anchors, self.keypoints.config.states)
                    made.append(replace(self._restore(drawn, anchors, scenes[1], request), trace=trace))
                    bar.update()
        # Joined outside of inference mode, tensors can be changed and differentiated by the caller.
        return Generation.collate(made)

    def fill(
        self, keypoints: Float[Tensor, "batch K dim"], condition: Condition, request: Request
    ) -> Generation:
        """Stage 2 for keypoints that are there."""
        with self._inference():
            filled = self._restore(keypoints, request.anchors, self.encode(condition)[1], request)
        return Generation.collate([filled])  # as above

    def _restore(
        self, keypoints: Float[Tensor, "batch K dim"], anchors: AnchorSet, scene: Scene, request: Request
    ) -> Generation:
        restored = restore(
            self.denoiser,
            keypoints,
            anchors,
            scene,
            level=request.level,
            walk=request.walk,
            clamp=request.clamp,
            clamp_dims=request.clamp_dims,
        )
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
