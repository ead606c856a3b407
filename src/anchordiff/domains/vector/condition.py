"""What a trajectory of numbers is generated for: states that are known, features, a set of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import torch
from jaxtyping import Bool, Float

from anchordiff.conditions import ArrayLike, Condition, as_tensor
from anchordiff.tensors import check_tensor

PARTS: Final = ("start", "goal", "context", "tokens")
"""Parts that an element of a batch may be without, in the order of `VectorCondition.given`."""


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VectorCondition(Condition):
    """Everything that may be given of a trajectory of numbers; every part is optional.

    `VectorCondition(start=q0, goal=q1)` takes arrays or tensors of one leading axis. What is given as `start`, `goal`
    or `known` comes back in every sample, bit by bit; `context` and `tokens` are what networks read beside it.

    Attributes:
        start: the first state: its positions, or all of it with velocities.
        goal: the last state, likewise.
        known: states at all steps of a trajectory, of which those that `is_known` marks are given: way points, parts of
            states. For plans of that horizon.
        is_known: True where a number of `known` is given.
        context: features of the whole task.
        tokens: a set of things, a row of features each: obstacles, objects, words.
        visible: False for rows of `tokens` that are no part of their set, since sets have unequal numbers; none where
            all are.
        given: which of `PARTS` each element has; none where all have all that is there.

    Raises:
        ValueError: if a part is no array, or the parts have different lengths.

    Example:
        >>> arms = VectorCondition(start=torch.zeros(3, 7), goal=torch.ones(3, 7))
        >>> len(arms), arms.without("goal").given[0].tolist()
        (3, [True, False, True, True])
    """

    start: Float[torch.Tensor, "batch start_size"] | None = None
    goal: Float[torch.Tensor, "batch goal_size"] | None = None
    known: Float[torch.Tensor, "batch horizon dim"] | None = None
    is_known: Bool[torch.Tensor, "batch horizon dim"] | None = None
    context: Float[torch.Tensor, "batch features"] | None = None
    tokens: Float[torch.Tensor, "batch places token_features"] | None = None
    visible: Bool[torch.Tensor, "batch places"] | None = None
    given: Bool[torch.Tensor, "batch 4"] | None = None

    def __post_init__(self) -> None:
        lengths = {}
        for name in ("start", "goal", "known", "is_known", "context", "tokens", "visible", "given"):
            value: ArrayLike | None = getattr(self, name)
            if value is None:
                continue
            tensor = as_tensor(name, value)
            if name not in ("is_known", "visible", "given") and tensor.dtype != torch.float32:
                tensor = tensor.to(torch.float32)
            object.__setattr__(self, name, tensor)
            lengths[name] = len(tensor) if tensor.ndim else 0
        if not lengths:
            raise ValueError(
                "VectorCondition must be given at least one part; VectorCondition.empty(n) has none"
            )
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the parts of a condition must have one length, found {lengths}")

    @classmethod
    def empty(cls, batch: int) -> "VectorCondition":
        """Nothing is given, `batch` times: for samples of the data as they are.

        Raises:
            ValueError: if `batch` is below 1.
        """
        if batch < 1:
            raise ValueError(f"batch must be at least 1, found {batch}")
        return cls(given=torch.zeros(batch, len(PARTS), dtype=torch.bool))

    def check(self) -> None:
        """Refuse shapes that do not fit each other and numbers that are not finite; see `Condition.check`."""
        for name, axes in (
            ("start", "batch numbers"),
            ("goal", "batch numbers"),
            ("known", "batch horizon numbers"),
            ("context", "batch features"),
            ("tokens", "batch places features"),
        ):
            value = getattr(self, name)
            if value is not None:
                check_tensor(name, value, axes)
        if (self.known is None) != (self.is_known is None):
            missing = "is_known" if self.is_known is None else "known"
            raise ValueError(f"known and is_known must be given together, found no {missing}")
        if self.visible is not None and self.tokens is None:
            raise ValueError("visible must be left out without tokens, found it alone")
        for name, flags, shape in (
            ("is_known", self.is_known, None if self.known is None else self.known.shape),
            ("visible", self.visible, None if self.tokens is None else self.tokens.shape[:2]),
            ("given", self.given, None if self.given is None else (len(self), len(PARTS))),
        ):
            if flags is not None and (flags.dtype != torch.bool or flags.shape != shape):
                raise ValueError(
                    f"{name} must be booleans of shape {tuple(shape or ())}, found {flags.dtype} {tuple(flags.shape)}"
                )
        devices = {value.device for value in vars(self).values() if isinstance(value, torch.Tensor)}
        if len(devices) > 1:
            raise ValueError(f"all parts must be on one device, found {sorted(map(str, devices))}")
        for name in ("start", "goal", "context"):
            _check_finite(name, getattr(self, name), self.has(name))
        if self.tokens is not None:
            _check_finite("tokens", self.tokens, self.seen)
        if self.known is not None:
            _check_finite("known", self.known, self.is_known)

    def has(self, part: str) -> Bool[torch.Tensor, " batch"] | None:
        """Which elements have a part; none where there is no such part at all."""
        if getattr(self, part) is None:
            return None
        if self.given is None:
            return torch.ones(len(self), dtype=torch.bool, device=self.device)
        return self.given[:, PARTS.index(part)]

    @property
    def seen(self) -> Bool[torch.Tensor, "batch places"]:
        """Which rows of `tokens` are a part of their set."""
        assert self.tokens is not None
        has = self.has("tokens")
        assert has is not None
        rows = has[:, None].expand(self.tokens.shape[:2])
        return rows if self.visible is None else rows & self.visible

    def without(self, *parts: str, where: Bool[torch.Tensor, " batch"] | None = None) -> "VectorCondition":
        """The condition without some parts.

        Args:
            *parts: of `PARTS`.
            where: elements that they are taken from; all if left out.

        Raises:
            ValueError: if there is no such part.
        """
        given = self.given
        if given is None:
            given = torch.ones(len(self), len(PARTS), dtype=torch.bool, device=self.device)
        given = given.clone()
        for part in parts:
            if part not in PARTS:
                raise ValueError(f"parts must be among {', '.join(PARTS)}, found {part!r}")
            place = PARTS.index(part)
            given[:, place] &= torch.zeros_like(given[:, place]) if where is None else ~where
        return replace(self, given=given)

    def without_guided(self) -> "VectorCondition":
        """The condition without context and tokens; see `Condition.without_guided`."""
        if self.context is None and self.tokens is None:
            raise ValueError(
                "guidance must be left out where there is neither context nor tokens to strengthen"
            )
        return self.without("context", "tokens")

    def known_steps(self, horizon: int) -> Bool[torch.Tensor, "batch horizon"] | None:
        """Steps with a known number; see `Condition.known_steps`."""
        if self.known is None or self.is_known is None:
            return None
        if self.known.shape[1] != horizon:
            raise ValueError(
                f"known must have the horizon {horizon} of the call, found {self.known.shape[1]}"
            )
        return self.is_known.any(dim=2)


def _check_finite(name: str, values: torch.Tensor | None, where: torch.Tensor | None) -> None:
    if values is None or where is None:
        return
    while where.ndim < values.ndim:
        where = where[..., None]
    bad = ~torch.isfinite(values) & where
    if bool(bad.any()):
        place = bad.nonzero()[0].tolist()
        raise ValueError(f"{name}{place} must be finite, found {float(values[tuple(place)])}")
