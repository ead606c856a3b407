"""The benchmark that says what a Maze2D score rests on: which rows it has, and what it writes of them."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from anchordiff.domains.pointmaze.benchmark import evaluate_maze2d
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import POINT_MAZES, PathTracker
from anchordiff.pipeline import TwoStagePipeline

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"
UMAZE = POINT_MAZES["umaze"]


@pytest.fixture
def ablation(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("maze2d_ablation")


@pytest.fixture(scope="module")
def pipeline():
    return TwoStagePipeline.from_pretrained("particle-maze")


def test_rows_differ_from_the_default_in_one_thing(ablation, pipeline):
    planner = PointMazePlanner(pipeline=pipeline, maze=UMAZE, horizon=128)
    options = ablation.Options(maze="umaze", replan_every=50, other="particle-maze")
    rows = ablation.make_variations(options, UMAZE, planner)
    default = rows.pop("default")
    found = {}
    for name, agents in rows.items():
        for follower, agent in agents.items():
            changed = [
                field
                for field in ("candidates", "clearance", "pipeline", "horizon", "seed")
                if getattr(agent.planner, field) != getattr(default[follower].planner, field)
            ]
            changed += ["replan_every"] * (agent.replan_every is not None)
            changed += ["follow"] * (agent.follow is not default[follower].follow)
            found.setdefault(name, []).append((follower, changed))
    both = ("Diffuser's PD", "tracker")
    assert found == {
        "1 candidate": [(follower, ["candidates"]) for follower in both],
        "no wall check": [(follower, ["clearance"]) for follower in both],
        "tracker without walls": [("tracker", ["follow"])],
        "a plan every 50 steps": [(follower, ["replan_every"]) for follower in both],
        "trained on other data: particle-maze": [(follower, ["pipeline"]) for follower in both],
    }
    assert rows["tracker without walls"]["tracker"].follow is PathTracker


def test_table_and_file_hold_the_differences(ablation, tmp_path, capsys, monkeypatch):
    path, make, kept = tmp_path / "runs" / "ablation.json", ablation.make_variations, (0, 1, 3)
    monkeypatch.setattr(
        ablation,
        "make_variations",
        lambda *words: dict(row for number, row in enumerate(make(*words).items()) if number in kept),
    )
    ablation.main(ablation.Options(maze="umaze", episodes=2, json=path))
    content = json.loads(path.read_text("utf-8"))
    scores = {name: np.array(figures["episode_scores"]) for name, figures in content["agents"].items()}
    assert len(scores) == 5
    for followers in content["variations"].values():
        for follower, entry in followers.items():
            gain = scores[entry["agent"]] - scores[f"default, {follower}"]
            assert entry["difference"]["mean"] == pytest.approx(gain.mean(), abs=1e-5)
            expected = gain.std(ddof=1) / np.sqrt(2)
            assert entry["difference"]["standard_error"] == pytest.approx(expected, abs=1e-5)
    table = capsys.readouterr().out.splitlines()[2:]
    assert [line.split("|")[1].strip() for line in table[2:]] == list(content["variations"])
    assert [cell.strip() for cell in table[4].split("|")[2:5]] == ["-"] * 3  # the PD sees no walls anyway
    found = content["variations"]["1 candidate"]["tracker"]["difference"]
    assert f"{found['mean']:+.1f} ± {found['standard_error']:.1f}" in table[3]


def test_a_single_episode_has_no_errors(ablation, pipeline):
    planner = PointMazePlanner(pipeline=pipeline, maze=UMAZE, horizon=128, candidates=2)
    rows = ablation.make_variations(ablation.Options(maze="umaze"), UMAZE, planner)
    rows = {name: rows[name] for name in ("default", "1 candidate")}
    agents = [agent for row in rows.values() for agent in row.values()]
    evaluation = evaluate_maze2d(agents, maze="umaze", task="single", episodes=1)
    assert "±" not in ablation.ablation_table(evaluation, rows)
