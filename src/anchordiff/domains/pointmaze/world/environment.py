"""gymnasium-robotics' PointMaze under the protocol of D4RL.

The environment's own defaults differ: it rewards within 0.45 m, places ball and goal within 0.25 m of a cell's middle,
and starts at rest and never near the goal. `PointMazeEnv` keeps its model and its stepping, and replaces the rest.
"""

import operator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from anchordiff.domains.pointmaze.world.mazes import PointMaze
from anchordiff.domains.pointmaze.world.numbers import check_numbers
from anchordiff.domains.pointmaze.world.physics import TARGET_RADIUS
from anchordiff.domains.pointmaze.world.solvers import check_cell
from anchordiff.errors import MissingExtraError

Task = Literal["single", "multi"]
"""D4RL's two tasks: one fixed goal a maze (`single`), or a new goal each episode (`multi`, as in Diffuser)."""

_PLACE_NOISE = 0.1
_VELOCITY_NOISE = 0.1


def make_gymnasium(maze: PointMaze, *, max_episode_steps: int, **options: Any) -> Any:  # noqa: ANN401
    """Make gymnasium-robotics' environment with its own defaults, continuing.

    Args:
        maze: which.
        max_episode_steps: of an episode; a whole number, since gymnasium accepts others and then fails.
        options: for `gymnasium.make`, as `reset_target` or `render_mode`.

    Returns:
        The environment, in gymnasium's wrappers.

    Raises:
        MissingExtraError: if gymnasium-robotics or mujoco is not installed.
        ValueError: if `max_episode_steps` is below 1.
        TypeError: if `max_episode_steps` is not a whole number.
    """
    try:
        import gymnasium
        import gymnasium_robotics
        import mujoco  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "gymnasium-robotics", "pointmaze") from error
    steps = operator.index(max_episode_steps)
    if steps < 1:
        raise ValueError(f"max_episode_steps must be at least 1, found {steps}")
    gymnasium.register_envs(gymnasium_robotics)
    environment = gymnasium.make(
        maze.environment_id, max_episode_steps=steps, disable_env_checker=True, **options
    )
    # It leaves its model in the temporary folder, and never looks at it again.
    Path(environment.unwrapped.tmp_xml_file_path).unlink(missing_ok=True)  # type: ignore[attr-defined]
    return environment


class PointMazeEnv:
    """The ball in a maze, in MuJoCo, under D4RL's protocol.

    A step that ends within 0.5 m of the goal gives a reward of 1, any other none. An episode has a fixed number of
    steps and goes on after the goal is reached. What happens depends on the generators, states and actions that are
    passed, to the bit, and not on earlier episodes.

    Args:
        maze: which.
        max_episode_steps: of an episode; the maze's own number where none is given.
        render_mode: of gymnasium, as "rgb_array"; set the environment variable MUJOCO_GL to egl without a screen.

    Example:
        >>> from anchordiff.domains.pointmaze.world import POINT_MAZES
        >>> with PointMazeEnv(POINT_MAZES["umaze"]) as env:
        ...     state = env.reset(np.random.default_rng(0), task="single")
        ...     state, reward, truncated = env.step(np.array([1.0, 0.0]))
        >>> state.shape, reward, truncated
        ((4,), 0.0, False)
    """

    def __init__(
        self, maze: PointMaze, *, max_episode_steps: int | None = None, render_mode: str | None = None
    ) -> None:
        self.maze = maze
        self.max_episode_steps = maze.steps if max_episode_steps is None else max_episode_steps
        self.gymnasium = make_gymnasium(
            maze, max_episode_steps=self.max_episode_steps, reset_target=False, render_mode=render_mode
        )
        self._inner = self.gymnasium.unwrapped
        self._steps: int | None = None

    @property
    def model(self) -> Any:  # noqa: ANN401
        """MuJoCo's `MjModel`."""
        return self._inner.model

    @property
    def data(self) -> Any:  # noqa: ANN401
        """MuJoCo's `MjData`."""
        return self._inner.data

    @property
    def state(self) -> Float[np.ndarray, "4"]:
        """(x, y, v_x, v_y), in m and m/s."""
        return np.concatenate([self.data.qpos, self.data.qvel])

    @property
    def target(self) -> Float[np.ndarray, "2"]:
        """The goal (x, y), in metres."""
        self._require_episode()
        return np.array(self._inner.goal)

    @property
    def steps(self) -> int:
        """Steps of the episode so far."""
        return self._require_episode()

    def reset(self, generator: np.random.Generator, *, task: Task) -> Float[np.ndarray, "4"]:
        """Start an episode as D4RL does.

        The start is uniform over the free cells, the goal's among them, with up to 0.1 m of noise an axis; the
        velocity is normal with 0.1 m/s an axis. The goal is the maze's own, without noise, or drawn as the start's
        position is.

        Args:
            generator: of the draws.
            task: where the goal is.

        Returns:
            The state, in m and m/s.
        """
        position, velocity, target = draw_episode(self.maze, generator, task=task)
        return self.reset_to(position, velocity, target)

    def reset_to(
        self,
        position: Float[np.ndarray, "2"],
        velocity: Float[np.ndarray, "2"],
        target: Float[np.ndarray, "2"],
    ) -> Float[np.ndarray, "4"]:
        """Start an episode from here.

        Args:
            position: of the ball, in metres.
            velocity: of the ball, in m/s.
            target: the goal's position, in metres.

        Returns:
            The state, in m and m/s.

        Raises:
            ValueError: if a value is not finite, or the ball's or the goal's middle lies in a wall.
        """
        for name, place in (("position", position), ("target", target)):
            check_numbers(name, place, (2,))
            self.maze.maze.check_free(name, place, in_world=True)
        check_numbers("velocity", velocity, (2,))
        self.gymnasium.reset(seed=0)  # clears MuJoCo's data, its warm start among them
        self._inner.goal = np.array(target, np.float64)
        self._inner.update_target_site_pos()
        self._inner.point_env.set_state(np.array(position, np.float64), np.array(velocity, np.float64))
        self._steps = 0
        return self.state

    def step(self, action: Float[np.ndarray, "2"]) -> tuple[Float[np.ndarray, "4"], float, bool]:
        """Act for 0.01 s.

        Args:
            action: clipped to [-1, 1] an axis.

        Returns:
            The state in m and m/s, the reward (1 within 0.5 m of the goal, else 0), and whether the episode is over.

        Raises:
            ValueError: if the action is not finite: MuJoCo would start anew without a word.
            RuntimeError: if there is no episode, or it is over.
        """
        steps = self._require_episode()
        if steps >= self.max_episode_steps:
            raise RuntimeError(f"the episode is over after {steps} steps; call reset or reset_to")
        self._inner.point_env.step(check_numbers("action", action, (2,)))
        self._steps = steps + 1
        distance = float(np.linalg.norm(self.data.qpos - self._inner.goal))
        return self.state, float(distance <= TARGET_RADIUS), self._steps >= self.max_episode_steps

    def render(self) -> Any:  # noqa: ANN401
        """What gymnasium renders in the chosen mode."""
        return self._inner.render()

    def close(self) -> None:
        """Free what the environment holds."""
        self.gymnasium.close()

    def __enter__(self) -> "PointMazeEnv":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_episode(self) -> int:
        if self._steps is None:
            raise RuntimeError("there is no episode yet; call reset or reset_to first")
        return self._steps


def draw_episode(
    maze: PointMaze, generator: np.random.Generator, *, task: Task, cell: tuple[int, int] | None = None
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Draw start, velocity and goal as D4RL does; see `PointMazeEnv.reset`.

    Args:
        maze: which.
        generator: of the draws.
        task: where the goal is.
        cell: (row, col) of the start; drawn where none is given.

    Returns:
        Position in metres, velocity in m/s, goal in metres.

    Raises:
        ValueError: if `task` is none of the two, or `cell` is not free.
    """
    if task not in ("single", "multi"):
        raise ValueError(f'task must be "single" or "multi", found {task!r}')
    if cell is None:
        cell = maze.cells[int(generator.integers(len(maze.cells)))]
    else:
        check_cell(maze.maze.walls, "cell", cell)
    position = maze.place(cell) + generator.uniform(-_PLACE_NOISE, _PLACE_NOISE, 2)
    velocity = _VELOCITY_NOISE * generator.standard_normal(2)
    if task == "single":
        return position, velocity, maze.target
    target = maze.place(maze.cells[int(generator.integers(len(maze.cells)))])
    return position, velocity, target + generator.uniform(-_PLACE_NOISE, _PLACE_NOISE, 2)
