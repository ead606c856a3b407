"""What a plan through a maze is for: walls, a start and a goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Bool, Float

from anchordiff.checks import check_integer
from anchordiff.conditions import ArrayLike, Condition, Legs, as_tensor
from anchordiff.domains.maze.maze import Maze
from anchordiff.kernels.grid.distance import signed_distances
from anchordiff.tensors import check_tensor


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MazeCondition(Condition):
    """Go from `start` to `goal` without touching a wall.

    Attributes:
        walls: True where a cell is blocked; outside the grid all is wall.
        sdf: signed distance of each cell to the nearest cell of the other kind, in cells, negative in walls.
        start: first position `(x, y)`, in cells.
        goal: last position `(x, y)`, in cells.
        way_points: positions to go through in turn, exactly; none for a way that has none. See `through`.
        way_steps: at which steps; none leaves it to the pipeline.
    """

    walls: Bool[torch.Tensor, "batch rows cols"]
    sdf: Float[torch.Tensor, "batch rows cols"]
    start: Float[torch.Tensor, "batch 2"]
    goal: Float[torch.Tensor, "batch 2"]
    way_points: Float[torch.Tensor, "batch points 2"] | None = None
    way_steps: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("walls", "sdf", "start", "goal"):
            if not isinstance(value := getattr(self, name), torch.Tensor):
                raise ValueError(
                    f"{name} must be a tensor (MazeCondition.from_arrays takes arrays), found {type(value).__name__}"
                )

    @classmethod
    def from_arrays(cls, walls: ArrayLike, start: ArrayLike, goal: ArrayLike) -> "MazeCondition":
        """Check arrays and compute the signed distance.

        Args:
            walls: boolean, shape (batch, rows, cols); NumPy or torch.
            start: floating point, shape (batch, 2), `(x, y)` in cells.
            goal: as `start`.

        Raises:
            ValueError: if a shape or dtype is wrong, the tensors sit on different devices, or an end is not
                finite, outside the maze, inside a wall or on its edge; the message names the element.
        """
        grid, first, last = (
            as_tensor(name, array) for name, array in (("walls", walls), ("start", start), ("goal", goal))
        )
        _check_walls(grid)
        # As networks see them: rounding may have put them on the edge of a wall.
        ends = {
            name: end.to(torch.float32) if end.is_floating_point() else end
            for name, end in (("start", first), ("goal", last))
        }
        _check_ends(grid, **ends)
        grid = grid.clone()  # distances would not follow what is written into it
        distances = torch.from_numpy(signed_distances(grid.cpu().numpy())).to(grid.device)
        return cls(walls=grid, sdf=distances, start=ends["start"], goal=ends["goal"])

    @classmethod
    def make(cls, *parts: Any) -> "MazeCondition":  # noqa: ANN401
        """A condition from one maze with one or several starts and goals.

        Args:
            *parts: a `Maze`, or its walls (rows, cols) as booleans or as zeros and ones; a start, a goal: `(x, y)` in
                cells, or (n, 2) for n conditions; numbers of any kind.

        Raises:
            ValueError: as `from_arrays`.

        Example:
            >>> from anchordiff.domains.maze import Maze
            >>> len(MazeCondition.make(Maze.from_text("....."), (0.5, 0.5), [(2, 0.5), (4.5, 0.5)]))
            2
        """
        if len(parts) != 3:
            told = ", ".join(type(part).__name__ for part in parts)
            raise ValueError(
                f"condition must be a MazeCondition, or a maze, a start and a goal, found {told}"
            )
        walls = parts[0].walls if isinstance(parts[0], Maze) else _as_array("maze", parts[0])
        if walls.ndim != 2 or walls.dtype.kind not in "biu" or not np.isin(walls, (0, 1)).all():
            raise ValueError(
                "maze must be a Maze, or walls (rows, cols) of booleans or of 0 and 1, "
                f"found {walls.dtype} {walls.shape}"
            )
        ends = [
            np.atleast_2d(_as_array(name, end, np.float64))
            for name, end in zip(("start", "goal"), parts[1:], strict=True)
        ]
        count = max(map(len, ends))
        ends = [np.repeat(end, count, axis=0) if len(end) == 1 else end for end in ends]
        return cls.from_arrays(np.repeat(walls.astype(bool)[None], count, axis=0), *ends)

    def through(self, points: ArrayLike, steps: Sequence[int] | None = None) -> "MazeCondition":
        """The same, but through way points, which every trajectory meets exactly.

        Args:
            points: `(x, y)` in cells, shape (batch, points, 2), or (points, 2) for all.
            steps: at which steps of a call's horizon; if left out, each leg has a horizon of its own.

        Raises:
            ValueError: if a point is not finite, outside the maze, inside a wall or on its edge, or there are not as
                many steps as points.

        Example:
            >>> from anchordiff.domains.maze import Maze
            >>> condition = MazeCondition.make(Maze.from_text("....."), (0.5, 0.5), (4.5, 0.5))
            >>> condition.through(torch.tensor([[2.5, 0.5]])).legs().conditions.start.tolist()
            [[0.5, 0.5], [2.5, 0.5]]
        """
        given = as_tensor("points", points).to(torch.float32)
        given = given.expand(len(self), -1, -1) if given.ndim == 2 else given
        new = replace(
            self,
            way_points=given.to(self.walls.device),
            way_steps=None if steps is None else tuple(steps),
        )
        new.check()
        return new

    def legs(self) -> Legs | None:
        """From the start through the way points to the goal; see `Condition.legs`."""
        if self.way_points is None:
            return None
        states = torch.cat([self.start[:, None], self.way_points, self.goal[:, None]], dim=1)
        count = states.shape[1] - 1
        return Legs(
            conditions=MazeCondition(
                walls=self.walls.repeat_interleave(count, dim=0),
                sdf=self.sdf.repeat_interleave(count, dim=0),
                start=states[:, :-1].flatten(0, 1),
                goal=states[:, 1:].flatten(0, 1),
            ),
            count=count,
            steps=self.way_steps,
        )

    def check(self) -> None:
        """Check a condition that was built from tensors directly, by the rules of `from_arrays`.

        Raises:
            ValueError: as `from_arrays`; also if `sdf` does not fit `walls`, or a field is not float32.
        """
        _check_walls(self.walls)
        _check_ends(self.walls, start=self.start, goal=self.goal)
        self._check_way_points()
        for name, values in (("sdf", self.sdf), ("start", self.start), ("goal", self.goal)):
            if values.dtype != torch.float32:
                raise ValueError(
                    f"{name} must be float32 (MazeCondition.from_arrays converts), found {values.dtype}"
                )
        if self.sdf.shape != self.walls.shape:
            raise ValueError(
                f"sdf must have the shape of walls {tuple(self.walls.shape)}, found {tuple(self.sdf.shape)}"
            )
        if self.sdf.device != self.walls.device:
            raise ValueError(f"sdf must be on {self.walls.device}, where walls is; found {self.sdf.device}")
        if not torch.isfinite(self.sdf).all():
            raise ValueError("sdf must be finite, found NaN or infinity")

    def _check_way_points(self) -> None:
        points, steps = self.way_points, self.way_steps
        if points is None:
            if steps is not None:
                raise ValueError(f"way_steps must be left out without way_points, found {steps}")
            return
        if points.ndim != 3 or points.shape[0] != len(self.walls) or not points.shape[1]:
            raise ValueError(
                f"way_points must have the shape ({len(self.walls)}, at least 1, 2), found {tuple(points.shape)}"
            )
        for number, point in enumerate(points.unbind(dim=1)):
            _check_ends(self.walls, **{f"way_points[:, {number}]": point})
        if steps is not None:
            if len(steps) != points.shape[1]:
                raise ValueError(
                    f"way_steps must be {points.shape[1]}, one for each way point, found {len(steps)}"
                )
            for step in steps:
                check_integer("way_steps", step)


def _as_array(name: str, value: Any, dtype: type[np.float64] | None = None) -> np.ndarray:  # noqa: ANN401
    if isinstance(value, torch.Tensor):
        check_tensor(name, value, "...", "any")
        value = value.detach().cpu()
    try:
        return np.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, found {value!r}") from error


def _check_walls(walls: torch.Tensor) -> None:
    if walls.ndim != 3 or 0 in walls.shape:
        raise ValueError(f"walls must have the shape (batch, rows, cols), found {tuple(walls.shape)}")
    if walls.dtype != torch.bool:
        raise ValueError(f"walls must be boolean (True where blocked), found {walls.dtype}")


def _check_ends(walls: torch.Tensor, **ends: torch.Tensor) -> None:
    batch, rows, cols = walls.shape
    for name, points in ends.items():
        if points.shape != (batch, 2):
            raise ValueError(f"{name} must have the shape ({batch}, 2), found {tuple(points.shape)}")
        if not points.is_floating_point():
            raise ValueError(f"{name} must be floating point (x, y) in cells, found {points.dtype}")
        if points.device != walls.device:
            raise ValueError(f"{name} must be on {walls.device}, where walls is; found {points.device}")
    # In NumPy: a plan alone is so short that a dozen calls into torch would be a part of it.
    positions = torch.stack(list(ends.values())).detach().cpu().double().numpy()
    inside = np.all((positions > 0) & (positions < (cols, rows)), axis=2)  # false for NaN
    # The cells on both sides of a position: two only where it lies on the line between them.
    sides = np.where(inside[..., None], [np.ceil(positions) - 1, np.floor(positions)], 0).astype(int)
    touched = walls.cpu().numpy()[np.arange(batch), sides[:, None, ..., 1], sides[..., 0]]
    blocked = touched.any(axis=(0, 1))
    if (inside & ~blocked).all():
        return
    for name, own, within, stuck in zip(ends, positions, inside, blocked, strict=True):
        _raise_first(name, own, ~np.isfinite(own).all(axis=1), "must be finite")
        _raise_first(name, own, ~within, f"must lie inside the maze of {cols} x {rows} cells (x, y)")
        _raise_first(name, own, stuck, "must be in free cells, not in a wall or on its edge")


def _raise_first(name: str, points: np.ndarray, bad: np.ndarray, rule: str) -> None:
    if bad.any():
        element = int(bad.argmax())
        x, y = points[element].tolist()
        raise ValueError(f"{name}[{element}] {rule}, found ({x:.2f}, {y:.2f})")
