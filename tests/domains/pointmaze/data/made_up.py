"""Recordings of random walks, for laws that need no physics."""

import numpy as np
from hypothesis import strategies as st

from anchordiff.domains.pointmaze.data import Recording
from anchordiff.domains.pointmaze.world import POINT_MAZES

MAZES = {name: maze.maze for name, maze in POINT_MAZES.items()}
CELLS = {name: maze.cells for name, maze in POINT_MAZES.items()}


def make(lengths, goes_on, *, maze="umaze", seed=0):
    """Episodes of given lengths within one free cell; each goes on from the one before where it is said."""
    random = np.random.default_rng(seed)
    starts, ends, row = [], [], -1
    for length, joined in zip(lengths, goes_on, strict=True):
        starts.append(row if joined and row >= 0 else row + 1)
        row = starts[-1] + length
        ends.append(row)
    corner = np.array(CELLS[maze][0][::-1])
    steps = random.normal(scale=0.02, size=(row + 1, 2)).cumsum(axis=0)
    inside = 0.5 + 0.3 * np.sin(steps)
    positions = MAZES[maze].to_world(inside + corner)
    observations = np.concatenate([positions, random.normal(size=(row + 1, 2))], axis=1)
    goals = MAZES[maze].to_world(random.uniform(0.2, 0.8, (row + 1, 2)) + corner)
    goals[np.array(ends) - 1] = positions[ends] + random.uniform(-0.3, 0.3, (len(ends), 2))  # touched
    return Recording(
        maze=MAZES[maze],
        observations=observations.astype(np.float32),
        actions=random.uniform(-1, 1, (row + 1, 2)).astype(np.float32),
        goals=goals.astype(np.float32),
        episode_starts=np.array(starts, np.int64),
        episode_ends=np.array(ends, np.int64),
    )


def walk(maze, cells):
    """One episode through the positions `cells`, in cells, at rest in each, whose goals are where it goes next."""
    world = maze.to_world(cells)
    return Recording(
        maze=maze,
        observations=np.concatenate([world, np.zeros(world.shape)], axis=1).astype(np.float32),
        actions=np.zeros(world.shape, np.float32),
        goals=np.append(world[1:], world[-1:], axis=0).astype(np.float32),
        episode_starts=np.array([0], np.int64),
        episode_ends=np.array([len(world) - 1], np.int64),
    )


@st.composite
def recordings(draw):
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=25))
    goes_on = draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    return make(lengths, goes_on, seed=draw(st.integers(0, 100)))
