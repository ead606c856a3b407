import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from anchordiff.cli import main
from anchordiff.hub import from_pretrained
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.training import read_log

SMALL = [
    "--data.horizon", "16",
    "--model.horizon", "16",
    "--model.transformer.width", "16",
    "--model.transformer.depth", "1",
    "--model.encoder.map-channels", "4",
    "--model.encoder.cell-channels", "8",
    "--model.encoder.convolution-blocks", "1",
    "--model.encoder.attention-channels", "0",
    "--train.batch-size", "4",
    "--train.warmup-steps", "1",
    "--run.log-every", "1",
    "--run.no-tensorboard",
    "--run.progress", "False",
    "--threads", "1",
    "--device", "cpu",
    "--validate", "4",
]  # fmt: skip
KEYPOINTS = ["train", "keypoints", *SMALL, "--model.num-keypoints", "4"]
DENOISER = ["train", "denoiser", *SMALL, "--model.num-keypoints", "4", "--model.num-levels", "2"]

MAZE = "#########\n#S..#...#\n#.#.#.#.#\n#.#...#G#\n#########\n"


def succeed(*words: str | Path) -> None:
    assert main([str(word) for word in words]) == 0


def generate(*words: str | Path) -> None:
    """Generate with weights that may be too poor for a valid plan."""
    assert main(["generate", *map(str, words)]) in (0, 1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of both stages, the baseline's unfinished, and the pipeline made of them."""
    folder = tmp_path_factory.mktemp("runs")
    succeed(*KEYPOINTS, "--train.steps", "3", "--out", folder / "k")
    succeed(*DENOISER, "--train.steps", "3", "--out", folder / "d")
    full = ["train", "keypoints", *SMALL, "--model.num-keypoints", "16", "--train.steps", "50"]
    succeed(*full, "--run.max-seconds", "1e-6", "--out", folder / "f")
    stages = ["--keypoints", folder / "k", "--denoiser", folder / "d", "--full-sequence", folder / "f"]
    succeed(
        "bundle",
        *stages,
        "--out",
        folder / "pipe",
        "--steps",
        "2",
        "--spacing",
        "quadratic",
        "--keypoint-blocks",
        "1",
    )
    return folder


def test_training_leaves_a_model_that_loads(runs):
    keypoints = from_pretrained(runs / "k", KeypointDiffusion)
    assert (keypoints.config.horizon, keypoints.config.num_keypoints) == (16, 4)
    assert from_pretrained(runs / "d", InterpDenoiser).config.num_levels == 2
    settings = json.loads((runs / "k" / "training" / "config.json").read_text())
    assert settings["model"]["transformer"]["width"] == 16
    assert settings["train"]["steps"] == 3
    assert settings["data"]["horizon"] == 16
    log = read_log(runs / "k" / "training" / "log.jsonl")
    assert [entry["step"] for entry in log if entry["event"] == "train"] == [1, 2, 3]
    (held_out,) = (entry for entry in log if entry["event"] == "evaluation")
    assert {"loss", "keypoint_error", "coarse_success"} <= held_out.keys()
    assert (runs / "k" / "training" / "curves.png").stat().st_size > 1000


def test_training_twice_gives_the_same_bits(runs, tmp_path):
    succeed(*KEYPOINTS, "--train.steps", "3", "--out", tmp_path / "k")
    first, second = (load_file(path / "k" / "model.safetensors") for path in (runs, tmp_path))
    assert all(torch.equal(first[name], second[name]) for name in first)
    succeed(*KEYPOINTS, "--train.steps", "3", "--train.seed", "1", "--out", tmp_path / "other")
    third = load_file(tmp_path / "other" / "model.safetensors")
    assert any(not torch.equal(first[name], third[name]) for name in first)


def test_a_stopped_run_goes_on_to_the_same_end(runs, tmp_path, capsys):
    words = [*KEYPOINTS, "--train.steps", "3", "--out", tmp_path / "k"]
    succeed(*words, "--run.max-seconds", "1e-6")
    assert "--resume" in capsys.readouterr().out
    assert not (tmp_path / "k" / "model.safetensors").exists()
    assert main([str(word) for word in words]) == 2
    succeed(*words, "--resume")
    first, second = (load_file(path / "k" / "model.safetensors") for path in (runs, tmp_path))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_bundle_holds_stages_logs_and_defaults(runs, capsys):
    pipeline = TwoStagePipeline.from_pretrained(runs / "pipe")
    assert (pipeline.config.horizon, pipeline.config.num_keypoints, pipeline.config.steps) == (16, 4, 2)
    assert pipeline.config.spacing == "quadratic"
    kept = load_file(runs / "k" / "model.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in pipeline.keypoints.state_dict().items())
    assert (runs / "pipe" / "denoiser" / "training" / "log.jsonl").exists()
    baseline = from_pretrained(runs / "pipe" / "full_sequence", KeypointDiffusion)
    assert baseline.config.num_keypoints == 16
    swapped = ["bundle", "--keypoints", runs / "d", "--denoiser", runs / "k", "--out", runs / "no"]
    assert main([str(word) for word in swapped]) == 2
    assert (
        "must hold something of class KeypointDiffusion, found InterpDenoiser in" in capsys.readouterr().err
    )


def test_evaluate_prints_the_table_and_writes_the_files(runs, tmp_path, capsys):
    words = ["--pipeline", runs / "pipe", "--suite", "rooms-21", "--size", "3", "--candidates", "2"]
    succeed("evaluate", *words, "--timed", "1", "--device", "cpu", "--out", tmp_path)
    table = capsys.readouterr().out
    for name in (
        "straight line",
        "coarse",
        "one sample",
        "plan, 2 candidates",
        "true keypoints",
        "2 steps",
        "16 steps",
    ):
        assert name in table
    assert (tmp_path / "table.md").read_text().strip() in table
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert (result["suite"], result["size"], len(result["methods"])) == ("rooms-21", 3, 7)
    assert (tmp_path / "failures.png").stat().st_size > 1000


def test_generate_draws_a_held_out_maze(runs, tmp_path, capsys):
    generate("--pipeline", runs / "pipe", "--out", tmp_path, "--num-samples", "3")
    assert "held-out maze 0" in capsys.readouterr().out
    assert (tmp_path / "plan.png").stat().st_size > 1000
    made = np.load(tmp_path / "samples.npz")
    assert made["trajectory"].shape == (3, 16, 2)
    assert made["keypoints"].shape == (3, 4, 2)
    assert json.loads((tmp_path / "metrics.json").read_text())["candidates"] == 3
    assert json.loads((tmp_path / "config.json").read_text())["num_samples"] == 3
    generate("--pipeline", runs / "pipe", "--out", tmp_path / "2", "--num-samples", "3")
    again = np.load(tmp_path / "2" / "samples.npz")
    assert all(np.array_equal(made[name], again[name]) for name in made.files)


def test_generate_takes_a_maze_of_ones_own(runs, tmp_path, capsys):
    (tmp_path / "maze.txt").write_text(MAZE)
    words = ["--pipeline", runs / "pipe", "--maze", tmp_path / "maze.txt", "--horizon", "24", "--steps", "1"]
    generate(*words, "--out", tmp_path / "a", "--num-samples", "1")
    made = np.load(tmp_path / "a" / "samples.npz")
    assert made["walls"].shape == (5, 9)
    assert made["start"].tolist() == [1.5, 1.5]
    assert made["goal"].tolist() == [7.5, 3.5]
    assert made["expert"].shape == (24, 2)
    assert np.allclose(made["expert"][[0, -1]], [[1.5, 1.5], [7.5, 3.5]])
    told = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert "length_over_expert" not in told  # no data follow this way
    assert told["length_over_shortest"] > 0
    assert "length / shortest" in capsys.readouterr().out
    generate(*words, "--out", tmp_path / "b", "--goal", "5.5", "1.5", "--num-samples", "1")
    assert np.load(tmp_path / "b" / "samples.npz")["goal"].tolist() == [5.5, 1.5]


@pytest.mark.parametrize(
    ("maze", "flags", "message"),
    [
        (
            MAZE,
            ["--start", "4.5", "1.5"],
            "start must be in a free cell, not in a wall or on its edge, found (4.5, 1.5)",
        ),
        (
            MAZE,
            ["--start", "40", "1"],
            "start must lie inside the maze, x in 0 ... 9 and y in 0 ... 5, found (40, 1)",
        ),
        (MAZE, ["--goal", "1.5", "1.5"], "goal must not be where the start is, found (1.5, 1.5) for both"),
        ("###\n#.#\n###", [], "goal must not be where the start is"),
        (MAZE.replace("S", "G"), [], "maze must have one G at most, found 2"),
        (MAZE.replace("...#G", "..##G"), [], "goal must be reachable from start"),
        ("###\n#?#\n###", [], "found '?'"),
        ("###\n###", [], "maze must have a free cell"),
    ],
)
def test_bad_mazes_are_refused(runs, tmp_path, capsys, maze, flags, message):
    (tmp_path / "maze.txt").write_text(maze)
    words = [
        "generate",
        "--pipeline",
        runs / "pipe",
        "--maze",
        tmp_path / "maze.txt",
        "--out",
        tmp_path / "o",
    ]
    assert main([*map(str, words), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_without_ends_they_lie_far_apart(runs, tmp_path):
    (tmp_path / "maze.txt").write_text(MAZE.replace("S", ".").replace("G", "."))
    words = ["--keypoints", runs / "pipe", "--maze", tmp_path / "maze.txt", "--num-samples", "2"]
    succeed("sample", "keypoints", *words, "--out", tmp_path / "s")
    keypoints = np.load(tmp_path / "s" / "samples.npz")["keypoints"]
    ends = {tuple(keypoints[0, 0].tolist()), tuple(keypoints[0, -1].tolist())}
    assert ends == {(1.5, 3.5), (7.5, 3.5)}
    assert (tmp_path / "s" / "denoising.png").stat().st_size > 1000


def test_keypoints_are_sampled_from_an_unfinished_run(runs, tmp_path, capsys):
    succeed("sample", "keypoints", "--keypoints", runs / "f", "--out", tmp_path, "--num-samples", "2")
    assert "is not finished: taking the weights after step 1" in capsys.readouterr().err
    assert np.load(tmp_path / "samples.npz")["keypoints"].shape == (2, 16, 2)


def test_data_particle_goes_on_where_it_stopped(tmp_path, capsys):
    words = ["data", "particle", "--out", tmp_path, "--size", "5", "--shard-size", "2", "--data.horizon", "8"]
    succeed(*words)
    assert "3 shards made" in capsys.readouterr().out
    next(tmp_path.glob("shard-00001*")).unlink()
    succeed(*words)
    assert "1 shards made" in capsys.readouterr().out
    assert json.loads((tmp_path / "config.json").read_text())["data"]["horizon"] == 8
