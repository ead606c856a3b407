"""What decides a generated data set, and what is said about it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from anchordiff.checks import check_choice, check_integer
from anchordiff.configs import Json, config_to_json, exact
from anchordiff.domains.pointmaze.world import POINT_MAZES, PointMaze, controllers
from anchordiff.domains.pointmaze.world.solvers import SolverName
from anchordiff.domains.pointmaze.world.versions import installed_versions

MazeName = Literal["umaze", "medium", "large"]
Flavour = SolverName

_PACKAGES: Final = ("gymnasium", "gymnasium-robotics", "minari", "mujoco", "numpy")
_SOLVERS: Final[Mapping[Flavour, str]] = MappingProxyType({"qiter": "QIteration", "dfs": "DFS"})


@dataclass(frozen=True, kw_only=True)
@exact
class GenerationConfig:
    """What decides every number of a generated PointMaze data set, given the versions of the simulator.

    Two flavours: `dfs` follows paths of depth-first search and clips no action, as the script behind Minari's published
    sets did; `qiter` follows shortest paths of Q-iteration and clips actions to [-1, 1] before and after the
    noise, as D4RL's own script and the published sets' descriptions have it.

    Attributes:
        maze: of the benchmark.
        steps: of the one continuing stream, at 100 Hz.
        flavour: how paths are found and whether actions are clipped.
        noise: standard deviation of normal noise on each action.
        seed: of everything that is drawn.

    Raises:
        ValueError: if a value is out of its range.
    """

    maze: MazeName = "medium"
    steps: int = 1_000_000
    flavour: Flavour = "qiter"
    noise: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("maze", self.maze, get_args(MazeName))
        check_choice("flavour", self.flavour, get_args(Flavour))
        check_integer("steps", self.steps)
        check_integer("seed", self.seed, least=0)
        if not (math.isfinite(self.noise) and self.noise >= 0.0):
            raise ValueError(f"noise must be finite and not negative, found {self.noise}")

    @property
    def point_maze(self) -> PointMaze:
        """The maze itself."""
        return POINT_MAZES[self.maze]

    @property
    def clip(self) -> bool:
        """Whether actions are clipped."""
        return self.flavour == "qiter"

    @property
    def solver_name(self) -> str:
        """What Minari's scripts call the solver."""
        return _SOLVERS[self.flavour]

    @property
    def dataset_id(self) -> str:
        """The id that a data set gets where none is given."""
        return f"anchordiff/pointmaze/{self.maze}-{self.flavour}-v0"


def provenance(config: GenerationConfig) -> dict[str, Json]:
    """All that the numbers follow from: settings, constants of the controller, versions.

    Raises:
        MissingExtraError: if a package of the simulator is not installed.
    """
    from anchordiff.version import __version__

    versions: dict[str, Json] = {"anchordiff": __version__, **installed_versions(_PACKAGES)}
    return {
        **config_to_json(config),
        "solver": config.solver_name,
        "actions_clipped": config.clip,
        "p_gain": controllers.P_GAIN,
        "d_gain": controllers.D_GAIN,
        "waypoint_threshold": controllers.THRESHOLD,
        "waypoint_jitter": controllers.JITTER,
        "versions": versions,
    }


def describe(config: GenerationConfig) -> str:
    """A sentence or two for the data set's card."""
    paths = "shortest paths (Q-iteration)" if config.flavour == "qiter" else "depth-first search's paths"
    clipping = (
        "clipped to [-1, 1] before and after the noise"
        if config.clip
        else "stored as they were, beyond [-1, 1] in many steps; the environment clips what it plays"
    )
    return (
        f"Regenerated with anchordiff, in place of {config.point_maze.dataset_id}: {config.steps} steps of "
        f"{config.point_maze.environment_id}, one continuing stream. A PD controller (P 10, D -1) follows waypoints "
        f"along {paths} with normal noise of {config.noise:g} on its actions, which are {clipping}. An episode ends "
        "where the goal is touched; the ball goes on from there to a new one. Observation 0 of an episode still "
        "shows the goal before."
    )
