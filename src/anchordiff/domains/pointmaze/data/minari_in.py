"""Reading a Minari data set into flat arrays, once: what was read is kept in a cache."""

import hashlib
import os
import shlex
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np

from anchordiff.configs import Json
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.pointmaze.data.cache import load_recording, pack_recording
from anchordiff.domains.pointmaze.data.generation import Flavour, GenerationConfig, MazeName
from anchordiff.domains.pointmaze.data.local_minari import find_root, import_minari, minari_root
from anchordiff.domains.pointmaze.data.recording import Recording
from anchordiff.domains.pointmaze.world import POINT_MAZES
from anchordiff.files import write_whole
from anchordiff.progress import progress_bar


def default_cache() -> Path:
    """Where recordings are kept: anchordiff/pointmaze in the user's folder of caches."""
    # The rule of XDG: an empty variable is one that is not set.
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anchordiff" / "pointmaze"


def read_minari(
    dataset_id: str,
    *,
    root: str | Path | None = None,
    cache: str | Path | None = None,
    download: bool = False,
    progress: bool | None = None,
) -> Recording:
    """Read a PointMaze data set by its Minari id.

    Args:
        dataset_id: as "D4RL/pointmaze/medium-v2".
        root: folder of Minari data sets; Minari's own where none is given, which `MINARI_DATASETS_PATH` names.
        cache: folder of the cache; `default_cache()` where none is given.
        download: fetch the data set where it is not local.
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        FileNotFoundError: if there is no such data set, and it is not to be downloaded; the message says how to get it.
        ValueError: if it is no PointMaze data.
        CorruptFileError: if the cache was altered.
        MissingExtraError: if minari, h5py or Pillow is not installed.
    """
    minari = import_minari()
    folder = find_root(root)
    with minari_root(folder):
        try:
            dataset = minari.load_dataset(dataset_id, download=download)
        except FileNotFoundError as error:
            out = "" if root is None else f" --out {shlex.quote(str(root))}"
            raise FileNotFoundError(
                f"dataset_id must be of a data set in {folder}, found none of {dataset_id!r}; "
                f"{_way_to(dataset_id, out)}"
            ) from error
    source = _source(dataset)
    kept_in = Path(cache) if cache is not None else default_cache()
    place = hashlib.sha256(str(dataset.storage.data_path).encode()).hexdigest()[:8]
    path = kept_in / f"{dataset_id.replace('/', '__')}-{place}.safetensors"
    kept = load_recording(path, source)
    if kept is not None:
        return kept
    recording = _read(dataset, progress=progress)
    write_whole(path, pack_recording(recording, source))
    return recording


def _way_to(dataset_id: str, out: str) -> str:
    """How to get a data set that is not there."""
    for maze, flavour in product(get_args(MazeName), get_args(Flavour)):
        if GenerationConfig(maze=maze, flavour=flavour).dataset_id == dataset_id:
            return f"`anchordiff data pointmaze --maze {maze} --flavour {flavour}{out}` makes it"
    return f"`minari download {dataset_id}` fetches a published one, `anchordiff data pointmaze{out}` makes one anew"


def _source(dataset: Any) -> dict[str, Json]:  # noqa: ANN401
    files: dict[str, Json] = {}
    for file in sorted(Path(dataset.storage.data_path).iterdir()):
        status = file.stat()
        files[file.name] = [status.st_size, status.st_mtime_ns]
    return {
        "dataset_id": dataset.id,
        "minari_version": dataset.minari_version,
        "episodes": int(dataset.total_episodes),
        "steps": int(dataset.total_steps),
        "files": files,
    }


def _read(dataset: Any, *, progress: bool | None) -> Recording:  # noqa: ANN401
    maze = _find_maze(dataset)
    observations, actions, goals, starts, ends = [], [], [], [], []
    rows, last = 0, None
    for episode in progress_bar(
        dataset.id, "episode", over=dataset, total=dataset.total_episodes, shown=progress
    ):
        seen = _states(episode, dataset.id)
        desired = np.asarray(episode.observations["desired_goal"])
        if last is not None and np.array_equal(last, seen[0]):
            # The row is there already, as the end of the episode before; now a step is made from it.
            rows -= 1
            for parts in (observations, actions, goals):
                parts[-1] = parts[-1][:-1]
        last = seen[-1]
        observations.append(seen.astype(np.float32))
        actions.append(np.append(episode.actions, np.full((1, 2), np.nan), axis=0).astype(np.float32))
        # Observation 0 after a cut still shows the goal before.
        goals.append(np.append(desired[1:], desired[-1:], axis=0).astype(np.float32))
        starts.append(rows)
        rows += len(seen)
        ends.append(rows - 1)
    return Recording(
        maze=maze,
        observations=np.concatenate(observations),
        actions=np.concatenate(actions),
        goals=np.concatenate(goals),
        episode_starts=np.array(starts, np.int64),
        episode_ends=np.array(ends, np.int64),
    )


def _states(episode: Any, dataset_id: str) -> np.ndarray:  # noqa: ANN401
    seen = episode.observations
    parts = {"observation": 4, "achieved_goal": 2, "desired_goal": 2}
    found = {name: np.shape(seen[name]) for name in seen} if isinstance(seen, dict) else np.shape(seen)
    if not isinstance(seen, dict) or any(found.get(name, ())[1:] != (dim,) for name, dim in parts.items()):
        raise ValueError(
            f"{dataset_id} must hold PointMaze observations {parts}, found {found} in episode {episode.id}"
        )
    states: np.ndarray = seen["observation"]
    if np.shape(episode.actions) != (len(states) - 1, 2) or len(states) < 2:
        raise ValueError(
            f"{dataset_id} must hold one action of two axes between observations, found "
            f"{np.shape(episode.actions)} for {len(states)} observations in episode {episode.id}"
        )
    return states


def _find_maze(dataset: Any) -> Maze:  # noqa: ANN401
    """The maze that the environment's spec states; cells of 1 m around the origin, as PointMaze has them."""
    spec = dataset.env_spec
    if spec is None:
        raise ValueError(f"{dataset.id} must state its environment, found no env_spec")
    cells = spec.kwargs.get("maze_map")
    if cells is None:
        known = [maze for maze in POINT_MAZES.values() if maze.environment_id == spec.id]
        if not known:
            raise ValueError(f"{dataset.id} must state its maze, found no maze_map of {spec.id}")
        return known[0].maze
    walls = np.array([[cell == 1 for cell in row] for row in cells], bool)
    rows, cols = walls.shape
    return Maze(walls, cell_size=1.0, origin=(-cols / 2, rows / 2), flip_y=True)
