"""Run as a script: `hostile_worker.py EXAMPLES`. Calls every public function of the kernels with hostile arguments.

Run with NUMBA_BOUNDSCHECK=1, so that an access out of bounds is an IndexError. Only `ValueError` may come out.
"""

import sys
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchordiff.kernels import anchors, interpolate, max_gap
from anchordiff.kernels.grid import (
    distance,
    geodesic,
    grid_path,
    line_of_sight,
    maze,
    polyline,
    sample,
    string_pull,
    value_iteration,
)

INTEGERS = [-1, 0, 1, 2, 3, 5, 9, 2**31, 2**63 - 1, 2**63, 2**70, -(2**70), True, np.int64(3), np.uint8(4)]
REALS = [2.0, 2.5, 0.25, np.nan, np.inf, -np.inf, 1e300, Fraction(1, 3), np.float32(0.2)]
NUMBERS = st.sampled_from([*INTEGERS, *REALS, None, "3", "linear", (4,), [1, 2]])
DTYPES = st.sampled_from(
    ["?", "b", "i4", "i8", "u8", ">i8", "f2", "f4", "f8", ">f4", ">f8", "g", "c16", "O", "U3"]
)


@st.composite
def arrays(draw: st.DrawFn, ndim: int) -> object:
    """An array that may fit: mostly with `ndim` axes, of few sizes so that two agree often."""
    axes = draw(st.sampled_from([ndim] * 6 + [0, 1, 2, 3, 4]))
    shape = tuple(draw(st.sampled_from([0, 1, 2, 2, 3, 5, 8])) for _ in range(axes))
    dtype = np.dtype(draw(DTYPES))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = np.asarray(random.uniform(-2, draw(st.sampled_from([1.0, 3.0, 9.0])), shape))
    if draw(st.booleans()):
        values = np.asarray(np.abs(values))
    array = np.asarray(values.astype(dtype) if dtype.kind != "?" else values > 0)
    if array.size and dtype.kind == "f" and draw(st.booleans()):
        with np.errstate(over="ignore"):
            array.reshape(-1)[random.integers(array.size)] = draw(
                st.sampled_from([np.nan, np.inf, 1e38, -1e4])
            )
    if draw(st.booleans()) and axes:
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    return draw(st.sampled_from([array] * 8 + [array.tolist(), None, "walls"]))


@st.composite
def calls(
    draw: st.DrawFn, positional: list[object], named: dict[str, object]
) -> tuple[list[object], dict[str, object]]:
    """Arguments: a text as "f4 batch n 2" stands for an array, and axes of one name mostly have one size."""
    sizes = {"anchors": draw(st.integers(2, 5))}
    random = np.random.default_rng(draw(st.integers(0, 2**32)))

    def size(axis: str) -> int:
        if not axis.isdigit():
            least = 2 if axis == "horizon" else 0
            return sizes.setdefault(axis, draw(st.sampled_from([1, 2, 3, 5, 8, least])))
        return int(axis)

    def value(of: object) -> object:
        if not isinstance(of, str):
            return draw(of)
        dtype, *axes = of.split()
        if draw(st.integers(0, 9)) == 0:
            return draw(arrays(len(axes)))
        if axes == ["offsets"]:
            return np.unique([0, *random.integers(0, size("n") + 1, 2), size("n")])
        shape = tuple(map(size, axes))
        if axes[-1] == "anchors":
            horizon = sizes.setdefault("horizon", 8)
            rows = [
                np.sort(random.choice(max(horizon, shape[1]), shape[1], replace=False))
                for _ in range(shape[0])
            ]
            index = np.array(rows, np.int64).reshape(shape)
            if draw(st.integers(0, 3)):
                index[:, 0], index[:, -1] = 0, horizon - 1
            return index
        values = random.uniform(
            draw(st.sampled_from([0.0, 0.0, -0.5])), draw(st.sampled_from([1.0, 3.0, 9.0])), shape
        )
        return values > 0.5 if dtype == "?" else values.astype(dtype)

    arguments = [value(of) for of in positional]
    needed = {name: of for name, of in named.items() if name in NEEDED or draw(st.booleans())}
    return arguments, {name: value(of) for name, of in needed.items()}


NEEDED = ("gap", "uniform")
CELL = st.one_of(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), st.tuples(NUMBERS, NUMBERS), NUMBERS)
POINT = st.one_of(st.tuples(st.floats(-1, 6), st.floats(-1, 6)), st.tuples(NUMBERS, NUMBERS), NUMBERS)
COUNT = st.one_of(st.integers(0, 9), st.integers(1, 5), NUMBERS)
FEW = st.one_of(st.integers(-1, 9), st.sampled_from([2.5, None, "3", np.nan, Fraction(1, 3), -(2**70)]))
SIDE = st.one_of(st.sampled_from([3, 5, 7, 21]), FEW)
LENGTH = st.one_of(st.floats(0, 0.6), NUMBERS)
WAYS = st.one_of(st.sampled_from([4, 8]), NUMBERS)
SEED = st.one_of(st.integers(0, 99), NUMBERS)
MAZE = {"rows": SIDE, "cols": SIDE, "min_l1": FEW, "pairs": FEW}

CALLS: dict[Callable[..., object], tuple[list[object], dict[str, object]]] = {
    anchors.spread_evenly: (["? batch horizon", COUNT], {}),
    anchors.optimal_anchors: (["f8 batch horizon dim", COUNT], {"taken": "? batch horizon"}),
    max_gap.draw_bounded_gaps: (["? batch horizon", COUNT], {"gap": COUNT, "uniform": "f8 batch horizon"}),
    interpolate.interpolate_linear: (["f4 batch anchors dim", "i8 batch anchors", COUNT], {}),
    interpolate.interpolate_linear_adjoint: (["f8 batch horizon dim", "i8 batch anchors"], {}),
    distance.distance: (["? rows cols"], {}),
    distance.signed_distance: (["? rows cols"], {}),
    distance.signed_distances: (["? batch rows cols"], {"threads": COUNT}),
    geodesic.distance_field: (["? rows cols", CELL], {"connectivity": WAYS}),
    geodesic.distance_fields: (["? batch rows cols", "i8 batch 2"], {"threads": COUNT}),
    grid_path.shortest_path: (
        ["? rows cols", CELL, CELL],
        {"connectivity": WAYS, "cell_cost": "f8 rows cols"},
    ),
    grid_path.shortest_paths: (
        ["? batch rows cols", "i8 batch 2", "i8 batch 2"],
        {"connectivity": WAYS, "threads": COUNT, "cell_cost": "f8 batch rows cols"},
    ),
    grid_path.path_cost: (["i4 n 2"], {}),
    line_of_sight.line_is_free: (["? rows cols", POINT, POINT], {"radius": LENGTH}),
    line_of_sight.polyline_is_free: (["? rows cols", "f4 n 2"], {"radius": LENGTH}),
    line_of_sight.polylines_are_free: (["? batch rows cols", "f8 batch n 2"], {"threads": COUNT}),
    line_of_sight.points_in_wall: (["? batch rows cols", "f8 batch n 2"], {"radius": LENGTH}),
    polyline.polyline_length: (["f8 n dim"], {}),
    polyline.resample: (["f4 n dim", COUNT], {}),
    polyline.resample_batch: (["f8 n dim", "i8 offsets", COUNT], {}),
    string_pull.string_pull: (["? rows cols", "f8 n 2"], {"clearance": LENGTH}),
    string_pull.smooth_path: (["? rows cols", "i4 n 2", POINT, POINT], {}),
    maze.random_mazes: ([SEED, "i8 batch"], {**MAZE, "density": st.tuples(NUMBERS, NUMBERS)}),
    maze.perfect_mazes: ([SEED, "i8 batch"], MAZE),
    maze.room_mazes: ([SEED, "i8 batch"], MAZE),
    maze.cave_mazes: ([SEED, "i8 batch"], MAZE),
    sample.particle_samples: (
        [SEED, "i8 batch"],
        {**MAZE, "horizon": FEW, "threads": FEW, "clearance": LENGTH},
    ),
    value_iteration.settle: (["f4 batch sources rows cols", "f4 batch 8 rows cols"], {}),
}


def attack(function: Callable[..., object], examples: int) -> tuple[int, int]:
    """How many of many calls came to a result, and how many were refused."""
    outcomes = [0, 0]

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls(*CALLS[function]))
    def call(case: tuple[list[object], dict[str, object]]) -> None:
        arguments, options = case
        try:
            function(*arguments, **options)
        except ValueError:
            outcomes[1] += 1
        else:
            outcomes[0] += 1

    call()
    return outcomes[0], outcomes[1]


def main() -> None:
    for function in CALLS:
        done, refused = attack(function, int(sys.argv[1]))
        sys.stdout.write(f"{function.__module__}.{function.__name__} {done} {refused}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
