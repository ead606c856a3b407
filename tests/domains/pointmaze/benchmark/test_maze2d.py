import json
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from anchordiff.domains.pointmaze.benchmark import (
    Beginning,
    Maze2dEvaluation,
    Planned,
    Random,
    Rollout,
    Waypoints,
    evaluate_maze2d,
    load_starts,
    reference_agents,
    run_episode,
    shortest_length,
    shortest_planner,
)
from anchordiff.domains.pointmaze.benchmark.measures import AgentResult, paired_difference
from anchordiff.domains.pointmaze.world import POINT_MAZES, PathTracker, PointMazeEnv, find_walls

UMAZE = POINT_MAZES["umaze"]


@dataclass
class Nothing:
    name: str = "nothing"
    replan_every: int | None = None
    begun: int = 0

    def begin(self, maze, state, target, generator):
        self.begun += 1
        return Beginning(controller=lambda state: np.zeros(2))


@pytest.fixture(scope="module")
def umaze():
    with PointMazeEnv(UMAZE) as env:
        yield env


def made_up(rewards, *, states=None, plan=None):
    count = len(rewards)
    states = np.tile([*UMAZE.target, 0.0, 0.0], (count + 1, 1)) if states is None else states
    return Rollout(
        states=states,
        actions=np.zeros((count, 2)),
        rewards=np.array(rewards, float),
        target=UMAZE.target,
        plan=plan,
        planning_seconds=0.5,
        control_seconds=0.25,
    )


def test_returns_of_a_rollout():
    rollout = made_up([0, 0, 1, 1, 0, 0, 1, 0])
    assert (rollout.rewarded, rollout.first_touch, rollout.latched) == (3, 3, 6)
    never = made_up([0, 0])
    assert (never.rewarded, never.first_touch, never.latched) == (0, None, 0)
    assert made_up([1, 1]).latched == 2


def test_collisions_of_a_rollout():
    walls = find_walls(UMAZE)
    inside = [*UMAZE.centre((2, 1)), 0.0, 0.0]
    touching = [-1.45, 1.0, 0.0, 0.0]  # 5 cm from the left wall
    free = [*UMAZE.target, 0.0, 0.0]
    rollout = made_up([0, 0, 0, 0], states=np.array([free, inside, touching, free, free]))
    assert rollout.hard(walls) == 0.25
    np.testing.assert_allclose(rollout.soft(walls)[1:], [0.05, 0.0, 0.0], atol=1e-12)


def test_summary_is_what_the_rollouts_say():
    starts = load_starts("umaze", task="single", episodes=3)
    plan = np.array([[0.0, 0.0], [3.0, 4.0]])
    states = np.tile([UMAZE.target[0] + 1.0, UMAZE.target[1], 0.0, 0.0], (5, 1))
    rollouts = tuple(
        made_up(rewards, states=states, plan=plan) for rewards in ([0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0])
    )
    result = AgentResult(name="x", starts=starts, rollouts=rollouts, walls=find_walls(UMAZE))
    found = result.summary()
    scores = [UMAZE.score(rewarded) for rewarded in (2, 4, 0)]
    assert found["score"] == pytest.approx(np.mean(scores))
    assert found["score_standard_error"] == pytest.approx(np.std(scores, ddof=1) / np.sqrt(3))
    assert found["latched_score"] == pytest.approx(np.mean([UMAZE.score(n) for n in (3, 4, 0)]))
    assert found["success"] == pytest.approx(2 / 3)
    assert found["first_touch_step_mean"] == 1.5
    assert found["episode_first_touch"] == [2, 1, None]
    assert found["planning_seconds_per_episode"] == 0.5
    assert found["plan_over_shortest"] == pytest.approx(5.0)
    assert found["seconds_per_step"] == pytest.approx(0.75 / 300)


def test_paired_differences_leave_out_what_both_share():
    generator = np.random.default_rng(0)
    shared, gain = generator.normal(scale=50.0, size=400), generator.normal(3.0, 1.0, size=400)
    found = paired_difference(shared + gain, shared)
    assert found.mean == pytest.approx(gain.mean())
    assert found.standard_error == pytest.approx(np.std(gain, ddof=1) / 20)
    back = paired_difference(shared, shared + gain)
    assert (back.mean, back.standard_error) == pytest.approx((-found.mean, found.standard_error))
    alone = paired_difference(np.array([2.0]), np.array([5.0]))
    assert (alone.mean, alone.standard_error) == (-3.0, None)


def test_agents_are_compared_on_their_own_episodes():
    starts = load_starts("umaze", task="single", episodes=2)
    results = tuple(
        AgentResult(name=name, starts=starts, rollouts=tuple(map(made_up, rewards)), walls=find_walls(UMAZE))
        for name, rewards in (("a", ([1, 1, 1], [0, 0, 1])), ("b", ([0, 0, 1], [0, 0, 1])))
    )
    evaluation = Maze2dEvaluation(starts=starts, results=results, settings={})
    found = evaluation.difference("a", to="b")
    gain = UMAZE.score(3) - UMAZE.score(1)  # in the first episode alone
    assert (found.mean, found.standard_error) == pytest.approx((gain / 2, gain / 2))
    with pytest.raises(KeyError, match="c"):
        evaluation.difference("a", to="c")


def test_shortest_length_is_a_lower_bound_of_plans():
    for maze in POINT_MAZES.values():
        planner = shortest_planner(maze, horizon=400)
        for cell in maze.cells[::7]:
            state = np.array([*maze.place(cell), 0.0, 0.0])
            plan = planner(state, maze.target)
            length = np.linalg.norm(np.diff(plan, axis=0), axis=1).sum()
            shortest = shortest_length(maze, state[:2], maze.target)
            assert np.linalg.norm(maze.target - state[:2]) - 1e-9 <= shortest <= length + 1e-2


def test_agents_begin_once_or_every_so_many_steps(umaze):
    starts = load_starts("umaze", task="single", episodes=1)
    for every, times in ((None, 1), (1, 300), (70, 5)):
        agent = Nothing(replan_every=every)
        run_episode(umaze, agent, starts, 0)
        assert agent.begun == times


def test_episodes_are_the_same_to_the_bit(umaze):
    starts = load_starts("umaze", task="multi", episodes=3)
    walls = find_walls(umaze)
    planner = shortest_planner(UMAZE, horizon=128)
    tracked = Planned(
        name="tracked",
        planner=planner,
        follow=partial(PathTracker, walls=walls),
        replan_every=40,
    )
    for agent in (Random(), Waypoints(), tracked):
        first = run_episode(umaze, agent, starts, 2)
        run_episode(umaze, agent, starts, 1)
        with PointMazeEnv(UMAZE) as other:
            again = run_episode(other, agent, starts, 2)
        assert np.array_equal(first.states, again.states)
        assert np.array_equal(first.actions, again.actions)
        assert np.array_equal(first.rewards, again.rewards)
    assert first.rewards[-1] == 1.0
    assert not np.array_equal(
        run_episode(umaze, Random(), starts, 2, seed=1).actions,
        run_episode(umaze, Random(), starts, 2).actions,
    )


def test_reference_rows_come_in_their_order():
    evaluation = evaluate_maze2d(reference_agents(UMAZE), maze="umaze", task="single", episodes=7)
    score = {name: values["score"] for name, values in evaluation.to_json()["agents"].items()}
    assert list(score) == [
        "random",
        "waypoint controller",
        "shortest path, Diffuser's PD",
        "shortest path, near-optimal",
    ]
    assert score["random"] < 40
    assert 110 < score["shortest path, Diffuser's PD"] < score["shortest path, near-optimal"] - 10
    assert score["waypoint controller"] < score["shortest path, near-optimal"] - 5
    for result in evaluation.results:
        assert result.summary()["hard_share"] == 0.0
    assert evaluation["shortest path, near-optimal"].summary()["success"] == 1.0
    written = json.dumps(evaluation.to_json())
    assert '"mujoco": "' in written
    assert len(evaluation.table().splitlines()) == 6
    assert "near-optimal" in evaluation.table()


def test_wrong_arguments_are_refused(umaze):
    with pytest.raises(ValueError, match="env must be of medium, found umaze"):
        run_episode(umaze, Random(), load_starts("medium", task="single"), 0)
    with pytest.raises(ValueError, match="names of their own, found random, random"):
        evaluate_maze2d([Random(), Random()], maze="umaze", task="single")
    with pytest.raises(ValueError, match="replan_every must be an integer of at least 1, found 0"):
        Planned(name="x", planner=shortest_planner(UMAZE, horizon=9), replan_every=0)
