"""Recorded trajectories as flat arrays.

Notation: an episode of n states is n rows one after another; episodes follow each other without gaps.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from anchordiff.checks import check_type
from anchordiff.conditions import ArrayLike
from anchordiff.tensors import check_tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Episodes:
    """Trajectories of any length, in their own units, with what is known of each.

    `Episodes.from_arrays` makes one from arrays of most kinds.

    Attributes:
        states: of all episodes after one another, one row a step.
        lengths: states of each episode, at least one.
        context: features of each episode as a whole.
        tokens: a set of things for each episode, a row of features each.
        visible: False for rows of `tokens` that are no part of their set; none where all are.

    Raises:
        ValueError: if the arrays do not fit each other, there is no episode or an empty one, or a number is not finite
            (rows of `tokens` that are not visible may hold anything).

    Example:
        >>> episodes = Episodes.from_arrays([np.zeros((3, 2)), np.ones((5, 2))])
        >>> len(episodes), episodes.dim, episodes.starts.tolist(), episodes.ends.tolist()
        (2, 2, [0, 3], [2, 7])
    """

    states: Float32[np.ndarray, "rows dim"]
    lengths: Int64[np.ndarray, " episodes"]
    context: Float32[np.ndarray, "episodes features"] | None = None
    tokens: Float32[np.ndarray, "episodes places token_features"] | None = None
    visible: Bool[np.ndarray, "episodes places"] | None = None

    def __post_init__(self) -> None:
        for name, axes, dtype in (
            ("states", 2, np.float32),
            ("lengths", 1, np.int64),
            ("context", 2, np.float32),
            ("tokens", 3, np.float32),
            ("visible", 2, np.bool_),
        ):
            array: np.ndarray | None = getattr(self, name)
            if array is None:
                continue
            if array.ndim != axes or array.dtype != dtype:
                raise ValueError(
                    f"{name} must have {axes} {'axis' if axes == 1 else 'axes'} of {np.dtype(dtype)}, "
                    f"found {array.dtype} of shape {array.shape}"
                )
            if not array.shape[-1] or not len(array):
                of = "episode" if name == "lengths" or not len(array) else "number"
                raise ValueError(f"{name} must hold at least one {of}, found the shape {array.shape}")
        self._check_lengths()
        self._check_finite()

    def _check_lengths(self) -> None:
        if (self.lengths < 1).any():
            episode = int((self.lengths < 1).argmax())
            raise ValueError(
                f"lengths must be at least 1, found {self.lengths[episode]} in episode {episode}"
            )
        if self.lengths.sum() != len(self.states):
            raise ValueError(
                f"lengths must add up to the rows of states, {len(self.states)}, found {self.lengths.sum()}"
            )
        for name in ("context", "tokens", "visible"):
            array = getattr(self, name)
            if array is not None and len(array) != len(self):
                raise ValueError(
                    f"{name} must have a row for each of {len(self)} episodes, found {len(array)}"
                )
        if self.visible is not None and (self.tokens is None or self.visible.shape != self.tokens.shape[:2]):
            rule = (
                "be left out without tokens" if self.tokens is None else f"have shape {self.tokens.shape[:2]}"
            )
            raise ValueError(f"visible must {rule}, found the shape {self.visible.shape}")

    def _check_finite(self) -> None:
        for name in ("states", "context", "tokens"):
            array = getattr(self, name)
            if array is None:
                continue
            bad = ~np.isfinite(array)
            if name == "tokens" and self.visible is not None:
                bad &= self.visible[..., None]
            if not bad.any():
                continue
            place = tuple(np.argwhere(bad)[0].tolist())
            found, (row, *rest) = array[place], place
            if name == "states":
                episode = int(np.searchsorted(self.ends, row))
                where = f"episode {episode}, step {row - self.starts[episode]}, dimension {rest[0]}"
            elif name == "context":
                where = f"episode {row}, feature {rest[0]}"
            else:
                where = f"episode {row}, place {rest[0]}, feature {rest[1]}"
            raise ValueError(f"{name} must be finite, found {found} in {where}")

    @classmethod
    def from_arrays(
        cls,
        states: ArrayLike | Sequence[ArrayLike],
        *,
        lengths: ArrayLike | Sequence[int] | None = None,
        context: ArrayLike | None = None,
        tokens: ArrayLike | None = None,
        visible: ArrayLike | None = None,
    ) -> "Episodes":
        """Episodes from arrays or tensors of any real numbers, which become float32; they are not always copied.

        Args:
            states: (episodes, steps, dim); or for each episode an array (steps, dim); or, with `lengths`, (rows, dim).
            lengths: integers (episodes,): states of each episode, for rows of one episode after another.
            context: (episodes, features).
            tokens: (episodes, places, features).
            visible: booleans (episodes, places), False where there is no token.

        Raises:
            ValueError: if an array holds something else, has other axes, or they do not fit each other.
        """
        if lengths is not None:
            rows, counts = as_float32("states", states, axes=2), _integers("lengths", lengths)
        elif isinstance(states, Tensor | np.ndarray):
            array = as_float32("states", states, axes=3)
            counts = np.full(len(array), array.shape[1], np.int64)
            rows = array.reshape(len(array) * array.shape[1], array.shape[2])
        else:
            rows, counts = _join(states)
        seen = None if visible is None else as_numpy("visible", visible)
        return cls(
            states=np.ascontiguousarray(rows),
            lengths=counts,
            context=None if context is None else as_float32("context", context, axes=2),
            tokens=None if tokens is None else as_float32("tokens", tokens, axes=3),
            visible=seen,
        )

    def __len__(self) -> int:
        """Number of episodes."""
        return len(self.lengths)

    @property
    def dim(self) -> int:
        """Numbers of a state."""
        return int(self.states.shape[1])

    @property
    def starts(self) -> Int64[np.ndarray, " episodes"]:
        """Row of each episode's first state."""
        starts: np.ndarray = np.cumsum(self.lengths) - self.lengths
        return starts

    @property
    def ends(self) -> Int64[np.ndarray, " episodes"]:
        """Row of each episode's last state."""
        ends: np.ndarray = np.cumsum(self.lengths) - 1
        return ends

    def rows_of(self, chosen: Bool[np.ndarray, " episodes"]) -> Float32[np.ndarray, "some_rows dim"]:
        """States of chosen episodes."""
        rows: np.ndarray = self.states if chosen.all() else self.states[np.repeat(chosen, self.lengths)]
        return rows

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that there are, by their names."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in found.items() if array is not None}


def as_numpy(name: str, array: ArrayLike | Sequence[ArrayLike] | Sequence[int]) -> np.ndarray:
    """An array or a tensor as a NumPy array.

    Raises:
        ValueError: if it is neither; the message calls it `name`.
    """
    if isinstance(array, Tensor):
        check_tensor(name, array, "...", "any")
        tensor = array.detach().cpu()
        return (tensor.to(torch.float32) if tensor.dtype == torch.bfloat16 else tensor).numpy()
    try:
        return np.asarray(array)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be an array or a tensor, found {type(array).__name__} ({error})"
        ) from error


def as_float32(name: str, array: ArrayLike | Sequence[ArrayLike], *, axes: int) -> np.ndarray:
    """An array or a tensor of real numbers as float32.

    Raises:
        ValueError: if it holds something else, or has not so many axes; the message calls it `name`.
    """
    found = as_numpy(name, array)
    if found.dtype.kind not in "fiu" or found.ndim != axes:
        raise ValueError(
            f"{name} must have {axes} axes of real numbers, found {found.dtype} of shape {found.shape}"
        )
    # What is too large for float32 becomes infinite, and is found as such.
    with np.errstate(over="ignore"):
        return found.astype(np.float32, copy=False)


def _integers(name: str, array: ArrayLike | Sequence[int]) -> np.ndarray:
    found = as_numpy(name, array)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise ValueError(f"{name} must have 1 axis of integers, found {found.dtype} of shape {found.shape}")
    return found.astype(np.int64, copy=False)


def _join(parts: Sequence[ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    check_type("states", parts, Iterable)
    arrays = [as_float32(f"states[{episode}]", part, axes=2) for episode, part in enumerate(parts)]
    if not arrays:
        raise ValueError("states must hold at least one episode, found none")
    for episode, array in enumerate(arrays):
        if array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"states[{episode}] must have {arrays[0].shape[1]} numbers a state, as states[0], "
                f"found {array.shape[1]}"
            )
    return np.concatenate(arrays), np.array([len(array) for array in arrays], np.int64)
