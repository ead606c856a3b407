"""`anchordiff evaluate --suite maze2d`, in real MuJoCo."""

import json
from pathlib import Path

import pytest

import anchordiff
from anchordiff.cli import main
from anchordiff.cli._domains import take_domain


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
        (
            ["--suite", "maze2d", "--task", "single"],
            "--maze {umaze,medium,large} of the benchmark. (required)\n",
        ),
        (["--suite=maze2d", "--maze", "large"], "in each episode. (required)\n"),
        (["--domain", "pointmaze"], "--maze {umaze,medium,large}"),
        (["--maze", "large"], "--task {single,multi}"),
        (["--suite", "rooms-21", "--maze", "huge"], "Unrecognized options: --maze, huge"),
        (["--domain", "maze", "--suite", "maze2d"], "invalid choice 'maze2d'"),
    ],
)
def test_maze_and_task_belong_to_maze2d(flags, said, capsys):
    assert main(["evaluate", *flags]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "domain", "rest"),
    [
        (["--suite", "maze2d", "--maze", "large"], "pointmaze", ["--maze", "large"]),
        (["--suite=maze2d", "--maze=large"], "pointmaze", ["--maze=large"]),
        (["--seed", "3", "--maze", "umaze"], "pointmaze", ["--seed", "3", "--maze", "umaze"]),
        (["--domain", "pointmaze", "--suite", "maze2d"], "pointmaze", []),
        (["--domain=vector", "--maze", "large"], "vector", ["--maze", "large"]),
        (["--maze", "./umaze"], None, ["--maze", "./umaze"]),
        (["--out", "umaze"], None, ["--out", "umaze"]),
        ([], None, []),
    ],
)
def test_d4rls_mazes_and_its_suite_name_their_domain(words, domain, rest):
    assert take_domain(words) == (domain, rest)


def test_a_domain_is_named_once():
    with pytest.raises(ValueError, match="--domain must be given once, found maze, vector"):
        take_domain(["--domain", "maze", "--domain=vector"])
    for words in (["--domain"], ["--domain", "--out", "x"]):
        with pytest.raises(
            ValueError, match="--domain must be one of maze, mazes, pointmaze, vector, video, found none"
        ):
            take_domain(words)


MAZE2D = ["--suite", "maze2d", "--maze", "umaze", "--task", "single"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([*MAZE2D, "--full-sequence", "runs/full"], "Unrecognized options: --full-sequence, runs/full\n"),
        ([*MAZE2D, "--timed", "20"], "Unrecognized options: --timed, 20\n"),
        ([*MAZE2D, "--batch-size", "100"], "Unrecognized options: --batch-size, 100\n"),
        ([*MAZE2D, "--size", "201"], "--size must lie in 1 ... 200 with --suite maze2d, found 201"),
        ([*MAZE2D, "--candidates", "0"], "--candidates must be at least 1, found 0"),
        ([*MAZE2D, "--seed", "-1"], "--seed must not be negative with --suite maze2d, found -1"),
        (["--candidates", "0"], "--candidates must be at least 1, found 0"),
        (["--threads", "0"], "--threads must be at least 1, found 0"),
        (["--batch-size", "0"], "--batch-size must be at least 1, found 0"),
        (["--timed", "-1"], "--timed must be at least 0, found -1"),
        (["--size", "0"], "--size must lie in 1 ... 1000 with --suite particle-21, found 0"),
        (["--out", "file"], "--out must be a folder, found the file file"),
        ([*MAZE2D, "--out", "file/below"], "--out must be a folder, found the file"),
    ],
)
def test_flags_are_checked_before_any_work(flags, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(anchordiff.TwoStagePipeline, "from_pretrained", lambda *words: pytest.fail("worked"))
    (tmp_path / "file").write_text("mine")
    assert main(["evaluate", *flags]) == 2
    found = capsys.readouterr().err
    assert said in found
    assert found.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_costs_no_work(tmp_path, monkeypatch, capsys):
    def refuse(self, **options):
        raise PermissionError(f"Permission denied: {self}")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(
        "anchordiff.domains.maze.evaluation.evaluate", lambda *words, **options: pytest.fail("worked")
    )
    assert main(["evaluate", "--out", str(tmp_path / "new")]) == 1
    assert "Permission denied" in capsys.readouterr().err
