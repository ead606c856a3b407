"""Reading Minari data sets: any whose observations are numbers.

A state is made of an observation's parts after one another, each flattened row by row. Parts of a dictionary of
observations are taken in the order of `keys`; parts of a key that is a dictionary itself, and all parts where no keys
are given, in the alphabetical order of their paths ("achieved_goal", "observation/hand", "observation/head", …).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from anchordiff.domains.vector.data.episodes import Episodes
from anchordiff.errors import MissingExtraError
from anchordiff.progress import progress_bar


def read_minari(
    dataset_id: str,
    *,
    keys: tuple[str, ...] = (),
    actions: bool = False,
    download: bool = False,
    progress: bool | None = None,
) -> Episodes:
    """Read a data set by its id, from the folder that Minari reads (`MINARI_DATASETS_PATH` names another).

    An episode of n steps has n + 1 observations, and so many states. With actions it has n: each observation is
    followed by the action that was taken there, and the last one, where none was, is left out.

    Args:
        dataset_id: as "D4RL/door/human-v2".
        keys: parts of a dictionary of observations, nested ones by a path ("observation/hand"); all if left out. Parts
            that are not asked for may be of any space.
        actions: append the action that was taken to each state; a dictionary of them in the order of its paths.
        download: fetch the data set where it is not local.
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        FileNotFoundError: if there is no such data set, and it is not to be downloaded.
        ValueError: if a key is unknown, a part is no Box of numbers, or an episode does not fit the spaces.
        MissingExtraError: if minari, or what it stores data with, is not installed.
    """
    minari = _import_minari()
    try:
        dataset = minari.load_dataset(dataset_id, download=download)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"dataset_id must be of a local data set, found none of {dataset_id!r} in "
            f"{minari.storage.get_dataset_path()}; `minari download {dataset_id}` fetches a published one"
        ) from error
    seen = _choose(_parts(dataset.observation_space), keys, dataset_id)
    acted = _choose(_parts(dataset.action_space), (), dataset_id, what="action") if actions else {}
    states = []
    for episode in progress_bar(
        dataset.id, "episode", over=dataset, total=dataset.total_episodes, shown=progress
    ):
        steps = len(episode.rewards)
        where = f"episode {episode.id} of {dataset_id}"
        columns = list(_columns(episode.observations, seen, steps + 1, f"observation of {where}"))
        if actions:
            columns = [column[:-1] for column in columns]
            columns += _columns(episode.actions, acted, steps, f"action of {where}")
        states.append(np.concatenate(columns, axis=1))
    if not states:
        raise ValueError(f"{dataset_id} must hold at least one episode, found none")
    return Episodes.from_arrays(states)


def _import_minari() -> Any:  # noqa: ANN401
    try:
        import h5py  # noqa: F401
        import minari
        import PIL  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "minari", "minari") from error
    return minari


def _parts(space: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401
    """All parts of a space that are no dictionaries, by their paths; a space that is none has the path ""."""
    from gymnasium.spaces import Dict

    if not isinstance(space, Dict):
        return {path: space}
    found: dict[str, Any] = {}
    for key in sorted(space.spaces):
        found |= _parts(space.spaces[key], f"{path}/{key}" if path else str(key))
    return found


def _choose(
    parts: Mapping[str, Any], keys: tuple[str, ...], dataset_id: str, *, what: str = "observation"
) -> dict[str, Any]:
    """The spaces that are asked for, in their order, each a Box."""
    from gymnasium.spaces import Box

    if keys and list(parts) == [""]:
        raise ValueError(
            f"keys must be left out for {dataset_id}, whose observations are no dictionary, found {keys}"
        )
    chosen: dict[str, Any] = {}
    for key in keys:
        under = {path: space for path, space in parts.items() if path == key or path.startswith(f"{key}/")}
        if not under:
            raise ValueError(f"keys must be among those of {dataset_id}, {', '.join(parts)}, found {key!r}")
        if twice := [path for path in under if path in chosen]:
            raise ValueError(f"keys must name each part once, found {twice[0]!r} twice in {keys}")
        chosen |= under
    chosen = chosen or dict(parts)
    for path, space in chosen.items():
        if not isinstance(space, Box):
            more = " (keys chooses parts of an observation)" if what == "observation" and path else ""
            name = f"{what} {path!r}" if path else what
            raise ValueError(f"the {name} of {dataset_id} must be a Box of numbers, found {space}{more}")
    return chosen


def _columns(data: Any, spaces: Mapping[str, Any], rows: int, where: str) -> Iterator[np.ndarray]:  # noqa: ANN401
    """Each part of an episode as float32 (rows, numbers)."""
    for path, space in spaces.items():
        part = data
        for name in path.split("/") if path else ():
            part = part[name]
        array = np.asarray(part)
        if array.shape != (rows, *space.shape):
            raise ValueError(
                f"the {f'part {path!r} of the ' if path else ''}{where} must have the shape {(rows, *space.shape)}, "
                f"found {array.shape}"
            )
        # What is too large for float32 becomes infinite, and is found as such.
        with np.errstate(over="ignore"):
            yield array.reshape(rows, -1).astype(np.float32)
