"""Where commands may write: nothing takes the place of a trained model or a run by mistake."""

import json
import shutil
from pathlib import Path

import pytest

from anchordiff.cli import main
from anchordiff.hub import save_pretrained
from anchordiff.pipeline import TwoStagePipeline


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_keypoints, tiny_denoiser) -> Path:
    """Two stages, a pipeline of them, and something of a run."""
    folder = tmp_path_factory.mktemp("made")
    save_pretrained(tiny_keypoints(), folder / "k")
    save_pretrained(tiny_denoiser(), folder / "d")
    words = ["bundle", "--keypoints", folder / "k", "--denoiser", folder / "d", "--out", folder / "pipe"]
    assert main([str(word) for word in words]) == 0
    (folder / "run" / "training" / "checkpoints").mkdir(parents=True)
    (folder / "run" / "training" / "checkpoints" / "last.pt").touch()
    (folder / "run" / "training" / "config.json").write_text("{}")
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


COMMANDS = {
    "generate": "generate --num-samples 1",
    "sample": "sample keypoints --keypoints k --num-samples 1",
    "bundle": "bundle --keypoints k --denoiser d",
    "data": "data particle --size 2",
    "train": "train denoiser --train.steps 1",
    "resume": "train denoiser --train.steps 1 --resume",
}


OWN = {("bundle", "pipe"), ("resume", "run")}  # what the command itself writes


@pytest.mark.parametrize(
    ("command", "out"),
    [(c, out) for c in COMMANDS for out in ("k", "pipe", "pipe/keypoints", "run") if (c, out) not in OWN],
)
def test_models_and_runs_are_left_alone(command, out, folder, capsys):
    before = contents(folder)
    assert main([*COMMANDS[command].split(), "--out", out]) == 2
    said = capsys.readouterr().err
    assert "--out must " in said
    assert said.endswith(f" in {out}\n")
    assert said.count("\n") == 1
    assert contents(folder) == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_file_is_no_folder_for_results(command, out, folder, capsys):
    (folder / "file").write_text("mine")
    assert main([*COMMANDS[command].split(), "--out", out]) == 2
    assert "--out must be a folder, found the file" in capsys.readouterr().err


def test_weights_without_their_config_are_a_model(folder, capsys):
    (folder / "k" / "config.json").unlink()
    assert main([*COMMANDS["generate"].split(), "--out", "k"]) == 2
    assert "found model.safetensors in k" in capsys.readouterr().err


def test_a_bundle_takes_the_place_of_an_older_one(folder):
    words = [*COMMANDS["bundle"].split(), "--out", "pipe", "--steps"]
    assert main([*words, "5"]) == 0
    assert TwoStagePipeline.from_pretrained(folder / "pipe").config.steps == 5
    assert main([*words, "6", "--keypoints", "pipe/keypoints", "--denoiser", "pipe/denoiser"]) == 0
    assert TwoStagePipeline.from_pretrained(folder / "pipe").config.steps == 6


def test_a_bundle_does_not_take_the_place_of_its_stages(folder, capsys):
    """As in `--keypoints runs/keypoints --denoiser runs/denoiser --out runs`."""
    (folder / "runs").mkdir()
    (folder / "k").rename(folder / "runs" / "keypoints")
    words = ["bundle", "--denoiser", "d", "--keypoints"]
    before = contents(folder)
    assert main([*words, "runs/keypoints", "--out", "runs", "--half"]) == 2
    assert (
        "--out must not hold a model or a run, found config.json in runs/keypoints" in capsys.readouterr().err
    )
    shutil.rmtree(folder / "pipe" / "denoiser")
    (folder / "run").rename(folder / "pipe" / "denoiser")
    before = contents(folder)
    assert main([*words, "runs/keypoints", "--out", "pipe"]) == 2
    assert "found training in pipe/denoiser" in capsys.readouterr().err
    assert contents(folder) == before


def test_older_results_are_written_over(folder):
    words = [*COMMANDS["sample"].split(), "--steps", "1", "--out", "s", "--seed"]
    assert main([*words, "1"]) == 0
    assert main([*words, "2"]) == 0
    assert json.loads((folder / "s" / "config.json").read_text())["seed"] == 2
    (folder / "s" / "config.json").write_text("no JSON")
    assert main([*words, "3"]) == 0
