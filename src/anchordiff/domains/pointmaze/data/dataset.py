"""PointMaze data as training samples: windows of a recording, in cells, with the maze as their condition."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from anchordiff.data.indexed import IndexedDataset
from anchordiff.domains.maze.data.batch import ParticleBatch, make_batch
from anchordiff.domains.pointmaze.data.config import PointMazeConfig
from anchordiff.domains.pointmaze.data.filters import WindowFilter
from anchordiff.domains.pointmaze.data.measures import Measures
from anchordiff.domains.pointmaze.data.minari_in import read_minari
from anchordiff.domains.pointmaze.data.recording import Recording
from anchordiff.domains.pointmaze.data.splits import held_out_episodes
from anchordiff.domains.pointmaze.data.windows import Windows, find_windows
from anchordiff.kernels.grid.polyline import resample_batch


class PointMazeDataset(IndexedDataset[ParticleBatch]):
    """Windows of a recording; see `IndexedDataset` for ways to read it: by index, in a `DataLoader`, as a stream.

    Samples are what `ParticleMazeDataset` gives: a `ParticleBatch` in cells, so that training takes either. With the
    goal `env` the condition's goal is not the trajectory's end: windows `end` and `episode` end where the goal was
    touched, 0.45 m from it at most, `random` ones anywhere before.

    Args:
        recording: what the windows are pieces of.
        config: what decides the samples.
        keep: which windows are kept; all where none is given.
        geodesic: whether batches carry the distances along the grid.

    Raises:
        ValueError: if no window is left, or the maze does not fit into `config.grid`.
    """

    def __init__(
        self,
        recording: Recording,
        config: PointMazeConfig | None = None,
        *,
        keep: WindowFilter | None = None,
        geodesic: bool = False,
    ) -> None:
        self.recording = recording
        self.config = config or PointMazeConfig()
        self.keep = keep
        self.geodesic = geodesic
        grid = self.config.grid
        maze = recording.maze if grid is None else recording.maze.padded(*grid)
        self._walls, self._sdf = maze.walls, maze.sdf
        self._positions = recording.maze.from_world(recording.observations[:, :2])
        self.windows = self._find_windows()
        super().__init__(
            size=len(self.windows), seed=self.config.seed, held_out=self.config.split == "held_out"
        )

    @classmethod
    def from_minari(
        cls,
        dataset_id: str,
        config: PointMazeConfig | None = None,
        *,
        keep: WindowFilter | None = None,
        geodesic: bool = False,
        root: str | Path | None = None,
        cache: str | Path | None = None,
        download: bool = False,
        progress: bool | None = None,
    ) -> "PointMazeDataset":
        """Windows of a Minari data set; see `read_minari`.

        Args:
            dataset_id: as "D4RL/pointmaze/medium-v2".
            config: what decides the samples.
            keep: which windows are kept; all where none is given.
            geodesic: whether batches carry the distances along the grid.
            root: folder of Minari data sets; Minari's own where none is given.
            cache: folder of the cache of what was read.
            download: fetch the data set where it is not local.
            progress: show a progress bar while reading; None shows it on a terminal only.
        """
        recording = read_minari(dataset_id, root=root, cache=cache, download=download, progress=progress)
        return cls(recording, config, keep=keep, geodesic=geodesic)

    def measures(self) -> Measures:
        """The measures of the windows that were kept."""
        return Measures(self.recording, self.windows, self._goals(self.windows).astype(np.float64))

    def _find_windows(self) -> Windows:
        config = self.config
        held_out = held_out_episodes(
            len(self.recording),
            share=config.held_out_share,
            block=config.split_block,
            seed=config.split_seed,
        )
        chosen = held_out if config.split == "held_out" else ~held_out
        windows = find_windows(
            self.recording, chosen, kind=config.windows, lengths=config.steps, stride=config.stride
        )
        if not len(windows):
            raise ValueError(
                f"windows must fit into the {int(chosen.sum())} episodes of split {config.split!r}, of which "
                f"{int((chosen & self.recording.reached).sum())} reached their goal, found none of "
                f"kind {config.windows!r} with {', '.join(map(str, config.steps))} steps"
            )
        if self.keep is None:
            return windows
        goals = self._goals(windows).astype(np.float64)
        kept = windows.where(self.keep.keeps(Measures(self.recording, windows, goals)))
        if not len(kept):
            raise ValueError(f"keep must leave a window, found none of {len(windows)} kept by {self.keep!r}")
        return kept

    def _goals(self, windows: Windows) -> Float32[np.ndarray, "windows 2"]:
        if self.config.goal == "window_end":
            ends: np.ndarray = self._positions[windows.last]
            return ends
        # The goal that the last step was made for.
        return self.recording.maze.from_world(self.recording.goals[windows.last - 1])

    def _make(self, indices: Int64[np.ndarray, " batch"]) -> ParticleBatch:
        windows = Windows(first=self.windows.first[indices], last=self.windows.last[indices])
        place = self._along_arc if self.config.pace == "arc" else self._along_time
        positions = place(windows)
        return make_batch(
            walls=np.repeat(self._walls[None], len(indices), axis=0),
            sdf=np.repeat(self._sdf[None], len(indices), axis=0),
            start=positions[:, 0].copy(),
            goal=self._goals(windows),
            positions=positions,
            dim=self.config.dim,
            geodesic=self.geodesic,
        )

    def _along_time(self, windows: Windows) -> Float32[np.ndarray, "batch horizon 2"]:
        """Points at equal times, interpolated between rows where they do not fall on them."""
        times: Float64[np.ndarray, " horizon"] = np.linspace(0.0, 1.0, self.config.horizon)
        steps = (windows.last - windows.first)[:, None]
        place = times * steps
        # So that a product one rounding off a whole number is that number.
        place = np.where(np.abs(place - np.rint(place)) < 1e-9, np.rint(place), place)
        row = np.minimum(place.astype(np.int64), steps - 1)
        weight = (place - row)[..., None].astype(np.float32)
        before = self._positions[windows.first[:, None] + row]
        after = self._positions[windows.first[:, None] + row + 1]
        points: np.ndarray = np.where(weight == 1.0, after, before + weight * (after - before))
        return points

    def _along_arc(self, windows: Windows) -> Float32[np.ndarray, "batch horizon 2"]:
        """Points at equal steps of arc length."""
        counts = windows.last - windows.first + 1
        offsets = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(offsets[-1]) + np.repeat(windows.first - offsets[:-1], counts)
        return resample_batch(self._positions[rows], offsets, self.config.horizon)
