"""A differentiable planner inside the encoder: value iteration with learned costs.

Notation: D(c) is the distance of cell c to a source, w_k(c) > 0 the learned cost of the step from c to its k-th
neighbour, one of eight. The fixed point of

    D(c) ← min( D(c), min_k [ w_k(c) + D(neighbour k of c) ] ),      D(source) = 0

is a value function (value iteration networks, Tamar et al. 2016). Costs are functions of learned features alone: that
walls block and that diagonal steps are longer is learned from data.
"""

import math
from typing import Final, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from anchordiff.kernels.grid.value_iteration import settle

_NEIGHBOURS: Final = [(i, j) for i in (0, 1, 2) for j in (0, 1, 2) if (i, j) != (1, 1)]


class ValueIteration(nn.Module):
    """Distances to sources over a grid by value iteration with learned step costs.

    The fixed point is found without gradients; `gradient_sweeps` more sweeps let gradients through. At a fixed
    point that truncated backpropagation is a temporal-difference update over that many steps.

    Args:
        channels: channels of the map that costs are read from, in 3 × 3 windows.
        hidden: hidden channels of the cost network.
        gradient_sweeps: sweeps that gradients flow through.
        farthest: distance of a cell that no step has reached yet, in cells.
    """

    def __init__(
        self, channels: int, *, hidden: int = 32, gradient_sweeps: int = 2, farthest: float = 200.0
    ) -> None:
        super().__init__()
        self.farthest = farthest
        self.gradient_sweeps = gradient_sweeps
        self.window = nn.Conv2d(channels, hidden, kernel_size=3)
        self.linear = nn.Conv2d(channels, 8, kernel_size=3)
        self.mix = nn.Conv2d(hidden, 8, kernel_size=1)
        for layer in (self.linear, self.mix):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(
        self, padded: Float[Tensor, "batch channels _ _"], sources: Int[Tensor, "batch sources"]
    ) -> Float[Tensor, "batch sources rows cols"]:
        """Distance of every cell to each source, in cells, at most `farthest`.

        Args:
            padded: the map with a border of one cell all around.
            sources: flat cell indices (row · cols + col) without the border, several a maze.
        """
        batch, _, rows, cols = padded.shape
        rows, cols = rows - 2, cols - 2
        logits = self.linear(padded) + self.mix(functional.relu(self.window(padded)))
        # The factor lets costs that differ hundredfold grow from small weights within a few hundred updates.
        costs = (8 * logits.float()).clamp(-3.0, math.log(self.farthest)).exp()
        shape = (batch, sources.shape[1], rows * cols)
        distance = torch.full(shape, self.farthest, dtype=torch.float32, device=padded.device)
        distance = distance.scatter(2, sources[..., None], 0.0).view(batch, -1, rows, cols)
        distance = fixed_point(distance, costs.detach())
        if torch.is_grad_enabled():
            for _ in range(self.gradient_sweeps):
                distance = sweep(distance, costs)
        return distance


def sweep(
    distance: Float[Tensor, "batch sources rows cols"], costs: Float[Tensor, "batch 8 rows cols"]
) -> Float[Tensor, "batch sources rows cols"]:
    """One step of value iteration at every cell."""
    rows, cols = distance.shape[-2:]
    padded = functional.pad(distance, (1, 1, 1, 1), value=math.inf)
    for k, (i, j) in enumerate(_NEIGHBOURS):
        through = padded[:, :, i : i + rows, j : j + cols] + costs[:, k : k + 1]
        distance = torch.minimum(distance, through)
    return distance


@torch.no_grad()
def fixed_point(
    distance: Float[Tensor, "batch sources rows cols"],
    costs: Float[Tensor, "batch 8 rows cols"],
    *,
    check_every: int = 8,
) -> Float[Tensor, "batch sources rows cols"]:
    """Value iteration until nothing changes: by a compiled kernel on a CPU.

    It is an operator of its own to torch, since `torch.compile` could follow neither the kernel nor the looks.

    Args:
        distance: upper bounds to start from.
        costs: positive step costs.
        check_every: sweeps between two looks at whether anything changed; a look makes a GPU wait.

    Raises:
        ValueError: if a cost is not positive or NaN.
    """
    settled: Tensor = _fixed_point(distance, costs, check_every)
    return settled


@torch.library.custom_op(
    "anchordiff::fixed_point",
    mutates_args=(),
    schema="(Tensor distance, Tensor costs, int check_every) -> Tensor",
)
def _fixed_point(distance: Tensor, costs: Tensor, check_every: int) -> Tensor:
    if distance.device.type == "cpu":
        return torch.from_numpy(settle(distance.contiguous().numpy(), costs.contiguous().numpy()))
    for _ in range(-(-distance[0, 0].numel() // check_every) + 1):
        before = distance
        for _ in range(check_every):
            distance = sweep(distance, costs)
        if torch.equal(before, distance):
            return distance
    raise ValueError("costs must be positive, found NaN or a cost below 0: distances do not settle")


@_fixed_point.register_fake
def _(distance: Tensor, costs: Tensor, check_every: int) -> Tensor:
    return torch.empty_like(distance, memory_format=torch.contiguous_format)
