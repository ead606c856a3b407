"""Windows: pieces of episodes that become samples."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Int64


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Where samples lie in the rows of `Episodes`.

    Attributes:
        first: row of the first state in the order of recording.
        length: states of the window that are data; below the horizon where it is to be padded.
        episode: that it lies in.
        backwards: whether it is read from its last state to its first.
    """

    first: Int64[np.ndarray, " windows"]
    length: Int64[np.ndarray, " windows"]
    episode: Int64[np.ndarray, " windows"]
    backwards: Bool[np.ndarray, " windows"]

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.first)

    def __getitem__(self, indices: Int64[np.ndarray, " batch"]) -> "Windows":
        """The windows at `indices`."""
        return Windows(**{field.name: getattr(self, field.name)[indices] for field in fields(self)})

    def rows(self, *, horizon: int, frame_skip: int) -> Int64[np.ndarray, "windows horizon"]:
        """Rows of the states, in the order of the samples; the last one is repeated where the window is too short."""
        last = self.length[:, None] - 1
        steps = np.minimum(np.arange(horizon), last)
        steps = np.where(self.backwards[:, None], last - steps, steps)
        rows: np.ndarray = self.first[:, None] + steps * frame_skip
        return rows

    def valid(self, *, horizon: int) -> Bool[np.ndarray, "windows horizon"]:
        """Which steps are data and no repetitions."""
        valid: np.ndarray = np.arange(horizon) < self.length[:, None]
        return valid


def states_taken(
    lengths: Int64[np.ndarray, " episodes"], *, frame_skip: int
) -> Int64[np.ndarray, " episodes"]:
    """How many states of each episode are taken, when every `frame_skip`th is, from the first on."""
    taken: np.ndarray = (lengths - 1) // frame_skip + 1
    return taken


def find_windows(
    lengths: Int64[np.ndarray, " episodes"],
    chosen: Bool[np.ndarray, " episodes"],
    *,
    horizon: int,
    stride: int = 1,
    frame_skip: int = 1,
    pad: bool = False,
    reverse: bool = False,
) -> Windows:
    """All windows of chosen episodes, in their order; backward ones come after all others.

    Args:
        lengths: states of each episode.
        chosen: which episodes.
        horizon: states of a window.
        stride: recorded steps from the beginning of a window to that of the next one.
        frame_skip: recorded steps from a state of a window to the next one.
        pad: whether an episode that is too short gives one window, from its beginning on (if it has two states).
        reverse: whether each window is read backwards, too.

    Example:
        >>> windows = find_windows(np.array([4, 2]), np.array([True, True]), horizon=3)
        >>> windows.rows(horizon=3, frame_skip=1).tolist()
        [[0, 1, 2], [1, 2, 3]]
    """
    taken = states_taken(lengths, frame_skip=frame_skip)
    span = (horizon - 1) * frame_skip + 1
    counts = np.where(lengths >= span, (lengths - span) // stride + 1, int(pad) * (taken >= 2)) * chosen
    episode = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(episode)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.cumsum(lengths) - lengths
    forwards = Windows(
        first=starts[episode] + number * stride,
        length=np.minimum(taken[episode], horizon),
        episode=episode,
        backwards=np.zeros(len(episode), bool),
    )
    if not reverse:
        return forwards
    both = forwards[np.tile(np.arange(len(episode)), 2)]
    return Windows(
        first=both.first,
        length=both.length,
        episode=both.episode,
        backwards=np.arange(2 * len(episode)) >= len(episode),
    )
