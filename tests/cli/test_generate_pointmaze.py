"""`anchordiff generate` in D4RL's mazes: everything in metres, and without the extra."""

import json
import subprocess
import sys

import numpy as np
import pytest

from anchordiff.cli import main
from anchordiff.domains.maze import plots
from anchordiff.domains.pointmaze.benchmark import load_starts, shortest_length
from anchordiff.domains.pointmaze.world import POINT_MAZES, find_walls
from anchordiff.kernels.grid.polyline import polyline_length
from anchordiff.pipeline import TwoStagePipeline

QUICK = ["generate", "--num-samples", "3", "--steps", "1", "--device", "cpu"]


def load(folder):
    return np.load(folder / "samples.npz"), json.loads((folder / "metrics.json").read_text())


def test_a_plan_in_metres_from_a_stored_start_to_the_goal(tmp_path, capsys):
    words = ["generate", "--maze", "medium", "--seed", "3", "--num-samples", "4", "--out", str(tmp_path)]
    assert main(words) == 0
    said = capsys.readouterr().out
    maze, starts = POINT_MAZES["medium"], load_starts("medium", task="single", episodes=4)
    made, metrics = load(tmp_path)
    for name in ("trajectory", "coarse"):
        assert made[name].shape == (4, 256, 2)
    assert np.allclose(made["start"], starts.position[3], atol=1e-6)
    assert np.allclose(made["goal"], maze.target, atol=1e-6)
    for name in ("trajectory", "coarse", "keypoints"):
        assert np.allclose(made[name][:, 0], made["start"], atol=1e-5)
        assert np.allclose(made[name][:, -1], made["goal"], atol=1e-5)
    walls = find_walls(maze)
    assert np.array_equal(made["walls"], maze.maze.walls)
    assert np.array_equal(made["wall_boxes"], np.stack([walls.low, walls.high], axis=1))

    path = made["trajectory"][made["chosen"][0]].astype(np.float64)
    length, shortest = polyline_length(path), shortest_length(maze, starts.position[3], maze.target)
    assert np.isclose(metrics["length_metres"], length, rtol=1e-6)
    assert np.isclose(metrics["length_over_shortest"], length / shortest, rtol=1e-5)
    assert np.isclose(metrics["clearance_metres"], walls.distance(path).min())
    assert metrics["wanted_clearance_metres"] == 0.15
    assert metrics["free_of_collisions"]
    assert metrics["clearance_metres"] >= 0.15 - 1e-6
    clear = (walls.distance(made["trajectory"]).min(axis=1) >= 0.15).sum()
    assert 1 <= metrics["candidates_free"] <= clear
    assert np.isclose(polyline_length(made["expert"].astype(np.float64)), shortest, rtol=0.01)
    assert walls.distance(made["expert"]).min() > 0.05
    assert metrics["seconds"] > 0
    for row in ("plan keeps 0.15 m off walls  yes", f"{length:.2f} m", "length / shortest"):
        assert row in said
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["domain"], config["pipeline"]) == ("pointmaze", "pointmaze")
    assert config["request"]["maze"] == "medium"
    for name in ("plan.png", "samples.png"):
        assert (tmp_path / name).stat().st_size > 10_000


def test_ends_and_horizon_of_ones_own(tmp_path):
    ends = ["--start", "-4.5", "2.5", "--goal", "0.5", "-0.9"]
    assert main([*QUICK, "--maze", "large", *ends, "--horizon", "40", "--out", str(tmp_path)]) == 0
    made, _ = load(tmp_path)
    assert made["trajectory"].shape == (3, 40, 2)
    assert made["expert"].shape == (40, 2)
    assert np.allclose(made["expert"][[0, -1]], [[-4.5, 2.5], [0.5, -0.9]], atol=1e-5)
    assert np.allclose([made["start"], made["goal"]], [[-4.5, 2.5], [0.5, -0.9]], atol=1e-5)


def test_an_end_near_a_wall_leaves_no_candidate_free(tmp_path, capsys):
    near = ["--start", "-1.37", "1"]  # 0.13 m off the wall: the ball fits, a plan does not keep 0.15 m
    assert main([*QUICK, "--maze", "umaze", *near, "--horizon", "32", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "plan keeps 0.15 m off walls  no" in said.out
    assert "candidates keeps 0.15 m off walls; plan.png shows the least bad one" in said.err
    _, metrics = load(tmp_path)
    assert (metrics["free_of_collisions"], metrics["candidates_free"]) == (False, 0)
    assert 0 < metrics["clearance_metres"] <= 0.13 + 1e-6


def test_a_file_of_the_name_is_told_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "umaze").write_text("#####\n#S.G#\n#####\n")
    own = [*QUICK, "--maze", "./umaze", "--horizon", "16"]
    assert main([*own, "--out", "file"]) == 0
    made, metrics = load(tmp_path / "file")
    assert made["start"].tolist() == [1.5, 1.5]
    assert "length_cells" in metrics
    assert "wall_boxes" not in made
    assert main([*QUICK, "--maze", "umaze", "--horizon", "16", "--out", "maze"]) == 0
    assert "length_metres" in load(tmp_path / "maze")[1]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--maze", "hard"],
            "--maze must be the path of a text file, found 'hard', which is none "
            "(--maze umaze, medium, large: of --domain pointmaze)",
        ),
        (
            ["--maze", "large", "--start", "-6.5", "0"],
            "--start must lie inside the maze, x in -6 ... 6 and y in -4.5 ... 4.5, found (-6.5, 0)",
        ),
        (["--maze", "large", "--goal", "nan", "0"], "--goal must lie inside the maze"),
        (
            ["--maze", "umaze", "--goal", "-0.5", "0.1"],
            "--goal must be in a free cell, not in a wall or on its edge, found (-0.5, 0.1)",
        ),
        (
            ["--maze", "umaze", "--start", "-1", "1", "--goal", "-1", "1"],
            "--goal must not be where the start is, found (-1, 1) for both",
        ),
        (["--maze", "umaze", "--seed", "200"], "--seed must lie in 0 ... 199 without --start"),
        (["--maze", "umaze", "--seed", "-1"], "found -1"),
        (["--maze", "umaze", "--horizon", "1"], "horizon must be an integer of at least 2, found 1"),
    ],
)
def test_what_cannot_be_planned_is_one_line(flags, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*QUICK, *flags, "--out", "o"]) == 2
    found = capsys.readouterr().err
    assert said in found
    assert found.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_steps_reach_the_sampler_and_the_pictures_the_world(tmp_path, monkeypatch):
    drawn, asked = [], []
    for name in ("draw_plan", "draw_samples"):
        draw = getattr(plots, name)
        monkeypatch.setattr(
            plots,
            name,
            lambda *words, _draw=draw, **options: drawn.append(options) or _draw(*words, **options),
        )
    plan = TwoStagePipeline.plan
    monkeypatch.setattr(
        TwoStagePipeline,
        "plan",
        lambda self, *words, **options: asked.append(options["steps"]) or plan(self, *words, **options),
    )
    words = ["generate", "--num-samples", "2", "--steps", "3", "--maze", "umaze", "--horizon", "16"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    assert asked == [1, 3]  # the first is not timed
    assert [(each["clearance"], each["world"]) for each in drawn] == [(0.15, POINT_MAZES["umaze"].maze)] * 2


def test_any_seed_goes_with_a_start(tmp_path):
    words = [*QUICK, "--maze", "umaze", "--horizon", "16", "--start", "-1", "-1", "--seed", "200"]
    assert main([*words, "--out", str(tmp_path)]) == 0


def test_no_extra_is_needed(tmp_path):
    code = (
        "import sys\n"
        "extra = ('gymnasium', 'gymnasium_robotics', 'minari', 'mujoco', 'scipy', 'toppra', 'h5py')\n"
        "sys.modules.update(dict.fromkeys(extra))\n"  # importing one fails
        "from anchordiff.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = [*QUICK, "--maze", "umaze", "--horizon", "16", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plan.png").exists()
