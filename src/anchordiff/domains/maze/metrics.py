"""What is measured of trajectories, one number a trajectory.

Notation: a trajectory is a polyline of `horizon` positions (x, y) in cells (more channels are ignored). A
condition may be shorter than the batch by a whole factor: then it holds for that many trajectories in a row.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from anchordiff.checks import check_number, check_type
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.evaluation import measures
from anchordiff.kernels.grid.line_of_sight import points_in_wall, polylines_are_free
from anchordiff.tensors import check_tensor

REACH = 0.1
"""Distance in cells within which an end counts as reached."""


def is_success(
    condition: MazeCondition,
    trajectory: Float[torch.Tensor, "batch horizon dim"],
    *,
    radius: float = 0.0,
    reach: float = REACH,
) -> Bool[torch.Tensor, " batch"]:
    """Swept success: start and goal are reached, and no point of the way between them touches a wall.

    The way is the whole polyline start, trajectory, goal, checked exactly, not at its vertices alone.

    Args:
        condition: the mazes with their ends.
        trajectory: positions in cells.
        radius: of the disc that moves along the way, in cells.
        reach: greatest distance of the trajectory's ends to start and goal, in cells.
    """
    points = _positions(trajectory)
    check_type("condition", condition, MazeCondition)
    reach = check_number("reach", reach, least=0.0)
    copies = condition.copies_in(len(points), "trajectory")
    start = condition.start.repeat_interleave(copies, dim=0)
    goal = condition.goal.repeat_interleave(copies, dim=0)
    reached = ((points[:, 0] - start).norm(dim=-1) <= reach) & ((points[:, -1] - goal).norm(dim=-1) <= reach)
    way = torch.cat([start[:, None], points, goal[:, None]], dim=1)
    free = polylines_are_free(condition.walls.cpu().numpy(), _array(way), radius=radius)
    success: torch.Tensor = reached & torch.from_numpy(free).to(reached.device)
    return success


def collision_rate(
    condition: MazeCondition, trajectory: Float[torch.Tensor, "batch horizon dim"], *, radius: float = 0.0
) -> Float[torch.Tensor, " batch"]:
    """Share of a trajectory's points that touch a wall or lie outside.

    Args:
        condition: the mazes.
        trajectory: positions in cells.
        radius: of a disc around each point, in cells.
    """
    points = _positions(trajectory)
    check_type("condition", condition, MazeCondition)
    condition.copies_in(len(points), "trajectory")
    hits = points_in_wall(condition.walls.cpu().numpy(), _array(points), radius=radius)
    return torch.from_numpy(hits.mean(axis=1, dtype=np.float32)).to(trajectory.device)


def path_length(trajectory: Float[torch.Tensor, "batch horizon dim"]) -> Float[torch.Tensor, " batch"]:
    """Length of each trajectory, in cells."""
    return measures.path_length(_positions(trajectory))


def length_ratio(
    trajectory: Float[torch.Tensor, "batch horizon dim"], expert: Float[torch.Tensor, "batch steps dim"]
) -> Float[torch.Tensor, " batch"]:
    """Length of each trajectory over that of the expert's."""
    lengths = path_length(trajectory), path_length(expert)
    if len(trajectory) != len(expert):
        raise ValueError(
            f"expert must be as many as the trajectories, {len(trajectory)}, found {len(expert)}"
        )
    return lengths[0] / lengths[1]


def smoothness(trajectory: Float[torch.Tensor, "batch horizon dim"]) -> Float[torch.Tensor, " batch"]:
    """Mean squared second difference of positions, in cells² / step⁴; 0 for a straight line at even speed."""
    return measures.smoothness(_positions(trajectory))


def diversity(
    candidates: Float[torch.Tensor, "batch candidates horizon dim"],
) -> Float[torch.Tensor, " batch"]:
    """Mean distance between two candidates of a condition: over pairs, and over steps, in cells.

    Raises:
        ValueError: if there are fewer than two candidates.
    """
    check_tensor("candidates", candidates, "batch candidates horizon dim")
    return measures.diversity(candidates[..., :2])


def ways(
    condition: MazeCondition, candidates: Float[torch.Tensor, "batch candidates horizon dim"]
) -> Int[torch.Tensor, " batch"]:
    """How many different ways around walls the free candidates of each condition take.

    Two candidates take the same way where the loop of the one and the other back goes around no wall: the winding
    number of that loop is 0 about the middle of each cell of a wall (Bhattacharya et al. 2012, homology classes).

    Args:
        condition: the mazes with their ends, one for each row of candidates.
        candidates: positions in cells.
    """
    check_type("condition", condition, MazeCondition)
    check_tensor("candidates", candidates, "batch candidates horizon dim")
    if len(condition) != len(candidates):
        raise ValueError(
            f"candidates must be those of each of {len(condition)} mazes, found {len(candidates)}"
        )
    count, points = candidates.shape[1], candidates[..., :2]
    free = is_success(condition, points.flatten(0, 1)).view(-1, count).cpu().numpy()
    found = []
    for walls, here, is_free in zip(condition.walls.cpu().numpy(), _array(points), free, strict=True):
        # What is joined to the border cannot be gone around.
        middles = np.argwhere(walls)[:, ::-1] + np.float32(0.5)
        angles = [
            np.unwrap(np.arctan2(*np.moveaxis(way[:, None] - middles, -1, 0)), axis=0)
            for way in here[is_free]
        ]
        turned = np.array([angle[-1] - angle[0] for angle in angles]).reshape(-1, len(middles))
        turns = np.rint((turned - turned[:1]) / (2 * np.pi)).astype(np.int64)
        found.append(len(np.unique(turns, axis=0)))
    return torch.tensor(found, device=candidates.device)


def _positions(
    trajectory: Float[torch.Tensor, "batch horizon dim"],
) -> Float[torch.Tensor, "batch horizon 2"]:
    check_tensor("trajectory", trajectory, "batch horizon dim")
    if trajectory.shape[2] < 2:
        raise ValueError(f"trajectory must hold positions (x, y), found {trajectory.shape[2]} numbers")
    return trajectory[..., :2]


def _array(points: torch.Tensor) -> Float[np.ndarray, "..."]:
    array: np.ndarray = points.detach().float().cpu().numpy()
    return array
