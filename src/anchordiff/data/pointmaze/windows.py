"""Windows: pieces of a recording that become samples."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64

from anchordiff.data.pointmaze.recording import Recording

WindowKind = Literal["end", "random", "episode"]
"""Which pieces: the last `length` steps before each touched goal, also from before the episode's start (`end`); any
`length` steps (`random`); whole episodes, whatever their length (`episode`)."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Rows `first` to `last` of a recording, both included, for each window.

    Attributes:
        first: row of the first observation.
        last: row of the last observation.
    """

    first: Int64[np.ndarray, " windows"]
    last: Int64[np.ndarray, " windows"]

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.first)

    def where(self, keep: Bool[np.ndarray, " windows"]) -> "Windows":
        """Those that are to be kept."""
        return Windows(first=self.first[keep], last=self.last[keep])


def find_windows(
    recording: Recording, chosen: Bool[np.ndarray, " episodes"], *, kind: WindowKind, length: int
) -> Windows:
    """All windows of a kind within chosen episodes; they span cuts where the stream goes on, and nothing else.

    Args:
        recording: what they are pieces of.
        chosen: episodes that windows may touch.
        kind: which pieces.
        length: steps of a window; without meaning for whole episodes.

    Raises:
        ValueError: if `kind` is unknown or `length` is below 1.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1 step, found {length}")
    heads, tails = recording.segments(chosen)
    if kind == "episode":
        return Windows(first=recording.episode_starts[chosen], last=recording.episode_ends[chosen])
    if kind == "end":
        last = recording.episode_ends[chosen]
        first = last - length
        fits = first >= heads[chosen]
        return Windows(first=first[fits], last=last[fits])
    if kind == "random":
        rows = [
            np.arange(head, tail - length + 1)
            for head, tail in np.unique(np.stack([heads[chosen], tails[chosen]], axis=1), axis=0).tolist()
        ]
        first = np.concatenate([np.empty(0, np.int64), *rows])
        return Windows(first=first, last=first + length)
    raise ValueError(f"kind must be 'end', 'random' or 'episode', found {kind!r}")
