"""From pictures to what networks generate, and back: latents of an autoencoder, or the pixels themselves.

Notation: pictures are (n, rows, cols, 3), red, green and blue in 0 … 255; latents (n, channels, height, width), of
about unit size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8

from anchordiff.checks import check_array, check_integer
from anchordiff.domains.video.autoencoder import FrameAutoencoder
from anchordiff.domains.video.config import DEFAULT_CODEC
from anchordiff.errors import MissingExtraError
from anchordiff.hub import from_pretrained
from anchordiff.tensors import check_tensor

_UINT8: Final = (np.dtype(np.uint8),)

Pictures = UInt8[np.ndarray, "n rows cols 3"]


@runtime_checkable
class VideoCodec(Protocol):
    """What makes latents of pictures, and pictures of latents; it is not trained with the stages."""

    @property
    def id(self) -> str:
        """What it is called in the record of a cache, and in weights that were trained on its latents."""

    @property
    def channels(self) -> int:
        """Of a latent."""

    @property
    def factor(self) -> int:
        """Pixels of a picture's side that one of a latent's stands for."""

    def encode(self, pictures: Pictures) -> Float[torch.Tensor, "n channels height width"]:
        """Latents of pictures.

        Raises:
            ValueError: if they are no pictures of a size that it can take.
        """

    def decode(self, latents: Float[torch.Tensor, "n channels height width"]) -> Pictures:
        """The pictures that latents stand for."""


@final
class PixelCodec:
    """No codec: latents are pixels in [-1, 1]."""

    id: Final = "none"
    channels: Final = 3
    factor: Final = 1

    def encode(self, pictures: Pictures) -> Float[torch.Tensor, "n 3 rows cols"]:
        """See `VideoCodec.encode`."""
        return as_signed(pictures, factor=1)

    def decode(self, latents: Float[torch.Tensor, "n 3 rows cols"]) -> Pictures:
        """See `VideoCodec.decode`."""
        check_tensor("latents", latents, "n 3 rows cols")
        return as_pictures(latents)


@final
class AutoencoderCodec:
    """A `FrameAutoencoder` of this library.

    Args:
        model: trained.
        scale: standard deviation of its latents, by which they are divided.
        name: what it is called in records.
        batch_size: pictures at a time.
    """

    def __init__(
        self, model: FrameAutoencoder, *, name: str, scale: float = 1.0, batch_size: int = 64
    ) -> None:
        check_integer("batch_size", batch_size)
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.scale, self.name, self.batch_size = scale, name, batch_size

    @classmethod
    def from_pretrained(cls, source: str | Path, **options: Any) -> AutoencoderCodec:  # noqa: ANN401
        """Load it from a folder, a bundled name or the Hub; see `anchordiff.from_pretrained`."""
        model = from_pretrained(source, FrameAutoencoder, **options)
        return cls(model, name=str(source), scale=model.config.scale)

    @property
    def id(self) -> str:
        """Where it is from."""
        return self.name

    @property
    def channels(self) -> int:
        """Of a latent."""
        return self.model.config.latent_channels

    @property
    def factor(self) -> int:
        """Pixels of a picture's side that one of a latent's stands for."""
        return self.model.FACTOR

    @torch.no_grad()
    def encode(self, pictures: Pictures) -> Float[torch.Tensor, "n channels height width"]:
        """See `VideoCodec.encode`."""
        parts = [self.model.encode(part.to(_device(self.model))) for part in _parts(pictures, self)]
        return torch.cat(parts).cpu() / self.scale

    @torch.no_grad()
    def decode(self, latents: Float[torch.Tensor, "n channels height width"]) -> Pictures:
        """See `VideoCodec.decode`."""
        check_tensor("latents", latents, f"n {self.channels} height width")
        parts = torch.split((latents * self.scale).to(_device(self.model)), self.batch_size)
        return as_pictures(torch.cat([self.model.decode(part) for part in parts]))


@final
class DiffusersCodec:
    """An autoencoder of diffusers: `AutoencoderKL` or `AutoencoderTiny`.

    Latents are the mean of what it gives, shifted and scaled as its own config says.

    Args:
        model: the autoencoder.
        name: what it is called in records.
        batch_size: pictures at a time.
    """

    def __init__(self, model: Any, *, name: str, batch_size: int = 16) -> None:  # noqa: ANN401
        check_integer("batch_size", batch_size)
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.name, self.batch_size = name, batch_size
        self.scale = float(model.config.scaling_factor)
        self.shift = float(getattr(model.config, "shift_factor", None) or 0.0)

    @classmethod
    def from_pretrained(cls, source: str | Path = DEFAULT_CODEC, **options: Any) -> DiffusersCodec:  # noqa: ANN401
        """Load it from a folder or the Hub; its config says of which class it is.

        Args:
            source: folder, or id on the Hub.
            options: of diffusers' `from_pretrained`, as `revision` and `local_files_only`.

        Raises:
            MissingExtraError: if diffusers is not installed.
            OSError: as diffusers, where there is no such model.
        """
        try:
            from diffusers import AutoencoderKL, AutoencoderTiny
        except ModuleNotFoundError as error:
            raise MissingExtraError("diffusers", "video") from error
        config = AutoencoderKL.load_config(source, **options)
        kinds = {kind.__name__: kind for kind in (AutoencoderKL, AutoencoderTiny)}
        name = config.get("_class_name")
        if name not in kinds:
            raise ValueError(f"source must hold one of {', '.join(kinds)}, found {name} in {source}")
        kind: Any = kinds[name]
        return cls(kind.from_pretrained(source, **options), name=str(source))

    @property
    def id(self) -> str:
        """Where it is from."""
        return self.name

    @property
    def channels(self) -> int:
        """Of a latent."""
        channels: int = self.model.config.latent_channels
        return channels

    @property
    def factor(self) -> int:
        """Pixels of a picture's side that one of a latent's stands for."""
        config = self.model.config
        blocks = len(getattr(config, "block_out_channels", None) or config.encoder_block_out_channels)
        return int(2 ** (blocks - 1))

    @torch.no_grad()
    def encode(self, pictures: Pictures) -> Float[torch.Tensor, "n channels height width"]:
        """See `VideoCodec.encode`."""
        made = []
        for part in _parts(pictures, self):
            found = self.model.encode(part.to(_device(self.model)))
            made.append(found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latents)
        return (torch.cat(made).float().cpu() - self.shift) * self.scale

    @torch.no_grad()
    def decode(self, latents: Float[torch.Tensor, "n channels height width"]) -> Pictures:
        """See `VideoCodec.decode`."""
        check_tensor("latents", latents, f"n {self.channels} height width")
        raw = (latents / self.scale + self.shift).to(_device(self.model))
        parts = [self.model.decode(part).sample for part in torch.split(raw, self.batch_size)]
        return as_pictures(torch.cat(parts).float())


def open_codec(source: str | Path) -> VideoCodec:
    """The codec that a name means: "none" for pixels, one of this library, or one of diffusers.

    Args:
        source: "none", bundled name, folder, or id on the Hub.

    Raises:
        ValueError: if it is of neither.
        FileNotFoundError: if there is no such folder.
    """
    if source == PixelCodec.id:
        return PixelCodec()
    folder = Path(source)
    if not folder.is_dir() and len(folder.parts) != 2:
        raise FileNotFoundError(
            f"source must be 'none', a folder or an id 'org/repo' of the Hub, found {source!s}"
        )
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise FileNotFoundError(f"source must hold a config.json, found none in {folder}")
    if folder.is_dir() and '"_class_name": "FrameAutoencoder"' in (folder / "config.json").read_text("utf-8"):
        return AutoencoderCodec.from_pretrained(folder)
    return DiffusersCodec.from_pretrained(source)


def as_signed(pictures: Pictures, *, factor: int) -> Float[torch.Tensor, "n 3 rows cols"]:
    """Pictures as numbers in [-1, 1], channels first.

    Raises:
        ValueError: if they are no pictures, or their sides no multiples of `factor`.
    """
    pictures = check_array("pictures", pictures, _UINT8, ("n", "rows", "cols", 3))
    if pictures.shape[1] % factor or pictures.shape[2] % factor:
        raise ValueError(
            f"pictures must have rows and columns in multiples of {factor}, found {pictures.shape[1:3]}"
        )
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def as_pictures(values: Float[torch.Tensor, "n 3 rows cols"]) -> Pictures:
    """Numbers in [-1, 1], channels first, as pictures; what lies beyond is cut."""
    scaled = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    pictures: np.ndarray = scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pictures


def _parts(pictures: Pictures, codec: AutoencoderCodec | DiffusersCodec) -> Iterator[torch.Tensor]:
    if not len(pictures):
        raise ValueError("pictures must hold at least one, found none")
    for first in range(0, len(pictures), codec.batch_size):
        yield as_signed(pictures[first : first + codec.batch_size], factor=codec.factor)


def _device(model: torch.nn.Module) -> torch.device:
    return next(model.parameters()).device
