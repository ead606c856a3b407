"""PyBullet's word on paths: what chooses plans, and what evaluations count as success."""

from typing import Final, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from world import ArmWorld

from anchordiff.conditions import Condition
from anchordiff.domains.vector import VectorCondition
from anchordiff.judge import Choice, Judge

_WORLDS: Final = 200  # of one client, which keeps the shapes of all of them


@final
class ArmJudge(Judge):
    """The shortest candidate that PyBullet finds free all along; where none is free, the shortest.

    Candidates are checked from the shortest on, and no more than it takes.
    """

    def __init__(self) -> None:
        self._world = ArmWorld()
        self._used = 0

    def choose(self, condition: Condition, trajectories: Float[Tensor, "candidates horizon 7"]) -> Choice:
        """Choose; see `Judge.choose`."""
        copies = condition.copies_in(len(trajectories), "trajectories")
        lengths = joint_length(trajectories).view(-1, copies)
        paths = trajectories.cpu().numpy().reshape(len(lengths), copies, *trajectories.shape[1:])
        index, valid = lengths.argmin(dim=1), torch.zeros(len(lengths), dtype=torch.bool)
        for row, order in enumerate(lengths.argsort(dim=1).tolist()):
            world = self.place(condition[row : row + 1])
            for candidate in order:
                if world.path_is_free(paths[row, candidate]):
                    index[row], valid[row] = candidate, True
                    break
        return Choice(index=index, valid=valid, cost=lengths.gather(1, index[:, None])[:, 0])

    def place(self, condition: Condition) -> ArmWorld:
        """The arm among the spheres of one condition."""
        if not isinstance(condition, VectorCondition) or condition.tokens is None:
            raise ValueError("condition must be a VectorCondition with tokens")
        self._used += 1
        if self._used % _WORLDS == 0:
            self._world.close()
            self._world = ArmWorld()
        spheres = condition.tokens[0][condition.seen[0]].cpu().numpy()
        self._world.set_spheres(spheres[:, :3], spheres[:, 3])
        return self._world

    def free(self, condition: Condition, paths: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether each path is free all along, among the spheres of its own condition."""
        return np.array(
            [self.place(condition[row : row + 1]).path_is_free(path) for row, path in enumerate(paths)]
        )


def joint_length(trajectories: Float[Tensor, "batch horizon 7"]) -> Float[Tensor, " batch"]:
    """Length through joint space; radians."""
    length: Tensor = trajectories.diff(dim=1).norm(dim=-1).sum(dim=1)
    return length
