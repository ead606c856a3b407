"""Clips as latents in a folder, so that training needs neither a codec nor a text model.

A cache is an index and shards:

    index.json                 what the clips are: frames, size, codec, text model, and for each shard its digest
    shard-00000.safetensors    latents, tokens, visible and pooled of some clips; their captions among the metadata

Whoever trains says what clips are wanted, and a cache of others is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from anchordiff.checks import check_integer
from anchordiff.configs import Json, config_from_json, config_to_json, exact
from anchordiff.domains.video.codec import VideoCodec
from anchordiff.domains.video.layout import ClipLayout
from anchordiff.domains.video.text import TextEncoder
from anchordiff.errors import CorruptFileError
from anchordiff.files import locked, write_json, write_whole
from anchordiff.hub.layout import read_json

INDEX: Final = "index.json"
_VERSION: Final = 1


@final
@dataclass(frozen=True, kw_only=True)
@exact
class ClipFormat:
    """What all clips of a cache are.

    Attributes:
        frames: of each clip.
        seconds: that it lasts.
        rows: of its pictures.
        cols: of its pictures.
        codec: what made the latents.
        channels: of a latent.
        height: of a latent.
        width: of a latent.
        text: what made the sentences' features.
        token_size: of these.
    """

    frames: int
    seconds: float
    rows: int
    cols: int
    codec: str
    channels: int
    height: int
    width: int
    text: str
    token_size: int

    def layout(self, patch_size: int) -> ClipLayout:
        """The latents as patches."""
        return ClipLayout(channels=self.channels, height=self.height, width=self.width, patch_size=patch_size)


@final
@dataclass(frozen=True, kw_only=True)
class Clips:
    """Clips in memory.

    Attributes:
        latents: as the codec gave them, in half precision.
        tokens: of their sentences.
        visible: which tokens are there.
        pooled: of their sentences.
        captions: the sentences.
    """

    latents: Float[torch.Tensor, "clips frames channels height width"]
    tokens: Float[torch.Tensor, "clips places features"]
    visible: torch.Tensor
    pooled: Float[torch.Tensor, "clips features"]
    captions: tuple[str, ...]

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.latents)


def write_cache(
    folder: str | Path,
    clips: Iterable[tuple[UInt8[np.ndarray, "frames rows cols 3"], str]],
    *,
    codec: VideoCodec,
    text: TextEncoder,
    seconds: float,
    source: dict[str, Json],
    shard_size: int = 256,
) -> ClipFormat:
    """Encode clips and their sentences, and write them.

    The index comes last, so that a call which was stopped leaves no cache; called again with the same `source`, it goes
    on after the shards that are whole.

    Args:
        folder: of the cache.
        clips: pictures and sentence of each, all of one size; always the same in the same order.
        codec: makes latents of pictures.
        text: makes features of sentences.
        seconds: that a clip lasts.
        source: what the clips are of, in JSON's terms; kept in the index.
        shard_size: clips a shard.

    Returns:
        What the clips are.

    Raises:
        ValueError: if there are no clips, their sizes differ, or the folder holds a cache of another source.
    """
    check_integer("shard_size", shard_size)
    out = Path(folder)
    if (out / INDEX).exists():
        raise ValueError(f"folder must hold no cache yet, found {out / INDEX}")
    with locked(out):
        made: ClipFormat | None = None
        shards: list[dict[str, Json]] = []
        for number, part in enumerate(_chunks(clips, shard_size)):
            pictures, captions = np.stack([clip for clip, _ in part]), [caption for _, caption in part]
            name = f"shard-{number:05d}.safetensors"
            found = ClipFormat(
                frames=pictures.shape[1], seconds=seconds, rows=pictures.shape[2], cols=pictures.shape[3],
                codec=codec.id, channels=codec.channels, height=pictures.shape[2] // codec.factor,
                width=pictures.shape[3] // codec.factor, text=text.id, token_size=text.token_size,
            )  # fmt: skip
            if made is not None and found != made:
                raise ValueError(f"clips must be of one size, found {found} after {made}")
            made = found
            told = {"source": json.dumps({**source, "format": config_to_json(found)}, sort_keys=True)}
            content = _kept(out / name, told, captions)
            if content is None:
                content = _encoded(pictures, captions, codec, text, told)
                write_whole(out / name, content)
            shards.append({"file": name, "clips": len(part), "sha256": hashlib.sha256(content).hexdigest()})
        if made is None:
            raise ValueError("clips must hold at least one, found none")
        index = {"version": _VERSION, "format": asdict(made), "source": source, "shards": shards}
        write_json(out / INDEX, index)
    return made


def read_cache(folder: str | Path, *, wanted: dict[str, object] | None = None) -> tuple[ClipFormat, Clips]:
    """Read a whole cache.

    Args:
        folder: of the cache.
        wanted: what the clips must be: fields of `ClipFormat` with the values that they must have.

    Raises:
        FileNotFoundError: if there is none.
        CorruptFileError: if a file is not what was written.
        ValueError: if the clips are others than wanted.
    """
    out = Path(folder)
    index = read_json(out / INDEX)
    if index.get("version") != _VERSION:
        raise CorruptFileError(f"{out / INDEX}: version must be {_VERSION}, found {index.get('version')!r}")
    try:
        made = config_from_json(ClipFormat, index["format"], where="format")
        shards = [(str(shard["file"]), str(shard["sha256"])) for shard in index["shards"]]
        if not shards:
            raise ValueError("shards must hold at least one, found none")
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{out / INDEX} is no index of clips: {error}") from error
    for name, value in (wanted or {}).items():
        if getattr(made, name) != value:
            raise ValueError(f"the clips' {name} must be {value!r}, found {getattr(made, name)!r} in {out}")
    parts = [_read_shard(out / name, digest) for name, digest in shards]
    most = max(part.tokens.shape[1] for part in parts)
    joined = Clips(
        latents=torch.cat([part.latents for part in parts]),
        tokens=torch.cat([_padded(part.tokens, most) for part in parts]),
        visible=torch.cat([_padded(part.visible, most) for part in parts]),
        pooled=torch.cat([part.pooled for part in parts]),
        captions=tuple(caption for part in parts for caption in part.captions),
    )
    return made, joined


def _chunks(clips: Iterable[Any], size: int) -> Iterator[list[Any]]:
    part: list[Any] = []
    for clip in clips:
        part.append(clip)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _encoded(
    pictures: np.ndarray, captions: Sequence[str], codec: VideoCodec, text: TextEncoder, told: dict[str, str]
) -> bytes:
    clips, frames = pictures.shape[:2]
    latents = codec.encode(pictures.reshape(clips * frames, *pictures.shape[2:]))
    encoded = text.encode(captions)
    arrays = {
        "latents": latents.to(torch.float16).view(clips, frames, *latents.shape[1:]),
        "tokens": encoded.tokens.to(torch.float16).cpu(),
        "visible": encoded.visible.cpu(),
        "pooled": encoded.pooled.to(torch.float16).cpu(),
    }
    if not all(bool(values.isfinite().all()) for values in arrays.values() if values.is_floating_point()):
        raise ValueError(f"codec {codec.id} and text model {text.id} must give finite numbers, found others")
    arrays = {name: values.contiguous() for name, values in arrays.items()}
    return save(arrays, metadata={**told, "captions": json.dumps(list(captions))})


def _kept(path: Path, told: dict[str, str], captions: Sequence[str]) -> bytes | None:
    """A shard that an earlier call wrote, if it is the same."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as shard:
            metadata = shard.metadata() or {}
    except (OSError, SafetensorError):
        return None
    if metadata.get("source") != told["source"]:
        raise ValueError(f"folder must hold no clips of another source, found {path.name} in {path.parent}")
    return path.read_bytes() if json.loads(metadata.get("captions", "[]")) == list(captions) else None


def _read_shard(path: Path, digest: str) -> Clips:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise CorruptFileError(
            f"{path} is not the file that was written: its SHA-256 is another than the index tells"
        )
    try:
        with safe_open(path, framework="pt") as shard:
            captions = json.loads((shard.metadata() or {})["captions"])
            arrays = {name: shard.get_tensor(name) for name in ("latents", "tokens", "visible", "pooled")}
    except (KeyError, SafetensorError, ValueError) as error:
        raise CorruptFileError(f"{path} is no shard of clips: {error}") from error
    return Clips(**arrays, captions=tuple(captions))


def _padded(values: torch.Tensor, places: int) -> torch.Tensor:
    missing = places - values.shape[1]
    rest = values.new_zeros(len(values), missing, *values.shape[2:])
    return torch.cat([values, rest], dim=1) if missing else values
