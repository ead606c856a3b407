"""Flags: what help says of them, and what is said of those that are wrong."""

import re
import subprocess
import sys

import pytest

from anchordiff.cli import main
from anchordiff.cli._run import one_line
from anchordiff.hub import sources

SMALL = ["--model.horizon", "16", "--data.horizon", "16", "--device", "cpu"]
KEYPOINTS = ["train", "keypoints", *SMALL]
DENOISER = ["train", "denoiser", *SMALL]


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
        "train pipeline",
        "bundle",
        "data particle",
    ],
)
def test_every_command_explains_every_flag(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main([*command.split(), "--help"]) == 0
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
        (
            [*KEYPOINTS, "--out", "x", "--data.horizon", "20"],
            "--data.horizon must be that of the model, 16, found 20",
        ),
        ([*KEYPOINTS, "--out", "x", "--device", "tpu"], "--device must name a device"),
        (
            [*KEYPOINTS, "--out", "x", "--data.split", "held_out"],
            '--data.split must be "train", found "held_out": it is for evaluation',
        ),
        (
            [*KEYPOINTS, "--out", "x", "--domain", "kitchen"],
            "--domain must be one of maze, mazes, pointmaze, vector",
        ),
        ([*KEYPOINTS, "--out", "x", "--even-share", "2"], "--even-share must lie in [0, 1], found 2.0"),
        (["bundle", "--domain", "maze", "--out", "x"], "--domain must be left out of bundle"),
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
        (["bundle", "--keypoints", "k", "--denoiser", "d"], "--keypoints must be the folder of a run"),
        (
            ["bundle", "--keypoints", "./pointmaze", "--denoiser", "pointmaze"],
            "found './pointmaze', which is none",
        ),
        (
            ["bundle", "--keypoints", "particle-maze", "--denoiser", "d"],
            "--denoiser must be the folder of a run",
        ),
        (
            ["evaluate", "--full-sequence", "f"],
            "--full-sequence must be the folder of a run, of a saved KeypointDiffusion",
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
