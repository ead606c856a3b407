"""Reading a Minari data set into flat arrays, once: what was read is kept in a cache.

A cache file holds the arrays, the maze, what they were read from (id, version, numbers of episodes and steps, sizes
and times of its files) and a SHA-256 of all of it. One that was read from something else is read anew.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tqdm import tqdm

from anchordiff.configs import Json
from anchordiff.data.pointmaze.local_minari import import_minari
from anchordiff.data.pointmaze.recording import Recording
from anchordiff.errors import CorruptFileError
from anchordiff.hub.folders import write_whole
from anchordiff.maze import Maze
from anchordiff.pointmaze import POINT_MAZES

_FORMAT: Final = "anchordiff pointmaze recording 1"
_ARRAYS: Final = ("observations", "actions", "goals", "episode_starts", "episode_ends")


@dataclass(frozen=True, kw_only=True)
class _Layout:
    text: str
    cell_size: float
    origin: tuple[float, float]
    flip_y: bool


def default_cache() -> Path:
    """Where recordings are kept: anchordiff/pointmaze in the user's folder of caches."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "anchordiff" / "pointmaze"


def read_minari(
    dataset_id: str,
    *,
    cache: str | Path | None = None,
    download: bool = False,
    progress: bool | None = None,
) -> Recording:
    """Read a PointMaze data set by its Minari id.

    Args:
        dataset_id: as "D4RL/pointmaze/medium-v2"; local, in `MINARI_DATASETS_PATH` or Minari's own folder.
        cache: folder of the cache; `default_cache()` where none is given.
        download: fetch the data set where it is not local.
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        FileNotFoundError: if there is no such data set, and it is not to be downloaded.
        ValueError: if it is no PointMaze data.
        CorruptFileError: if the cache was altered.
        MissingExtraError: if minari, h5py or Pillow is not installed.
    """
    dataset = import_minari().load_dataset(dataset_id, download=download)
    source = _source(dataset)
    folder = Path(cache) if cache is not None else default_cache()
    place = hashlib.sha256(str(dataset.storage.data_path).encode()).hexdigest()[:8]
    path = folder / f"{dataset_id.replace('/', '__')}-{place}.safetensors"
    kept = _load(path, source)
    if kept is not None:
        return kept
    recording = _read(dataset, progress=progress)
    write_whole(path, _pack(recording, source))
    return recording


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
    disable = None if progress is None else not progress
    for episode in tqdm(
        dataset, total=dataset.total_episodes, desc=dataset.id, unit="episode", disable=disable
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


def _pack(recording: Recording, source: Mapping[str, Json]) -> bytes:
    maze = recording.maze
    layout = _Layout(text=str(maze), cell_size=maze.cell_size, origin=maze.origin, flip_y=maze.flip_y)
    header = {
        "format": _FORMAT,
        "source": json.dumps(source, sort_keys=True),
        "maze": json.dumps(asdict(layout), sort_keys=True),
    }
    arrays = {name: np.ascontiguousarray(getattr(recording, name)) for name in _ARRAYS}
    return save(arrays, metadata={**header, "sha256": _digest(header, arrays)})


def _load(path: Path, source: Mapping[str, Json]) -> Recording | None:
    """What the cache holds of this source; none where it holds nothing, or something else.

    Raises:
        CorruptFileError: if the file was altered.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, "np") as file:
            header = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{path} is corrupt: {error}; remove it to read the data set anew") from error
    digest = header.pop("sha256", None)
    if digest != _digest(header, arrays):
        raise CorruptFileError(
            f"{path} is corrupt: its content does not match its SHA-256; remove it to read the data set anew"
        )
    if header.get("format") != _FORMAT or json.loads(header["source"]) != json.loads(json.dumps(source)):
        return None
    layout = _Layout(**json.loads(header["maze"]))
    walls = Maze.from_text(layout.text).walls
    x, y = layout.origin
    maze = Maze(walls, cell_size=layout.cell_size, origin=(x, y), flip_y=layout.flip_y)
    return Recording(maze=maze, **arrays)


def _digest(header: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(dict(header), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
