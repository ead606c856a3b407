"""Writing generated data as a Minari data set."""

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from anchordiff.configs import Json
from anchordiff.domains.pointmaze.data.chunks import ChunkFolder, check_provenance
from anchordiff.domains.pointmaze.data.episodes import Stream
from anchordiff.domains.pointmaze.data.generation import GenerationConfig, describe, provenance
from anchordiff.domains.pointmaze.data.local_minari import (
    add_namespace,
    check_id,
    find_root,
    import_minari,
    minari_root,
)
from anchordiff.domains.pointmaze.data.rollout import Rollout
from anchordiff.domains.pointmaze.world import make_gymnasium
from anchordiff.files import claimed
from anchordiff.progress import progress_bar

PROVENANCE: Final = "anchordiff"
"""Key of a data set's metadata under which its provenance stands."""


@dataclass(frozen=True, kw_only=True)
class Generated:
    """A data set that `generate` made or found.

    Attributes:
        dataset_id: of Minari.
        path: folder of the data set.
        episodes: number of episodes.
        steps: number of steps.
        longest: steps of the longest episode.
        made: steps that this call simulated.
    """

    dataset_id: str
    path: Path
    episodes: int
    steps: int
    longest: int
    made: int


def generate(
    config: GenerationConfig,
    root: str | Path | None = None,
    *,
    dataset_id: str | None = None,
    progress: bool | None = None,
) -> Generated:
    """Make a Minari data set with MuJoCo, or go on where an earlier call stopped.

    The data set appears under its id when it is whole. Until then it grows in a hidden folder beside it, 20,000 steps
    at a time; a call that is stopped loses fewer than those, and the one that goes on ends with the same numbers as
    one that was not stopped. The simulator's versions must stay the same in between.

    Args:
        config: what decides the data.
        root: folder of Minari's data sets; Minari's own where none is given.
        dataset_id: of the data set; `config.dataset_id` where none is given.
        progress: show progress bars; None shows them on a terminal only.

    Raises:
        ValueError: if the id is none, the data set or its hidden folder is there but of another generation, or another
            process is at it.
        CorruptFileError: if a chunk was altered.
        MissingExtraError: if a package is missing.
    """
    made_by = provenance(config)
    dataset_id = dataset_id or config.dataset_id
    root = find_root(root)
    check_id(dataset_id)
    folder = root / dataset_id
    hidden = root / ".anchordiff" / dataset_id.replace("/", "__")
    if folder.exists():
        found = _found(folder, made_by, dataset_id)
        _tidy(root, hidden, dataset_id)
        return found
    hidden.mkdir(parents=True, exist_ok=True)
    with claimed(hidden / "lock") as file:
        if file is None:
            raise ValueError(
                f"dataset_id must be free, found another process making {dataset_id} in {hidden}"
            )
        chunks = ChunkFolder(path=hidden, steps=config.steps)
        chunks.open(made_by)
        stream, made = _simulate(config, chunks, progress=progress)
        _write(config, stream, hidden, dataset_id, made_by, progress=progress)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (hidden / "minari" / dataset_id).replace(folder)
    _tidy(root, hidden, dataset_id)
    return Generated(
        dataset_id=dataset_id,
        path=folder,
        episodes=len(stream.cuts) - 1,
        steps=config.steps,
        longest=int(np.diff(stream.cuts).max()),
        made=made,
    )


def _simulate(config: GenerationConfig, chunks: ChunkFolder, *, progress: bool | None) -> tuple[Stream, int]:
    done = chunks.done
    kept = [chunks.read(number) for number in range(done)]
    begun = sum(chunks.size(number) for number in range(done))
    rollout = Rollout(config)
    try:
        if kept:
            rollout.remember(kept[-1][2])
        parts = [chunk for chunk, _, _ in kept]
        first = kept[0][1] if kept else rollout.success
        with progress_bar("simulate", "step", total=config.steps, start=begun, shown=progress) as bar:
            for number in range(done, chunks.count):
                before = rollout.success
                parts.append(rollout.advance(chunks.size(number), bar.update))
                chunks.write(number, parts[-1], first=before, memory=rollout.memory())
        stream = Stream.join(parts, first=first, state=rollout.state, goal=rollout.goal)
    finally:
        rollout.close()
    return stream, config.steps - begun


def _write(
    config: GenerationConfig,
    stream: Stream,
    hidden: Path,
    dataset_id: str,
    made_by: dict[str, Json],
    *,
    progress: bool | None,
) -> None:
    minari = import_minari()
    staging = hidden / "minari"
    shutil.rmtree(staging, ignore_errors=True)
    episodes = len(stream.cuts) - 1
    environment, eval_environment = _environments(config)
    with progress_bar("write", "episode", total=episodes, shown=progress) as bar, minari_root(staging):
        buffers = (
            minari.data_collector.EpisodeBuffer(seed=config.seed if number == 0 else None, **fields)
            for number, fields in enumerate(_counted(stream, bar))
        )
        with warnings.catch_warnings():
            # Nobody's address and no link is claimed.
            warnings.filterwarnings("ignore", message=r"`(code_permalink|author_email)` is set to None")
            dataset = minari.create_dataset_from_buffers(
                dataset_id,
                buffers,
                env=environment,
                eval_env=eval_environment,
                algorithm_name=config.solver_name,
                author="anchordiff",
                description=describe(config),
                data_format="hdf5",
                requirements=[
                    f"gymnasium-robotics=={_version(made_by, 'gymnasium-robotics')}",
                    f"mujoco=={_version(made_by, 'mujoco')}",
                ],
            )
    environment.close()
    eval_environment.close()
    dataset.storage.update_episode_metadata(_returns(stream))
    dataset.storage.update_metadata({PROVENANCE: made_by})


def _environments(config: GenerationConfig) -> tuple[Any, Any]:
    """The environment of the data and, as Minari's scripts have it, one with the single task's goal."""
    maze = config.point_maze
    environment = make_gymnasium(
        maze, max_episode_steps=config.steps, continuing_task=True, reset_target=True
    )
    cells: list[list[int | str]] = [[int(wall) for wall in row] for row in maze.maze.walls]
    cells[maze.target_cell[0]][maze.target_cell[1]] = "g"
    return environment, make_gymnasium(
        maze, max_episode_steps=maze.steps, maze_map=cells, continuing_task=True, reset_target=False
    )


def _returns(stream: Stream) -> Iterator[dict[str, float]]:
    """What Minari's collector notes of each episode."""
    for episode in np.split(stream.rewards, stream.cuts[1:-1]):
        yield {
            f"rewards_{name}": float(getattr(episode, name)())
            for name in ("sum", "mean", "std", "max", "min")
        }


def _counted(stream: Stream, bar: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    for episode in stream.episodes():
        yield episode
        bar.update()


def _found(folder: Path, made_by: dict[str, Json], dataset_id: str) -> Generated:
    storage = import_minari().dataset.minari_storage.MinariStorage.read(folder / "data")
    metadata = storage.metadata
    check_provenance(metadata.get(PROVENANCE), made_by, where=folder)
    episodes = storage.get_episode_metadata(range(metadata["total_episodes"]))
    return Generated(
        dataset_id=dataset_id,
        path=folder,
        episodes=metadata["total_episodes"],
        steps=metadata["total_steps"],
        longest=max(int(episode["total_steps"]) for episode in episodes),
        made=0,
    )


def _tidy(root: Path, hidden: Path, dataset_id: str) -> None:
    add_namespace(root, dataset_id)
    shutil.rmtree(hidden, ignore_errors=True)
    if hidden.parent.exists() and not any(hidden.parent.iterdir()):
        hidden.parent.rmdir()


def _version(made_by: dict[str, Json], package: str) -> str:
    versions = made_by["versions"]
    assert isinstance(versions, dict)
    return str(versions[package])
