"""A cache of particle samples on disk, in shards: filled by any number of processes, read in any order."""

import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Int64
from tqdm import tqdm

from anchordiff.configs import config_to_json
from anchordiff.data.indexed import IndexedDataset
from anchordiff.domains.maze.data.batch import ParticleBatch, make_batch
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.domains.maze.data.particle import ParticleMazeDataset
from anchordiff.domains.maze.data.shard_files import Arrays, Place, pack, read_shard
from anchordiff.errors import CorruptFileError
from anchordiff.files import claimed, publish
from anchordiff.kernels.grid.distance import signed_distances
from anchordiff.progress import progress_bar

_PATTERN = "shard-?????-of-?????.safetensors"
_CHUNK = 1024
_WAIT = 0.05
_MAX_OPEN = 256


def write_shards(
    dataset: ParticleMazeDataset,
    folder: str | Path,
    *,
    shard_size: int = 16384,
    rebuild: bool = False,
    progress: bool | None = None,
) -> int:
    """Write a data set's samples to shards, each whole or not there; go on where an earlier call stopped.

    Several processes may fill one folder at once: each takes shards that nobody else is at, and all return
    when the cache is whole. A process that is killed loses the shard that it was making, no other.

    Args:
        dataset: a data set with a size.
        folder: where the shards go; made if need be.
        shard_size: samples a shard.
        rebuild: replace shards that are corrupt or were made by another config, instead of raising.
        progress: show a progress bar; None shows it on a terminal only.

    Returns:
        How many shards this call made.

    Raises:
        ValueError: if `dataset` is endless, or the folder holds another cache's shard, which is named.
        CorruptFileError: if a shard in the folder is corrupt; the message names it.

    Example:
        >>> import tempfile
        >>> dataset = ParticleMazeDataset(size=10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = write_shards(dataset, folder, shard_size=4)
        ...     made, len(ShardedParticleDataset(folder))
        (3, 10)
    """
    if dataset.size is None:
        raise ValueError("dataset must have a size to be written, found an endless one")
    if shard_size < 1:
        raise ValueError(f"shard_size must be at least 1, found {shard_size}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    first = Place(size=dataset.size, shard_size=shard_size, number=0)
    places = [replace(first, number=number) for number in range(first.shards)]
    names = {place.name for place in places}
    for path in sorted(folder.glob(_PATTERN)):
        if path.name not in names:
            raise ValueError(f"folder must be empty or hold this cache, found {path} of another one")
    made = 0
    with progress_bar(folder.name, "sample", total=dataset.size, shown=progress) as bar:
        while places:
            waiting = []
            for place in places:
                path = folder / place.name
                if _is_done(path, place, dataset.config, rebuild=rebuild):
                    bar.update(len(place.indices))
                    continue
                with claimed(path) as file:
                    # Looked at again: it may have been finished just before the claim.
                    if file is None or _is_done(path, place, dataset.config, rebuild=rebuild):
                        waiting.append(place)
                        continue
                    publish(file, path, pack(dataset.config, place, _make_arrays(dataset.config, place, bar)))
                    made += 1
            if len(waiting) == len(places):
                time.sleep(_WAIT)
            places = waiting
    return made


class ShardedParticleDataset(IndexedDataset[ParticleBatch]):
    """The samples that `write_shards` wrote, equal to those of the data set that made them.

    All shards are checked when the data set is opened; samples are then read from mapped files, whose pages
    all workers share. See `IndexedDataset` for ways to read it.

    Args:
        folder: where the shards are.
        config: the config that the shards must have been made by; None takes theirs.
        rebuild: make anew what is missing, corrupt or made by another config, instead of raising.
        geodesic: whether batches carry the distances along the grid.

    Raises:
        FileNotFoundError: if there are no shards or one is missing; the message names it.
        CorruptFileError: if a shard is cut short or altered; the message names it.
        ValueError: if a shard was made by another config; the message names it and what differs.
    """

    def __init__(
        self,
        folder: str | Path,
        config: ParticleMazeConfig | None = None,
        *,
        rebuild: bool = False,
        geodesic: bool = False,
    ) -> None:
        self.folder = Path(folder)
        made_by, place = _first_whole(self.folder)
        if rebuild:
            source = ParticleMazeDataset(config or made_by, size=place.size)
            write_shards(source, self.folder, shard_size=place.shard_size, rebuild=True)
        self.config = config or made_by
        self.geodesic = geodesic
        self._first = replace(place, number=0)
        self._open: dict[int, Arrays] = {}
        for number in range(place.shards):
            self._shard(number)
        super().__init__(size=place.size, seed=self.config.seed, held_out=self.config.split == "held_out")

    def __getstate__(self) -> dict[str, object]:
        """What spawned workers get: not the samples, whose files they map for themselves."""
        return {**self.__dict__, "_open": {}}

    def _shard(self, number: int) -> Arrays:
        arrays = self._open.get(number)
        if arrays is None:
            place = replace(self._first, number=number)
            path = self.folder / place.name
            if not path.exists():
                raise FileNotFoundError(f"{path} is missing; write_shards or rebuild=True makes it")
            arrays = _read_checked(path, place, self.config)
            # Each mapped file takes a descriptor, so not all of a large cache stay open.
            if len(self._open) >= _MAX_OPEN:
                self._open.pop(next(iter(self._open)), None)
            self._open[number] = arrays
        return arrays

    def _make(self, indices: Int64[np.ndarray, " batch"]) -> ParticleBatch:
        numbers, places = np.divmod(indices, self._first.shard_size)
        taken: Arrays = {}
        for number in np.unique(numbers).tolist():
            chosen = numbers == number
            for name, array in self._shard(number).items():
                if name not in taken:
                    taken[name] = np.empty((len(indices), *array.shape[1:]), array.dtype)
                taken[name][chosen] = array[places[chosen]]
        rows, cols = self.config.rows, self.config.cols
        walls = np.unpackbits(taken["walls"], axis=1, count=rows * cols).view(np.bool_)
        walls = walls.reshape(-1, rows, cols)
        return make_batch(
            walls=walls,
            sdf=signed_distances(walls),
            start=taken["start"],
            goal=taken["goal"],
            positions=taken["positions"],
            dim=self.config.dim,
            geodesic=self.geodesic,
        )


def _first_whole(folder: Path) -> tuple[ParticleMazeConfig, Place]:
    """The config and the layout that the first whole shard states."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; write_shards makes one")
    damage: CorruptFileError | None = None
    for path in sorted(folder.glob(_PATTERN)):
        try:
            shard = read_shard(path)
        except CorruptFileError as error:
            damage = damage or error
            continue
        return shard.config, shard.place
    raise damage or FileNotFoundError(f"{folder} holds no shards; write_shards makes them")


def _read_checked(path: Path, place: Place, config: ParticleMazeConfig) -> Arrays:
    """A shard's arrays, once it is known to be the one that is expected here."""
    shard = read_shard(path)
    theirs, wanted = config_to_json(shard.config), config_to_json(config)
    found = [
        f"{name}={theirs[name]!r} instead of {wanted[name]!r}"
        for name in wanted
        if theirs[name] != wanted[name]
    ]
    if found:
        raise ValueError(f"{path} must be made by the given config, found {', '.join(found)}")
    if shard.place != place:
        raise ValueError(f"{path} must be {place}, found {shard.place}")
    return shard.arrays


def _is_done(path: Path, place: Place, config: ParticleMazeConfig, *, rebuild: bool) -> bool:
    if not path.exists():
        return False
    try:
        _read_checked(path, place, config)
    except (CorruptFileError, ValueError):
        if rebuild:
            return False
        raise
    return True


def _make_arrays(config: ParticleMazeConfig, place: Place, bar: "tqdm[NoReturn]") -> Arrays:
    source = ParticleMazeDataset(config)
    parts: dict[str, list[np.ndarray]] = {"walls": [], "start": [], "goal": [], "positions": []}
    for first in range(place.indices.start, place.indices.stop, _CHUNK):
        batch = source.batch(range(first, min(first + _CHUNK, place.indices.stop)))
        walls = batch.condition.walls.numpy()
        parts["walls"].append(np.packbits(walls.reshape(len(walls), -1), axis=1))
        parts["start"].append(batch.condition.start.numpy())
        parts["goal"].append(batch.condition.goal.numpy())
        parts["positions"].append(batch.trajectory[:, :, :2].numpy())
        bar.update(len(walls))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}
