import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from anchordiff.cli import main
from anchordiff.cli._run import one_line
from anchordiff.denoiser import InterpDenoiser
from anchordiff.hub import from_pretrained, sources
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.pipeline import TwoStagePipeline
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
DENOISER = ["train", "denoiser", *SMALL, "--model.num-anchors", "4", "--model.num-levels", "2"]

MAZE = "#########\n#S..#...#\n#.#.#.#.#\n#.#...#G#\n#########\n"


def succeed(*words: str | Path) -> None:
    assert main([str(word) for word in words]) == 0


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


def test_help_is_quick_and_names_all_commands():
    code = (
        "import sys\n"
        "from anchordiff.cli import main\n"
        "assert main(['--help']) == 0\n"
        "assert not {'torch', 'numba', 'tyro', 'matplotlib', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    for name in ("generate", "evaluate", "sample keypoints", "train denoiser", "bundle", "data particle"):
        assert name in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "generate",
        "evaluate",
        "sample keypoints",
        "train keypoints",
        "train denoiser",
        "bundle",
        "data particle",
    ],
)
def test_every_command_explains_every_flag(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    succeed(*command.split(), "--help")
    text = capsys.readouterr().out
    assert f"usage: anchordiff {command}" in text
    flags = re.split(r"\n[│ ]*(?=--[a-z])", text)[1:]
    assert flags
    for flag in flags:
        said = re.sub(r"--[a-z0-9.-]+|\{.*?\}|\((default|required).*", "", flag, flags=re.DOTALL)
        assert re.search("[a-z]{3,}", said), f"{flag} has no help"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fly"], "command must be one of generate"),
        (["train", "both"], "found 'train both'"),
        (["generate", "--out", "x", "--sed", "1"], "Unrecognized options: --sed, 1 (perhaps --seed?)"),
        (["generate", "--outt", "x"], "(required); unrecognized options: --outt, x (perhaps --out?)\n"),
        (
            ["generate", "--sed", "1", "--outt=1,2"],
            "unrecognized options: --sed, 1, --outt=1,2 (perhaps --out?)\n",
        ),
        (["generate", "--sed", "1"], "(required); unrecognized options: --sed, 1\n"),
        (["generate"], "folder for the results. (required)\n"),
        (["generate", "--out", "x", "--seed", "2.5"], "invalid literal for int() with base 10: '2.5'\n"),
        (["evaluate", "--suite", "particle-22"], "invalid choice 'particle-22'"),
        (["evaluate", "--pipeline", "nothing-like-it"], "source must be a bundled name"),
        ([*KEYPOINTS, "--out", "x", "--train.steps", "0"], "steps must be an integer of at least 1, found 0"),
        ([*KEYPOINTS, "--out", "x", "--data.horizon", "20"], "--model.horizon must equal --data.horizon"),
        ([*KEYPOINTS, "--out", "x", "--device", "tpu"], "--device must name a device"),
        ([*KEYPOINTS, "--out", "x", "--data.split", "held_out"], "split"),
        (["generate", "--out", "x", "--goal", "1", "1"], "--start and --goal need a maze"),
    ],
)
def test_wrong_flags_are_one_line_and_code_2(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_missing_files_are_one_line_and_code_1(capsys, tmp_path):
    assert main(["evaluate", "--pipeline", str(tmp_path / "gone")]) == 1
    assert main(["sample", "keypoints", "--keypoints", str(tmp_path / "gone"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_a_folder_that_is_not_there_is_named_beside_what_the_hub_says(capsys, tmp_path, monkeypatch):
    def unreachable(repo_id, **options):
        raise FileNotFoundError("no connection.\nTry again.")

    monkeypatch.setattr(sources, "_download", unreachable)
    assert main(["generate", "--pipeline", "runs/pipelin", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == "anchordiff generate: no connection. Try again. (there is no folder runs/pipelin here)\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["bundle", "--keypoints", "particle-maze", "--denoiser", "d"],
            "--keypoints must be the folder of a run",
        ),
        (["bundle", "--keypoints", "k", "--denoiser", "pointmaze"], "found 'k', which is no folder"),
        (
            ["bundle", "--keypoints", "particle-maze", "--denoiser", "d"],
            "'particle-maze', which is a bundled name",
        ),
        (
            ["evaluate", "--full-sequence", "f"],
            "--full-sequence must be the folder of a run, or of a saved Key",
        ),
        ([*KEYPOINTS, "--init", "i"], "--init must be the folder of a run"),
        ([*DENOISER, "--bootstrap.keypoints", "b"], "--bootstrap.keypoints must be the folder of a run"),
    ],
)
def test_what_takes_a_stage_says_so(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--out", "o"]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_a_group_lists_its_commands(capsys):
    assert main(["train", "--help"]) == 0
    assert "train denoiser" in capsys.readouterr().out
    assert main(["train"]) == 2
    assert main(["--version"]) == 0


def test_what_is_no_box_is_kept_whole():
    assert one_line("plain words\n") == "plain words"


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
    assert (pipeline.config.horizon, pipeline.config.num_anchors, pipeline.config.steps) == (16, 4, 2)
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
    assert (result["suite"], result["mazes"], len(result["methods"])) == ("rooms-21", 3, 7)
    assert (tmp_path / "failures.png").stat().st_size > 1000


def test_generate_draws_a_held_out_maze(runs, tmp_path, capsys):
    succeed("generate", "--pipeline", runs / "pipe", "--out", tmp_path, "--num-samples", "3")
    assert "held-out maze 0" in capsys.readouterr().out
    assert (tmp_path / "plan.png").stat().st_size > 1000
    made = np.load(tmp_path / "samples.npz")
    assert made["trajectory"].shape == (3, 16, 2)
    assert made["keypoints"].shape == (3, 4, 2)
    assert json.loads((tmp_path / "metrics.json").read_text())["candidates"] == 3
    assert json.loads((tmp_path / "config.json").read_text())["num_samples"] == 3
    succeed("generate", "--pipeline", runs / "pipe", "--out", tmp_path / "2", "--num-samples", "3")
    again = np.load(tmp_path / "2" / "samples.npz")
    assert all(np.array_equal(made[name], again[name]) for name in made.files)


def test_generate_takes_a_maze_of_ones_own(runs, tmp_path):
    (tmp_path / "maze.txt").write_text(MAZE)
    words = ["--pipeline", runs / "pipe", "--maze", tmp_path / "maze.txt", "--horizon", "24", "--steps", "1"]
    succeed("generate", *words, "--out", tmp_path / "a", "--num-samples", "1")
    made = np.load(tmp_path / "a" / "samples.npz")
    assert made["walls"].shape == (5, 9)
    assert made["start"].tolist() == [1.5, 1.5]
    assert made["goal"].tolist() == [7.5, 3.5]
    assert made["expert"].shape == (24, 2)
    assert np.allclose(made["expert"][[0, -1]], [[1.5, 1.5], [7.5, 3.5]])
    succeed("generate", *words, "--out", tmp_path / "b", "--goal", "5.5", "1.5", "--num-samples", "1")
    assert np.load(tmp_path / "b" / "samples.npz")["goal"].tolist() == [5.5, 1.5]


@pytest.mark.parametrize(
    ("maze", "flags", "message"),
    [
        (MAZE, ["--start", "4.5", "1.5"], "start must lie in a free cell of 9 x 5 cells"),
        (MAZE, ["--start", "40", "1"], "start must lie in a free cell of 9 x 5 cells (x, y), found (40, 1)"),
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
