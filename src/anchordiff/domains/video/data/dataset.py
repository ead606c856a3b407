"""Clips of a cache as training samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int64

from anchordiff.data.indexed import HasIndices, IndexedDataset
from anchordiff.domains.video.condition import TextCondition
from anchordiff.domains.video.data.batch import ClipBatch
from anchordiff.domains.video.data.cache import ClipFormat, Clips, read_cache


class ClipDataset(IndexedDataset[ClipBatch]):
    """Clips of a cache; see `IndexedDataset` for ways to read them.

    In the training stream (`at`) some samples lose their sentence, for classifier-free guidance, and of some a few
    frames are known, so that a model learns to go on from a picture; both are drawn from a sample's place in the
    stream.

    Args:
        clips: what to read.
        form: what they are.
        patch_size: rows and columns of a latent that make a token.
        drop: share of training samples without a sentence.
        known_share: share of training samples with known frames: half of these the first one, half any few.
        seed: of the order of training, and of what is drawn in it.
        held_out: whether they are for evaluation.
    """

    def __init__(
        self, clips: Clips, form: ClipFormat, *, patch_size: int = 2, drop: float = 0.1, known_share: float = 0.1,
        seed: int = 0, held_out: bool = False,
    ) -> None:  # fmt: skip
        self.clips, self.form, self.layout = clips, form, form.layout(patch_size)
        self.drop, self.known_share, self.seed = drop, known_share, seed
        super().__init__(size=len(clips), seed=seed, held_out=held_out)

    @classmethod
    def open(
        cls, folder: str | Path, *, wanted: dict[str, object] | None = None, **options: object
    ) -> ClipDataset:
        """The clips of a cache; see `read_cache`."""
        form, clips = read_cache(folder, wanted=wanted)
        return cls(clips, form, **options)  # type: ignore[arg-type]

    def part(self, chosen: Bool[np.ndarray, " clips"], *, held_out: bool) -> ClipDataset:
        """Some of the clips."""
        rows = np.flatnonzero(chosen)
        index = torch.from_numpy(rows)
        kept = replace(
            self.clips,
            latents=self.clips.latents[index],
            tokens=self.clips.tokens[index],
            visible=self.clips.visible[index],
            pooled=self.clips.pooled[index],
            captions=tuple(self.clips.captions[row] for row in rows),
        )
        return ClipDataset(
            kept, self.form, patch_size=self.layout.patch_size, drop=self.drop, known_share=self.known_share,
            seed=self.seed, held_out=held_out,
        )  # fmt: skip

    def at(self, slot: HasIndices) -> ClipBatch:
        """The batch of a training slot; see `IndexedDataset.at`."""
        batch = super().at(slot)
        condition, clips = batch.condition, batch.trajectory
        frames = clips.shape[1]
        lost = np.zeros(len(clips), bool)
        steps = np.zeros((len(clips), frames), bool)
        for row, place in enumerate(slot.indices.tolist()):
            random = np.random.default_rng((self.seed, place))
            lost[row] = random.random() < self.drop
            if random.random() < self.known_share:
                count = 1 if random.random() < 0.5 else int(random.integers(2, 4))
                chosen = [0] if count == 1 else random.choice(frames, min(count, frames), replace=False)
                steps[row, chosen] = True
        if lost.any():
            condition = condition.without_text(torch.from_numpy(lost))
        if self.known_share:
            condition = condition.with_frames(clips, torch.from_numpy(steps))
        return replace(batch, condition=condition)

    def _make(self, indices: Int64[np.ndarray, " batch"]) -> ClipBatch:
        rows = torch.from_numpy(indices)
        clips = self.clips
        condition = TextCondition(
            tokens=clips.tokens[rows].float(), visible=clips.visible[rows], pooled=clips.pooled[rows].float()
        )
        return ClipBatch(condition=condition, trajectory=self.layout.to_states(clips.latents[rows].float()))
