"""Clips of a cache as a choice of settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from anchordiff.checks import check_integer, check_number
from anchordiff.configs import exact
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains.video import data
from anchordiff.states import StateSpace


@final
@dataclass(frozen=True, kw_only=True)
@exact
class VideoSource(Source):
    """Clips with sentences, encoded by `anchordiff data shapes` or `anchordiff data didemo precompute`.

    Attributes:
        cache: folder of the clips.
        patch_size: rows and columns of a latent that make a token.
        drop: share of samples without a sentence, for classifier-free guidance.
        known_share: share of samples with known frames: half of these the first one, half any two or three.
        held_out_share: of the clips that are held out, at least one of them.
        codec: which one the latents must be of; any if left out.
        text: which model the sentences must be told by; any if left out.
        seed: of the order of training, and of what is drawn in it.

    Raises:
        ValueError: if a value is out of its range.
    """

    cache: Path
    patch_size: int = 2
    drop: float = 0.1
    known_share: float = 0.1
    held_out_share: float = 0.02
    codec: str | None = None
    text: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_integer("patch_size", self.patch_size)
        for name in ("drop", "known_share"):
            check_number(name, getattr(self, name), least=0.0, most=1.0)
        check_number("held_out_share", self.held_out_share, above=0.0, below=1.0)
        check_integer("seed", self.seed, least=0)

    @cached_property
    def clips(self) -> data.ClipDataset:
        """All clips; read once.

        Raises:
            FileNotFoundError: if there is no cache.
            CorruptFileError: if a file is not what was written.
            ValueError: if the clips are of another codec or text model than asked for.
        """
        asked = {"codec": self.codec, "text": self.text}
        return data.ClipDataset.open(
            self.cache,
            wanted={name: value for name, value in asked.items() if value is not None},
            patch_size=self.patch_size,
            drop=self.drop,
            known_share=self.known_share,
            seed=self.seed,
        )

    def open(self, *, states: StateSpace, horizon: int) -> TrainingData:
        """The clips for a model of such states and that horizon; see `Source.open`.

        Raises:
            ValueError: if the clips do not fit the model, and all that `clips` raises.
        """
        clips = self.clips
        wanted, found = (
            {"positions": space.positions, "patches": space.patches, "horizon": steps}
            for space, steps in ((states, horizon), (clips.layout.states(), clips.form.frames))
        )
        for name, value in wanted.items():
            if found[name] != value:
                raise ValueError(
                    f"cache must hold clips with {name} = {value}, as the model, found {found[name]} in {self.cache}"
                )
        # The last ones, so that more clips of a longer cache leave those of a shorter one where they are.
        last = np.arange(len(clips)) >= len(clips) - max(1, round(self.held_out_share * len(clips)))
        kept, rest = clips.part(~last, held_out=False), clips.part(last, held_out=True)
        settings: dict[str, Any] = {**asdict(self), "cache": str(self.cache), "format": asdict(clips.form)}
        return TrainingData(
            at=kept.at, held_out=lambda count: rest.batch(np.arange(count) % len(rest)), settings=settings
        )
