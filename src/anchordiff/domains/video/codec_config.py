"""What a `FrameAutoencoder` is made of, trained on and trained for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import Float

from anchordiff.checks import check_integer, check_rules
from anchordiff.configs import exact
from anchordiff.data.slot import Slot
from anchordiff.data.source import TrainingData
from anchordiff.domains import video
from anchordiff.domains.video.shapes import FRAMES, draw_clips

_HELD_OUT_SEED: Final = 2**62


@final
@dataclass(frozen=True, kw_only=True)
@exact
class FrameAutoencoderConfig:
    """Sizes of a `FrameAutoencoder`.

    Attributes:
        widths: channels at a half, a quarter and an eighth of a picture's side; multiples of 8.
        blocks: residual blocks at each of them, in the encoder and in the decoder.
        latent_channels: of the latents.
        scale: standard deviation of the latents of pictures like those of its training, as measured after it.

    Raises:
        ValueError: if a size is out of its range.
    """

    widths: tuple[int, int, int] = (48, 96, 128)
    blocks: int = 1
    latent_channels: int = 4
    scale: float = 1.0

    def __post_init__(self) -> None:
        rules = {
            "widths": (
                all(width >= 8 and width % 8 == 0 for width in self.widths),
                "be positive multiples of 8",
            ),
            "blocks": (self.blocks >= 1, "be at least 1"),
            "latent_channels": (self.latent_channels >= 1, "be at least 1"),
            "scale": (self.scale > 0, "be positive"),
        }
        check_rules(self, rules)


@final
@dataclass(frozen=True, kw_only=True)
@exact
class ShapeFrames:
    """Frames of moving shapes, no clip twice.

    Attributes:
        frames: of each clip that is drawn.
        seed: of the stream.

    Raises:
        ValueError: if a value is out of its range.
    """

    frames: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        check_integer("frames", self.frames, most=FRAMES, most_is="those of a clip")
        check_integer("seed", self.seed, least=0, most=_HELD_OUT_SEED - 1, most_is="the largest seed")

    def open(self) -> TrainingData:
        """The stream, and frames of clips that it cannot give."""
        held_out: Any = self._held_out  # of pictures, where stages have trajectories
        at: Any = self.at
        return TrainingData(
            at=at,
            held_out=held_out,
            settings={"frames": self.frames, "seed": self.seed, "source": "moving-shapes"},
        )

    def at(self, slot: Slot) -> Float[torch.Tensor, "batch 3 rows cols"]:
        """The frames of a training slot, in [-1, 1]."""
        return self._frames(self.seed, slot.indices)

    def _held_out(self, count: int) -> Float[torch.Tensor, "batch 3 rows cols"]:
        return self._frames(_HELD_OUT_SEED, np.arange(count))

    def _frames(self, seed: int, index: np.ndarray) -> Float[torch.Tensor, "batch 3 rows cols"]:
        clips = index // self.frames
        drawn, _ = draw_clips(seed, np.unique(clips))
        places = np.searchsorted(np.unique(clips), clips)
        # The frames of a clip lie evenly, from a first one that is the clip's own.
        step = FRAMES // self.frames
        first = np.array([np.random.default_rng((seed, int(clip))).integers(step) for clip in clips])
        chosen = drawn[places, first + step * (index % self.frames)]
        return torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 127.5 - 1


@final
@dataclass(frozen=True, kw_only=True)
@exact
class AutoencoderObjective:
    """What a `FrameAutoencoder` is trained for.

    Attributes:
        noise: τ, the standard deviation of what is added to latents.
        penalty: weight of the latents' mean square.
        colour_weight: how much more a fully coloured pixel counts than a grey one, since shapes are small.
        edge_weight: weight of the error of differences between neighbouring pixels, which keeps outlines sharp.

    Raises:
        ValueError: if a value is negative.
    """

    noise: float = 0.15
    penalty: float = 1e-3
    colour_weight: float = 4.0
    edge_weight: float = 1.0

    def __post_init__(self) -> None:
        names = ("noise", "penalty", "colour_weight", "edge_weight")
        check_rules(self, {name: (getattr(self, name) >= 0, "not be negative") for name in names})

    def __call__(
        self,
        model: video.FrameAutoencoder,
        pictures: Float[torch.Tensor, "batch 3 rows cols"],
        draw: Any,  # noqa: ANN401
    ) -> dict[str, torch.Tensor]:
        """Loss of a batch and its terms: `error` (mean absolute, of pixels in [-1, 1]), `edges` and `latents`."""
        latents = model.encode(pictures)
        noise = torch.randn(latents.shape, generator=draw.generator, device=latents.device)
        made = model.decode(latents + self.noise * noise)
        away = (made - pictures).abs()
        colour = pictures.amax(dim=1, keepdim=True) - pictures.amin(dim=1, keepdim=True)
        weight = 1 + self.colour_weight * torch.nn.functional.max_pool2d(colour, 3, stride=1, padding=1)
        error = (weight * away).mean() / weight.mean()
        edges = sum((made - pictures).diff(dim=axis).abs().mean() for axis in (2, 3))
        size = latents.square().mean()
        loss = error + self.edge_weight * edges + self.penalty * size
        return {
            "loss": loss,
            "error": away.mean().detach(),
            "edges": torch.as_tensor(edges).detach(),
            "latents": size.detach(),
        }
