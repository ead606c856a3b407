"""What networks look at most often, compiled: distances of the arm, and how the joints change them.

The twin in torch is `kinematics.Arm`, which says what each number means; they agree to rounding.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from kernel import deepen, measure_states
from kinematics import Arm, Group, panda
from torch import Tensor


@final
@dataclass(frozen=True, kw_only=True)
class Measures:
    """Distances of the arm at each state; see `kinematics.Near` and `Arm.slopes`.

    Attributes:
        around: distances of the spheres `hit` to obstacles.
        folded: distances of the spheres `far` to the arm itself.
        least: of the parts, those of `hit` first.
        slopes: of the same.
    """

    around: Float32[np.ndarray, "states hit"]
    folded: Float32[np.ndarray, "states far"]
    least: Float32[np.ndarray, "states parts"]
    slopes: Float32[np.ndarray, "states parts 7"]


def measure(
    q: Float32[np.ndarray, "states 7"],
    spheres: Float32[np.ndarray, "conditions places 4"],
    there: Bool[np.ndarray, "conditions places"],
) -> Measures:
    """Distances and slopes of states, of which each condition has equally many, one after another."""
    body = _body()
    hit, far = body.hit, body.far
    count, parts = len(q), len(body.hit_starts) + len(body.far_starts) - 2
    made = Measures(
        around=np.empty((count, len(hit)), np.float32),
        folded=np.empty((count, len(far)), np.float32),
        least=np.empty((count, parts), np.float32),
        slopes=np.zeros((count, parts, 7), np.float32),
    )
    measure_states(
        q, spheres, there, body.frames, body.places, body.radii, body.carriers, hit, body.hit_starts, far,
        body.far_starts, body.partners, body.partner_starts, made.around, made.folded, made.least, made.slopes,
    )  # fmt: skip
    return made


class _Depth(torch.autograd.Function):
    """Depths of states, whose gradient is made along with them."""

    @staticmethod
    def forward(
        context: torch.autograd.function.FunctionCtx,
        q: Tensor,
        spheres: Tensor,
        there: Tensor,
        settings: tuple[float, float, float],
    ) -> Tensor:
        body = _body()
        flat = q.detach().reshape(-1, 7).numpy()
        depth, slopes = np.zeros(len(flat), np.float32), np.zeros((len(flat), 7), np.float32)
        margin, fold, unit = (np.float32(value) for value in settings)
        deepen(
            flat, spheres.numpy(), there.numpy(), margin, fold, unit, body.frames, body.places, body.radii,
            body.carriers, body.hit, body.far, body.partners, body.partner_starts, depth, slopes,
        )  # fmt: skip
        context.save_for_backward(torch.from_numpy(slopes).view(q.shape))
        return torch.from_numpy(depth).view(q.shape[:-1])

    @staticmethod
    def backward(
        context: torch.autograd.function.FunctionCtx, gradient: Tensor
    ) -> tuple[Tensor, None, None, None]:
        (slopes,) = context.saved_tensors  # type: ignore[attr-defined]
        return gradient[..., None] * slopes, None, None, None


def depths(
    q: Float[Tensor, "samples steps 7"],
    spheres: Float[Tensor, "conditions places 4"],
    there: Bool[Tensor, "conditions places"],
    *,
    margin: float,
    fold: float,
    unit: float,
) -> Float[Tensor, "samples steps"]:
    """Depth of the arm in what it should keep off, differentiable in q: the sum of d + d² over its spheres.

    Args:
        q: states; a multiple of the conditions, condition-major.
        spheres: x, y, z and radius of obstacles.
        there: False for obstacles that are not there.
        margin: distance to obstacles from which on depth counts; metres.
        fold: the same for the arm itself.
        unit: metres of depth that count as one.
    """
    found: Tensor = _Depth.apply(  # type: ignore[no-untyped-call]
        q.contiguous(), spheres.contiguous(), there.contiguous(), (margin, fold, unit)
    )
    return found


@final
@dataclass(frozen=True, kw_only=True)
class _Body:
    """The arm's geometry as arrays; lists of lists as one array and where each begins."""

    frames: np.ndarray
    places: np.ndarray
    radii: np.ndarray
    carriers: np.ndarray
    hit: np.ndarray
    hit_starts: np.ndarray
    far: np.ndarray
    far_starts: np.ndarray
    partners: np.ndarray
    partner_starts: np.ndarray


@lru_cache(maxsize=1)
def _body() -> _Body:
    arm = panda()
    partners = [arm.pairs[arm.pairs[:, 0] == sphere, 1].tolist() for sphere in arm.far]
    return _Body(
        frames=arm.frames.numpy().astype(np.float32),
        places=arm.places.numpy().astype(np.float32),
        radii=arm.radii.numpy(),
        carriers=arm.carriers.numpy(),
        hit=arm.hit.numpy(),
        hit_starts=_starts(arm, arm.to_hit),
        far=arm.far.numpy(),
        far_starts=_starts(arm, arm.to_fold),
        partners=np.array([other for row in partners for other in row]),
        partner_starts=np.cumsum([0, *map(len, partners)]),
    )


def _starts(arm: Arm, group: Group) -> np.ndarray:
    """Where each part's spheres begin in a group, which holds them part by part."""
    parts = arm.parts[group.numbers]
    if (parts.diff() < 0).any():
        raise ValueError("spheres must be listed part by part")
    return np.cumsum([0, *group.members.sum(dim=1).tolist()])
