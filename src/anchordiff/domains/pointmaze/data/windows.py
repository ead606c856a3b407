"""Windows: pieces of a recording that become samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int64

from anchordiff.checks import check_choice, check_integer
from anchordiff.domains.pointmaze.data.recording import Recording

WindowKind = Literal["end", "random", "episode"]
"""Which pieces: the last steps before each touched goal, also from before the episode's start (`end`); any steps
(`random`); whole episodes, whatever their length (`episode`). An episode that the end of its stream cut short touched
no goal and is not whole."""


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
    recording: Recording,
    chosen: Bool[np.ndarray, " episodes"],
    *,
    kind: WindowKind,
    lengths: Sequence[int],
    stride: int = 1,
) -> Windows:
    """All windows of a kind within chosen episodes; they span cuts where the stream goes on, and nothing else.

    Args:
        recording: what they are pieces of.
        chosen: episodes that windows may touch.
        kind: which pieces.
        lengths: steps of a window, one after another; without meaning for whole episodes.
        stride: rows from the beginning of a `random` window to that of the next one.

    Raises:
        ValueError: if `kind` is unknown, there is no length, a length or `stride` is no integer of at least 1, or
            `chosen` is not one boolean an episode.
    """
    if not lengths:
        raise ValueError("lengths must hold at least one number of at least 1 step, found ()")
    for length in lengths:
        check_integer("lengths", length)
    check_integer("stride", stride)
    check_choice("kind", kind, get_args(WindowKind))
    if np.shape(chosen) != (len(recording),) or np.asarray(chosen).dtype != bool:
        raise ValueError(
            f"chosen must be {len(recording)} booleans, one for each episode, found {np.asarray(chosen).dtype} of "
            f"shape {np.shape(chosen)}"
        )
    whole = chosen & recording.reached
    if kind == "episode":
        return Windows(first=recording.episode_starts[whole], last=recording.episode_ends[whole])
    heads, tails = recording.segments(chosen)
    if kind == "end":
        last = recording.episode_ends[whole]
        parts = [_fitting(last - length, last, heads[whole]) for length in lengths]
    else:
        segments = np.unique(np.stack([heads[chosen], tails[chosen]], axis=1), axis=0).tolist()
        parts = [
            _pieces(np.arange(head, tail - length + 1, stride), length)
            for length in lengths
            for head, tail in segments
        ]
    return Windows(
        first=np.concatenate([np.empty(0, np.int64), *(part.first for part in parts)]),
        last=np.concatenate([np.empty(0, np.int64), *(part.last for part in parts)]),
    )


def _fitting(
    first: Int64[np.ndarray, " n"], last: Int64[np.ndarray, " n"], heads: Int64[np.ndarray, " n"]
) -> Windows:
    """Those that begin within their segments."""
    return Windows(first=first, last=last).where(first >= heads)


def _pieces(first: Int64[np.ndarray, " n"], length: int) -> Windows:
    return Windows(first=first, last=first + length)
