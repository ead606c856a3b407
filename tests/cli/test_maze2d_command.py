"""`anchordiff evaluate --suite maze2d`, in real MuJoCo."""

import json

import pytest

from anchordiff.cli import main


def test_a_pipeline_beside_the_reference_rows(tmp_path, capsys):
    words = ["evaluate", "--suite", "maze2d", "--maze", "umaze", "--task", "single", "--size", "2"]
    assert main([*words, "--candidates", "3", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    content = json.loads((tmp_path / "evaluation.json").read_text())
    agents = content["agents"]
    own = ["one sample, Diffuser's PD", "plan of 3, Diffuser's PD", "plan of 3, tracker"]
    assert list(agents)[:3] == own
    assert "waypoint controller" in agents
    assert all(name in said for name in agents)
    assert (content["maze"], content["task"], content["horizon"], content["candidates"]) == (
        "umaze", "single", 128, 3,
    )  # fmt: skip
    assert all(agents[name]["episodes"] == 2 for name in own)
    tracked, paced, lost = (agents[name]["score"] for name in (own[2], own[1], "random"))
    assert tracked > paced > lost
    assert agents[own[2]]["success"] == 1.0
    assert (tmp_path / "rollouts.png").stat().st_size > 10_000
    assert (
        (tmp_path / "table.md").read_text().startswith("pointmaze on Maze2D umaze, single task, 2 episodes")
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--suite", "maze2d", "--task", "single"], "--maze is needed with --suite maze2d"),
        (["--suite", "maze2d", "--maze", "large"], "--task is needed with --suite maze2d"),
        (["--maze", "large"], "--maze must be left out without --suite maze2d, found --suite particle-21"),
    ],
)
def test_maze_and_task_belong_to_maze2d(flags, said, capsys):
    assert main(["evaluate", *flags]) == 2
    assert said in capsys.readouterr().err
