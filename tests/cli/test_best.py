"""`--run.best`: which value of the evaluations decides the best checkpoint."""

import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from anchordiff.cli import main
from anchordiff.training import read_log
from anchordiff.training import stage as stages

SHARED = shlex.split(
    "--data.rows 9 --data.cols 9 --data.min-l1 4 --data.horizon 16 --model.horizon 16 --train.batch-size 4 "
    "--model.transformer.width 16 --model.transformer.depth 1 --model.encoder.map-channels 4 "
    "--model.encoder.convolution-blocks 1 --model.encoder.cell-channels 8 "
    "--model.encoder.attention-channels 8 --validate 4 --train.steps 2 --run.no-tensorboard --device cpu"
)


def train(stage: str, out: Path, *flags: str) -> int:
    return main(["train", stage, "--out", str(out), *SHARED, "--model.num-keypoints", "4", *flags])


@pytest.mark.parametrize(
    ("stage", "flags", "names"),
    [
        ("keypoints", [], "coarse_collision_rate, coarse_success, diffusion, distance, keypoint_error, loss"),
        ("denoiser", [], "position_error, success"),
        ("denoiser", ["--objective.step-weight", "1"], "steps, success"),
    ],
)
def test_a_name_that_is_not_there_is_refused_before_training(
    stage, flags, names, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(stages, "fit", lambda *words, **options: pytest.fail("trained"))
    best = "success" if stage == "keypoints" else "keypoint_error"
    assert train(stage, tmp_path / "run", *flags, "--run.best", best) == 2
    said = capsys.readouterr().err
    assert "--run.best must be one of " in said
    assert f"{names}, found {best!r}\n" in said
    assert not (tmp_path / "run").exists()


def test_without_evaluations_nothing_is_best(tmp_path, capsys):
    assert train("keypoints", tmp_path / "run", "--validate", "0", "--run.best", "keypoint_error") == 2
    assert "--run.best must be left out with --validate 0, found 'keypoint_error'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_name_that_is_there_changes_no_weight(tmp_path):
    assert train("keypoints", tmp_path / "loss") == 0
    assert train("keypoints", tmp_path / "error", "--run.best", "keypoint_error") == 0
    first, second = (load_file(tmp_path / run / "model.safetensors") for run in ("loss", "error"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    logs = [read_log(tmp_path / run / "training" / "log.jsonl")[-1] for run in ("loss", "error")]
    assert logs[0] | {"seconds": 0} == logs[1] | {"seconds": 0}


def test_a_stage_1_gives_names_of_its_own(tmp_path):
    assert train("keypoints", tmp_path / "k") == 0
    flags = ["--bootstrap.keypoints", str(tmp_path / "k"), "--run.best", "generated_success"]
    assert train("denoiser", tmp_path / "d", *flags, "--run.best-is", "highest") == 0
    assert (tmp_path / "d" / "training" / "checkpoints" / "best.pt").exists()
