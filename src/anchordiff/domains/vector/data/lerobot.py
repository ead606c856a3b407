"""Reading data sets in LeRobot's format, version 3.

What is read of a folder:

- `meta/info.json`: `codebase_version` ("v3.0"), `features` (of each column its `dtype` and `shape`), `total_episodes`
  and `total_frames`;
- `data/chunk-000/file-000.parquet`, …: rows of all episodes, many of them in a file. Of their columns those that are
  asked for, `episode_index` and `frame_index`;
- `meta/episodes/chunk-000/file-000.parquet`, …, where there are any: `episode_index` and `length` of each episode,
  which the data have to match.

Videos, images, tasks and statistics are left alone. A state is made of the chosen columns after one another, each
flattened row by row; it needs no `lerobot`, but pyarrow.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int64

from anchordiff.domains.vector.data.episodes import Episodes
from anchordiff.errors import CorruptFileError, MissingExtraError
from anchordiff.progress import progress_bar

_PLACE: Final = ("episode_index", "frame_index")
_NUMBERS: Final = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
)


def read_lerobot(
    folder: str | Path,
    *,
    keys: tuple[str, ...] = ("observation.state",),
    progress: bool | None = None,
) -> Episodes:
    """Read a local data set.

    Args:
        folder: of the data set, with `meta` and `data` in it.
        keys: columns that make up a state, such as "observation.state" and "action", in this order.
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        FileNotFoundError: if the folder holds no data set, or a part of it is missing.
        ValueError: if it is of another version, or a key is unknown or no column of numbers.
        CorruptFileError: if a file is not what it should be, or episodes are not whole.
        MissingExtraError: if pyarrow is not installed.
    """
    folder = Path(folder)
    info = _read_info(folder)
    shapes = _choose(info.get("features"), keys, folder)
    parquet = _import_parquet()
    tables = _find_tables(folder / "data")
    if not tables:
        raise FileNotFoundError(f"folder must hold data/chunk-*/file-*.parquet, found none in {folder}")
    places, states = [], []
    for path in progress_bar(folder.name, "file", over=tables, total=len(tables), shown=progress):
        table = _read_table(parquet, path, (*_PLACE, *shapes))
        places.append(np.stack([_column(table, name, (), path) for name in _PLACE], axis=1))
        columns = [_column(table, name, shape, path) for name, shape in shapes.items()]
        # What is too large for float32 becomes infinite, and is found as such.
        with np.errstate(over="ignore"):
            states.append(np.concatenate([column.astype(np.float32) for column in columns], axis=1))
    order, lengths = _episodes(np.concatenate(places).astype(np.int64), folder)
    _check_counts(parquet, folder, info, lengths)
    rows = np.concatenate(states)
    return Episodes.from_arrays(rows if order is None else rows[order], lengths=lengths)


def _read_info(folder: Path) -> dict[str, Any]:
    path = folder / "meta" / "info.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"folder must hold a data set of LeRobot with meta/info.json, found none in {folder}"
        )
    try:
        info = json.loads(path.read_bytes())
        version = str(info["codebase_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(
            f"{path} is no info.json of LeRobot: {type(error).__name__} {error}"
        ) from error
    if version.lstrip("v").split(".")[0] != "3":
        raise ValueError(
            f"folder must hold a data set of LeRobot's version v3.0, found {version} in {folder}; "
            "the script convert_dataset_v21_to_v30 of LeRobot 0.4 or later turns one of v2.1 into v3.0"
        )
    return dict(info)


def _choose(features: object, keys: tuple[str, ...], folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each column that is asked for."""
    if not keys or len(set(keys)) < len(keys):
        raise ValueError(f"keys must name at least one column, and each once, found {keys}")
    if not isinstance(features, dict):
        raise CorruptFileError(f"{folder / 'meta' / 'info.json'} must describe features, found {features!r}")
    shapes = {}
    for key in keys:
        if key not in features:
            raise ValueError(
                f"keys must be among the features of {folder}, {', '.join(features)}, found {key!r}"
            )
        feature = features[key] if isinstance(features[key], dict) else {}
        kind, shape = feature.get("dtype"), feature.get("shape")
        if kind not in _NUMBERS:
            raise ValueError(f"keys must be columns of numbers, found {kind} in {key!r} of {folder}")
        if not isinstance(shape, list) or not all(isinstance(size, int) and size > 0 for size in shape):
            raise CorruptFileError(
                f"{folder / 'meta' / 'info.json'} must give {key!r} a shape, found {shape!r}"
            )
        shapes[key] = tuple(shape)
    return shapes


def _import_parquet() -> Any:  # noqa: ANN401
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError("pyarrow", "lerobot") from error
    return pyarrow.parquet


def _find_tables(folder: Path) -> list[Path]:
    """Files in the order of their numbers, of which there may be more than fit three digits."""
    return sorted(
        folder.glob("chunk-*/file-*.parquet"),
        key=lambda path: (_number(path.parent.name), _number(path.stem)),
    )


def _number(name: str) -> tuple[int, str]:
    number = name.rpartition("-")[2]
    return (int(number) if number.isdecimal() else -1), name


def _read_table(parquet: Any, path: Path, columns: tuple[str, ...]) -> Any:  # noqa: ANN401
    import pyarrow

    with pyarrow.OSFile(str(path)) as stream:
        try:
            file = parquet.ParquetFile(stream)
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise CorruptFileError(f"{path} must have the column {missing[0]!r}, found none")
            return file.read(columns=list(columns))
        except (pyarrow.ArrowException, OSError) as error:
            raise CorruptFileError(f"{path} is corrupt, or no Parquet file: {error}") from error


def _column(table: Any, name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:  # noqa: ANN401
    """A column as an array (rows, numbers); (rows,) for the shape ()."""
    import pyarrow
    from pyarrow import compute

    def refuse(found: object) -> CorruptFileError:
        return CorruptFileError(
            f"{path} must have in {name!r} numbers of the shape {shape} a row, found {found}"
        )

    values = table.column(name).combine_chunks()
    rows, level = len(values), 0
    while True:
        if isinstance(values, pyarrow.ExtensionArray):
            values = values.storage
        if values.null_count:
            raise refuse(f"{values.null_count} nulls")
        kind = values.type
        if not (
            pyarrow.types.is_list(kind)
            or pyarrow.types.is_large_list(kind)
            or pyarrow.types.is_fixed_size_list(kind)
        ):
            break
        sizes = compute.unique(compute.list_value_length(values)).to_pylist()
        if level >= len(shape) or sizes not in ([], [shape[level]]):
            raise refuse(f"lists of {sizes}")
        values, level = values.flatten(), level + 1
    # One number a row is stored without a list.
    if level < len(shape) and shape[level:] != (1,) * (len(shape) - level):
        raise refuse(f"{level} levels of lists")
    if not (pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind)):
        raise refuse(kind)
    array: np.ndarray = values.to_numpy(zero_copy_only=False)
    return array.reshape(rows, math.prod(shape)) if shape else array


def _episodes(
    places: Int64[np.ndarray, "rows 2"], folder: Path
) -> tuple[Int64[np.ndarray, " rows"] | None, Int64[np.ndarray, " episodes"]]:
    """The order in which rows make up whole episodes (none where they lie so), and the episodes' lengths.

    Raises:
        CorruptFileError: if a frame is missing or there twice.
    """
    episode, frame = places.T
    steps = np.diff(episode)
    order = None
    if (steps < 0).any() or (np.diff(frame)[steps == 0] < 0).any():
        order = np.lexsort((frame, episode))
        episode, frame = episode[order], frame[order]
    _, starts, lengths = np.unique(episode, return_index=True, return_counts=True)
    expected = np.arange(len(episode)) - np.repeat(starts, lengths)
    if (frame != expected).any():
        row = int((frame != expected).argmax())
        raise CorruptFileError(
            f"{folder} must hold every frame once, found frame {frame[row]} for {expected[row]} "
            f"in episode {episode[row]}"
        )
    return order, lengths.astype(np.int64)


def _check_counts(
    parquet: Any,  # noqa: ANN401
    folder: Path,
    info: Mapping[str, Any],
    lengths: Int64[np.ndarray, " episodes"],
) -> None:
    """Refuse data that are not all there."""
    for name, found in (("total_episodes", len(lengths)), ("total_frames", int(lengths.sum()))):
        if info.get(name, found) != found:
            raise CorruptFileError(f"{folder} must hold {name} = {info[name]}, found {found} in its data")
    told: dict[int, int] = {}
    for path in _find_tables(folder / "meta" / "episodes"):
        table = _read_table(parquet, path, ("episode_index", "length"))
        told |= dict(_pairs(table, path))
    if told and [told[episode] for episode in sorted(told)] != lengths.tolist():
        raise CorruptFileError(
            f"{folder} must hold episodes as long as meta/episodes says, found other lengths"
        )


def _pairs(table: Any, path: Path) -> Iterator[tuple[int, int]]:  # noqa: ANN401
    columns = (_column(table, name, (), path).tolist() for name in ("episode_index", "length"))
    return zip(*columns, strict=True)
