"""What decides the samples that are taken from a recording."""

from dataclasses import dataclass
from typing import Literal, get_args

from anchordiff.checks import check_choice, check_integer
from anchordiff.configs import exact
from anchordiff.domains.maze.data.config import Split
from anchordiff.domains.pointmaze.data.windows import WindowKind

GoalKind = Literal["window_end", "env"]
"""Which goal a sample's condition has: the window's last position, or the environment's goal at its last step."""

Pace = Literal["time", "arc"]
"""How a window's points lie: at equal times, as they were, or at equal steps of arc length."""


@dataclass(frozen=True, kw_only=True)
@exact
class PointMazeConfig:
    """What decides every sample of a `PointMazeDataset`, beside the recording and the filter.

    Attributes:
        horizon: points of a trajectory.
        dim: 2 for positions, 4 for positions and velocities (forward differences, in cells a step).
        windows: which pieces of the recording become samples.
        lengths: steps of a window, at 100 Hz, one after another; `horizon - 1` alone where none is given, so that
            every row is a point.
        stride: rows from the beginning of a `random` window to that of the next one; 1 for other windows.
        goal: which goal the condition has.
        pace: how points lie along a window.
        grid: (rows, cols) that mazes are padded to with walls on the right and below, so that batches of several
            mazes fit; positions stay what they are.
        split: "held_out" is for evaluation; training refuses it.
        held_out_share: of the episodes, in blocks, that are held out.
        split_block: neighbouring episodes in a block.
        split_seed: of the draw of held-out blocks; not `seed`, so that all orders share a split.
        seed: of the order of training.

    Raises:
        ValueError: if a value is out of its range.
    """

    horizon: int = 128
    dim: Literal[2, 4] = 2
    windows: WindowKind = "random"
    lengths: tuple[int, ...] = ()
    stride: int = 1
    goal: GoalKind = "window_end"
    pace: Pace = "time"
    grid: tuple[int, int] | None = None
    split: Split = "train"
    held_out_share: float = 0.05
    split_block: int = 20
    split_seed: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("dim", self.dim, (2, 4)),
            ("windows", self.windows, get_args(WindowKind)),
            ("goal", self.goal, get_args(GoalKind)),
            ("pace", self.pace, get_args(Pace)),
            ("split", self.split, get_args(Split)),
        ):
            check_choice(name, value, allowed)
        for name, number, least in (
            ("horizon", self.horizon, 2),
            ("dim", self.dim, 2),
            *(("lengths", length, 1) for length in self.lengths),
            ("stride", self.stride, 1),
            ("split_block", self.split_block, 1),
            ("split_seed", self.split_seed, 0),
            ("seed", self.seed, 0),
        ):
            check_integer(name, number, least=least)
        if self.grid is not None:
            if len(self.grid) != 2:
                raise ValueError(f"grid must be (rows, cols), found {self.grid}")
            for side in self.grid:
                check_integer("grid", side)
        if self.lengths and self.windows == "episode":
            raise ValueError(f"lengths must be left out for whole episodes, found {self.lengths}")
        if self.stride != 1 and self.windows != "random":
            raise ValueError(f"stride must be 1 for windows {self.windows!r}, found {self.stride}")
        if not 0.0 <= self.held_out_share < 1.0:
            raise ValueError(f"held_out_share must lie in [0, 1), found {self.held_out_share}")

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps of windows that are no whole episodes."""
        return self.lengths or (self.horizon - 1,)
