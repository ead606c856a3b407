"""From a maze with a start and a goal to features of its cells.

What depends on the condition alone is computed here, once a plan: convolutions over walls and signed distance, value
iteration from both ends (`anchordiff.domains.maze.value_iteration`), convolutions over what it found, and the keys and
values that trajectories attend to. Space is kept throughout: nothing is pooled.
"""

import math
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.config import OFFSET_OCTAVES, MazeEncoderConfig
from anchordiff.domains.maze.judge import MazeJudge
from anchordiff.domains.maze.value_iteration import ValueIteration
from anchordiff.kernels.grid.cell_features import Cells, look_up
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.fourier import fourier_features, fourier_size
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Floats, Look, Scene
from anchordiff.states import StateSpace

_FRACTION_OCTAVES = 5
_POSITION_OCTAVES = 4
_AXIS_SIZE = fourier_size(2, octaves=_POSITION_OCTAVES)
_SQUASH = 10.0  # cells: the scale at which distances are squashed into features


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MazeScene(Scene):
    """A maze with a start and a goal, as networks see it.

    `keys` and `values` are those of the cells, row by row (no channels where the encoder has no attention); `scalars`
    the way from start to goal over the reach of the states, and its length. Local features are those of the cell that
    holds a position, and where in it the position lies.

    Attributes:
        cells: features of each cell, row by row.
        distances: estimated distance of each cell to the start and to the goal, in cells (no channels where the encoder
            has no value iteration).
        start: `(x, y)` in cells.
        goal: `(x, y)` in cells.
        rows: rows of the maze.
        cols: columns of the maze.
        states: what a state of the trajectories holds.
    """

    cells: Float[Tensor, "batch cells channels"]
    distances: Float[Tensor, "batch ends rows cols"]
    start: Float[Tensor, "batch 2"]
    goal: Float[Tensor, "batch 2"]
    rows: int
    cols: int
    states: StateSpace

    def frame(self, times: Float[Tensor, "samples steps"], *, horizon: int) -> Frame:
        """Start and goal are known, and where they are one place, all steps; see `Scene.frame`."""
        copies = self.copies_in(len(times), "times")
        start, goal = self.start, self.goal
        if copies > 1:
            start, goal = start.repeat_interleave(copies, dim=0), goal.repeat_interleave(copies, dim=0)
        frame = Frame.bridge(start, goal, times, states=self.states, horizon=horizon)
        moves = (start != goal).any(dim=1)[:, None, None]
        return replace(frame, spread=frame.spread * moves)

    def length(self) -> Float[Tensor, " batch"] | None:
        """Estimated distance from the start's cell to the goal's; see `Scene.length`."""
        if self.distances.shape[1] == 0:
            return None
        goals = self.cell_index(self.goal[:, None])
        found: Tensor = self.distances[:, 0].flatten(1).gather(1, goals)[:, 0]
        return found

    def cell_index(self, positions: Float[Tensor, "batch points 2"]) -> Int[Tensor, "batch points"]:
        """Flat index of the cell that holds each position; positions outside take the nearest cell."""
        # Truncation rounds up below zero, which the clamp undoes.
        col, row = positions.long().unbind(dim=-1)
        return torch.add(col.clamp(0, self.cols - 1), row.clamp(0, self.rows - 1), alpha=self.cols)

    def look(self, states: Float[Tensor, "samples steps dim"]) -> Float[Tensor, "samples steps features"]:
        """Features of the cells that hold the positions, with where in its cell each position lies."""
        positions = states[..., :2]
        batch, cells, channels = self.cells.shape
        samples, points, _ = positions.shape
        index = self.cell_index(positions).reshape(batch, -1)
        if batch > 1:
            index = index + cells * torch.arange(batch, device=index.device)[:, None]
        found = self.cells.reshape(batch * cells, channels).index_select(0, index.reshape(-1))
        offsets = fourier_features(2 * (positions - positions.floor()) - 1, octaves=OFFSET_OCTAVES)
        return torch.cat([found.view(samples, points, channels), offsets], dim=-1)

    def compiled_look(self, frame: Frame | None, shape: tuple[int, int, int]) -> Look:
        """`look` by a kernel; see `Scene.compiled_look`."""
        if frame is None:
            origin, scale = self.cells.new_zeros(shape), self.cells.new_ones(shape[2])
        else:
            origin, scale = frame.origin, frame.scale
        cells = Cells(
            features=self.cells.contiguous().numpy(),
            origin=origin.contiguous().numpy(),
            scale=scale.numpy(),
            cols=self.cols,
            octaves=OFFSET_OCTAVES,
        )

        def look(estimate: Floats) -> Floats:
            return look_up(estimate, cells)

        return look


class _PlanBlock(nn.Module):
    """A residual block over cells with their features last, narrower inside."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, hidden, kernel_size=3, padding=1)
        self.second = nn.Conv2d(hidden, channels, kernel_size=3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.gelu(self.first(functional.gelu(x).permute(0, 3, 1, 2)))
        out: Tensor = x + self.second(inner).permute(0, 2, 3, 1)
        return out


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(functional.gelu(self.first(functional.gelu(x))))
        return out


@final
class MazeEncoder(Encoder[MazeCondition, MazeScene]):
    """Encode a `MazeCondition` into a `MazeScene`; works for any number of rows and columns.

    Raises:
        ValueError: if positions are not (x, y).
    """

    condition_type = MazeCondition

    def __init__(self, config: MazeEncoderConfig, states: StateSpace) -> None:
        super().__init__(config, states)
        if states.positions != 2 or states.wraps:
            raise ValueError(f"states must have the positions (x, y), found {states}")
        self.sizes = config
        channels = config.map_channels
        self.stem = nn.Conv2d(2, channels, kernel_size=3)
        self.blocks = nn.Sequential(*(_ResidualBlock(channels) for _ in range(config.convolution_blocks)))
        plan_size = 0
        if config.value_iteration:
            self.value_iteration = ValueIteration(2, farthest=config.farthest)
            plan_size = 6 + fourier_size(1, octaves=self._fraction_octaves)
        hidden = config.cell_channels
        self.mix_features = nn.Linear(channels + plan_size, hidden)
        self.mix_position = nn.Linear(2 * _AXIS_SIZE, hidden, bias=False)
        self.plan_blocks = nn.ModuleList(_PlanBlock(hidden, channels) for _ in range(config.plan_blocks))
        self.to_cells = nn.Linear(hidden, hidden)
        if config.attention_channels:
            self.to_keys_values = nn.Linear(config.cell_channels, 2 * config.attention_channels)

    def judge(self) -> MazeJudge:
        """The shortest way that is free of collisions."""
        return MazeJudge()

    def forward(self, condition: MazeCondition) -> MazeScene:
        """Encode each maze of the batch with its start and goal."""
        batch, rows, cols = condition.walls.shape
        walls = functional.pad(condition.walls.float(), (1, 1, 1, 1), value=1.0)
        sdf = functional.pad(torch.tanh(condition.sdf / 2), (1, 1, 1, 1), value=-0.5)
        # With channels last, a cell's features lie side by side from the first convolution on.
        padded = torch.stack([walls, sdf], dim=-1).permute(0, 3, 1, 2)
        features = self.blocks(self.stem(padded))
        parts = [features.permute(0, 2, 3, 1).flatten(1, 2)]
        distances = features.new_zeros(batch, 0, rows, cols)
        if self.sizes.value_iteration:
            ends = torch.stack([condition.start, condition.goal], dim=1).long()
            sources = ends[..., 1] * cols + ends[..., 0]
            distances = self.value_iteration(padded, sources)
            parts.append(self._plan_features(distances, sources))
        mixed = self.mix_features(torch.cat(parts, dim=-1)).unflatten(1, (rows, cols))
        for_x, for_y = self._embed_positions(condition)
        mixed = mixed.add_(for_y[:, :, None]).add_(for_x[:, None, :])
        for block in self.plan_blocks:
            mixed = block(mixed)
        mixed = mixed.flatten(1, 2)
        cells = self.to_cells(functional.gelu(mixed))
        keys = values = cells.new_zeros(batch, 0, rows * cols, 0)
        if self.sizes.attention_channels:
            both = self.to_keys_values(cells).unflatten(-1, (2, self.sizes.attention_heads, -1))
            keys, values = both.permute(2, 0, 3, 1, 4).unbind()
        # The weights' dtype also under autocast, so that an encoding can be used outside it.
        dtype = self.to_cells.weight.dtype
        way = (condition.goal - condition.start) / self.states.reach
        scalars = [way, way.norm(dim=-1, keepdim=True)]
        if self.sizes.tells_length:
            scalars.append(_log(_shortest(distances, sources)[:, 0], self.sizes.farthest))
        return MazeScene(
            keys=keys.to(dtype), values=values.to(dtype),
            scalars=torch.cat(scalars, dim=-1),
            cells=cells.to(dtype), distances=distances.to(dtype), start=condition.start, goal=condition.goal,
            rows=rows, cols=cols, states=self.states,
        )  # fmt: skip

    @property
    def _fraction_octaves(self) -> int:
        """Enough to tell apart two cells of the longest way."""
        return (
            math.ceil(math.log2(self.sizes.farthest)) - 1 if self.sizes.log_distances else _FRACTION_OCTAVES
        )

    def _plan_features(
        self, distances: Float[Tensor, "batch ends rows cols"], sources: Int[Tensor, "batch ends"]
    ) -> Float[Tensor, "batch cells features"]:
        """Where a cell lies between the ends, and how much longer a path through it is than the shortest."""
        from_start, to_goal = distances.flatten(2).unbind(dim=1)
        farthest = self.sizes.farthest
        shortest = _shortest(distances, sources)[:, 0].clamp(max=farthest)
        detour = (from_start + to_goal - shortest).clamp(min=0.0)
        fraction = from_start / (from_start + to_goal + 1e-3)
        scalars = [torch.exp(-2 * detour), torch.exp(-detour / 2), torch.tanh(detour / _SQUASH)]
        if self.sizes.log_distances:
            scalars += [_log(from_start, farthest), _log(to_goal, farthest)]
            scalars.append(_log(shortest, farthest).expand_as(detour))
        else:
            scalars += [torch.tanh(from_start / _SQUASH), torch.tanh(to_goal / _SQUASH)]
            scalars.append(torch.tanh(shortest / (2 * _SQUASH)).expand_as(detour))
        waves = fourier_features(fraction[..., None], octaves=self._fraction_octaves)
        return torch.cat([torch.stack(scalars, dim=-1), waves], dim=-1)

    def _embed_positions(
        self, condition: MazeCondition
    ) -> tuple[Float[Tensor, "batch cols channels"], Float[Tensor, "batch rows channels"]]:
        """Where each cell lies relative to start and goal, along each axis apart."""
        _, rows, cols = condition.walls.shape
        for_x, for_y = self.mix_position.weight.chunk(2, dim=1)
        reach = self.states.reach
        x = functional.linear(_axis_features(condition, axis=0, count=cols, reach=reach), for_x)
        y = functional.linear(_axis_features(condition, axis=1, count=rows, reach=reach), for_y)
        return x, y


def _axis_features(
    condition: MazeCondition, *, axis: int, count: int, reach: float
) -> Float[Tensor, "batch count features"]:
    centres = torch.arange(count, dtype=torch.float32, device=condition.start.device) + 0.5
    ends = torch.stack([condition.start[:, axis], condition.goal[:, axis]], dim=-1)
    relative = (centres[None, :, None] - ends[:, None, :]) / reach
    return fourier_features(relative, octaves=_POSITION_OCTAVES)


def _shortest(
    distances: Float[Tensor, "batch ends rows cols"], sources: Int[Tensor, "batch ends"]
) -> Float[Tensor, "batch 1 1"]:
    """Estimated distance from start to goal, in cells."""
    return distances[:, :1].flatten(2).gather(2, sources[:, None, 1:])


def _log(distances: Tensor, farthest: float) -> Tensor:
    return torch.log1p(distances) / math.log1p(farthest)
