"""What training text to video costs: parameters, work, memory and hours of both stages and of the full sequence.

    python benchmarks/video_budget.py
    python benchmarks/video_budget.py --width 768 --depth 16 --pixels 256 --json runs/benchmarks/video-budget.json

Nothing is trained and no GPU is needed. Parameters, floating-point operations (torch's counter, forward and backward)
and the bytes that autograd keeps for the backward pass are counted on real networks, at batch 1 under bfloat16. From
these follow the largest batch that the memory holds, and the hours at a speed that is assumed, not measured: a third
of what the GPU's data sheet promises is common for transformers of this size.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import torch
import tyro
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from _flops import CPU_ATTENTION
from anchordiff import InterpDenoiser, KeypointDiffusion
from anchordiff.anchors import AnchorSet
from anchordiff.domains.video import ClipLayout, TextCondition
from anchordiff.domains.video.domain import VIDEO
from anchordiff.evaluation.tables import markdown_table
from anchordiff.interpolation import interpolate
from anchordiff.masks import Even
from anchordiff.nn.config import TransformerConfig

STATE_BYTES: Final = (
    20  # a parameter: its value, gradient, AdamW's two averages and the averaged weight, in float32
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Count what training costs.

    Attributes:
        pixels: rows and columns of a frame.
        factor: pixels that a latent's side stands for.
        channels: of a latent.
        patch_size: rows and columns of a latent that make a token.
        frames: of a clip.
        num_keypoints: key frames of stage 1.
        places: tokens of a sentence.
        width: channels of a token of stage 1 and of the full sequence.
        depth: their blocks.
        heads: of their attention.
        denoiser_width: channels of a token of stage 2.
        denoiser_depth: its blocks.
        samples: that each network learns from.
        batch_size: samples a step; several parts of a step where the memory does not hold them.
        memory: of the GPU, in GB (10^9 bytes), of which a tenth stays free.
        tflops: floating-point operations that the GPU does, in 10^12 a second.
        json: file for the figures.
    """

    pixels: int = 128
    factor: int = 8
    channels: int = 4
    patch_size: int = 2
    frames: int = 16
    num_keypoints: int = 4
    places: int = 20
    width: int = 512
    depth: int = 12
    heads: int = 8
    denoiser_width: int = 384
    denoiser_depth: int = 8
    samples: int = 12_800_000
    batch_size: int = 64
    memory: float = 24.0
    tflops: float = 25.0
    json: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a network costs.

    Attributes:
        network: which one.
        tokens: that it sees of a sample.
        parameters: that are trained.
        gigaflop: floating-point operations of a sample, forward and backward, in 10^9.
        kept: MB that the backward pass needs of a sample.
        kept_checkpointed: the same where each block's activations are computed again.
        checkpointed: whether that is needed for the batch.
        part: samples at a time.
        memory: GB that training takes.
        hours: of all samples.
    """

    network: str
    tokens: int
    parameters: int
    gigaflop: float
    kept: float
    kept_checkpointed: float
    checkpointed: bool
    part: int
    memory: float
    hours: float


def count(
    name: str,
    tokens: int,
    network: nn.Module,
    depth: int,
    loss: Callable[[nn.Module], torch.Tensor],
    options: Options,
) -> Budget:
    """What training `network` costs; `loss` is that of one sample."""
    counter = FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION)
    with counter:
        loss(network).backward()
    kept = _kept(network, loss)
    transformer = replace(network.config.transformer, activation_checkpointing=True)
    again = type(network)(replace(network.config, transformer=transformer))
    # Beside what blocks start from, one block at a time has all that it needs.
    kept_checkpointed = _kept(again, loss) + kept / depth
    parameters = sum(value.numel() for value in network.parameters())
    free = 0.9e9 * options.memory - STATE_BYTES * parameters
    checkpointed = free < kept * options.batch_size
    each = kept_checkpointed if checkpointed else kept
    part = min(options.batch_size, int(free / each))
    flop = counter.get_total_flops()
    # Each block's forward pass, a third of the work, is done twice.
    total = flop * options.samples * (4 / 3 if checkpointed else 1.0)
    return Budget(
        network=name,
        tokens=tokens,
        parameters=parameters,
        gigaflop=flop / 1e9,
        kept=kept / 1e6,
        kept_checkpointed=kept_checkpointed / 1e6,
        checkpointed=checkpointed,
        part=part,
        memory=(STATE_BYTES * parameters + part * each) / 1e9,
        hours=total / (1e12 * options.tflops) / 3600,
    )


def _kept(network: nn.Module, loss: Callable[[nn.Module], torch.Tensor]) -> int:
    """Bytes that autograd keeps for one sample, beside the parameters."""
    own = {value.untyped_storage().data_ptr() for value in network.parameters()}
    found: dict[int, int] = {}
    alive = []  # so that no storage's address is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
            alive.append(storage)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss(network)
    return sum(found.values())


def budgets(options: Options) -> list[Budget]:
    """The two stages, and the full sequence that they replace."""
    side = options.pixels // options.factor
    layout = ClipLayout(channels=options.channels, height=side, width=side, patch_size=options.patch_size)
    states, horizon = layout.states(), options.frames
    base = VIDEO.keypoints
    token_size = base.encoder.token_size
    condition = TextCondition(
        tokens=torch.randn(1, options.places, token_size),
        visible=torch.ones(1, options.places, dtype=torch.bool),
        pooled=torch.randn(1, token_size),
    )
    clip = torch.randn(1, horizon, states.dim)
    wide = TransformerConfig(width=options.width, depth=options.depth, heads=options.heads)
    first = replace(
        base, states=states, horizon=horizon, num_keypoints=options.num_keypoints, transformer=wide
    )
    narrow = replace(
        VIDEO.denoiser.transformer,
        width=options.denoiser_width,
        depth=options.denoiser_depth,
        heads=options.heads,
    )
    second = replace(
        VIDEO.denoiser,
        states=states,
        horizon=horizon,
        num_keypoints=options.num_keypoints,
        transformer=narrow,
    )

    def anchors_of(count: int) -> AnchorSet:
        return AnchorSet.from_mask(Even(count).sample(1, horizon))

    def of_keypoints(network: nn.Module) -> torch.Tensor:
        anchors = anchors_of(network.config.num_keypoints)
        with torch.autocast("cpu", torch.bfloat16):
            return network.loss(anchors.gather(clip), anchors, condition).loss

    def of_all(network: nn.Module) -> torch.Tensor:
        anchors = anchors_of(options.num_keypoints)
        coarse = interpolate(anchors.gather(clip), anchors)
        level = torch.tensor([network.config.num_levels])
        with torch.autocast("cpu", torch.bfloat16):
            return network.loss(clip, coarse, level, anchors, condition).loss

    patches = layout.patches[0] * layout.patches[1]
    full = KeypointDiffusion(replace(first, num_keypoints=horizon))
    return [
        count(
            "stage 1",
            options.num_keypoints * patches,
            KeypointDiffusion(first),
            wide.depth,
            of_keypoints,
            options,
        ),
        count("stage 2", horizon * patches, InterpDenoiser(second), narrow.depth, of_all, options),
        count("full sequence", horizon * patches, full, wide.depth, of_keypoints, options),
    ]


def main(options: Options) -> None:
    """Count, print, write."""
    torch.manual_seed(0)
    found = budgets(options)
    head = [
        "network", "tokens", "parameters", "GFLOP a sample", "MB a sample", "recomputed", "at a time", "memory",
        "hours",
    ]  # fmt: skip
    rows = [
        [
            b.network, str(b.tokens), f"{b.parameters / 1e6:.1f} M", f"{b.gigaflop:.0f}",
            f"{b.kept_checkpointed if b.checkpointed else b.kept:.0f}", "yes" if b.checkpointed else "no",
            f"{b.part} of {options.batch_size}", f"{b.memory:.1f} GB", f"{b.hours:.0f}",
        ]
        for b in found
    ]  # fmt: skip
    print(markdown_table(head, rows))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        told = {"options": asdict(replace(options, json=None)), "budgets": [asdict(b) for b in found]}
        options.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
