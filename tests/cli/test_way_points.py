"""`generate --way-points`: plans through points off the shortest way."""

import json

import numpy as np
import pytest

from anchordiff.cli import main
from anchordiff.domains.maze.tasks import held_out_task

MAZE = "#########\n#S..#...#\n#...#...#\n#.......#\n#..#...G#\n#########\n"
QUICK = ["generate", "--num-samples", "4", "--device", "cpu"]


@pytest.fixture
def maze(tmp_path):
    path = tmp_path / "maze.txt"
    path.write_text(MAZE)
    return str(path)


def test_the_plan_goes_through_them_in_turn(maze, tmp_path, capsys):
    out = tmp_path / "plan"
    words = ["--maze", maze, "--way-points", "7.5", "1.5", "1.5", "4.5", "--out", str(out)]
    assert main([*QUICK, *words]) == 0, capsys.readouterr().err
    made = np.load(out / "samples.npz")
    assert made["trajectory"].shape == (4, 190, 2)
    assert (made["trajectory"][:, [63, 126]] == np.array([[7.5, 1.5], [1.5, 4.5]])).all()
    told = json.loads((out / "metrics.json").read_text())
    assert told["free_of_collisions"]
    assert told["length_over_shortest"] == pytest.approx(1.0, abs=0.1)
    assert json.loads((out / "config.json").read_text())["request"]["way_points"] == [[7.5, 1.5], [1.5, 4.5]]


def test_in_a_held_out_maze_with_a_horizon(tmp_path):
    x, y = held_out_task(3, horizon=64).expert[20].tolist()  # on the expert's way, so it can be reached
    words = [
        "--way-points",
        str(x),
        str(y),
        "--horizon",
        "101",
        "--seed",
        "3",
        "--out",
        str(tmp_path / "plan"),
    ]
    assert main([*QUICK, *words]) in (0, 1)
    made = np.load(tmp_path / "plan" / "samples.npz")["trajectory"]
    assert made.shape == (4, 101, 2)
    assert made[:, 50].tolist() == [[np.float32(x), np.float32(y)]] * 4


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (["4.5", "1.5"], r"must be in free cells, not in a wall"),
        (["99", "1.5"], "must lie inside the maze"),
        (["1.5"], "way-points"),
        (["7.5", "1.5", "--film", "gif"], "return_trace must be left out with way points"),
    ],
)
def test_points_that_nobody_can_go_through_are_refused(maze, points, told, tmp_path, capsys):
    out = tmp_path / "no"
    assert main([*QUICK, "--maze", maze, "--out", str(out), "--way-points", *points]) in (1, 2)
    assert told in capsys.readouterr().err
    assert not (out / "plan.png").exists()


def test_a_point_that_walls_part_from_the_rest_is_refused(tmp_path, capsys):
    path = tmp_path / "parted.txt"
    path.write_text("#########\n#S.G#...#\n#########\n")
    words = ["--maze", str(path), "--way-points", "6.5", "1.5", "--out", str(tmp_path / "no")]
    assert main([*QUICK, *words]) == 2
    assert (
        "--way-points must be reachable in turn, found no way from (1.5, 1.5) to (6.5, 1.5)"
        in capsys.readouterr().err
    )
