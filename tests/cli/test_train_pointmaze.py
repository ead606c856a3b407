"""`anchordiff train ... --domain pointmaze`: both stages on a small recording."""

import json
import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from anchordiff.cli import main
from anchordiff.training import read_log

ID = "anchordiff/pointmaze/umaze-qiter-v0"
SMALL = shlex.split(
    "--model.horizon 16 --train.batch-size 4 --model.transformer.width 16 --model.transformer.depth 1 "
    "--model.encoder.map-channels 4 --model.encoder.convolution-blocks 1 --model.encoder.cell-channels 8 "
    "--model.encoder.attention-channels 8 --validate 4 --run.no-tensorboard --device cpu --threads 1"
)
RECORDED = ["--domain", "pointmaze", "--data.datasets", ID, "--data.lengths", "16", "40"]


pytestmark = pytest.mark.usefixtures("recorded_umaze")


def train(stage: str, out: Path, *flags: str, steps: int = 3) -> int:
    words = [
        "train",
        stage,
        "--out",
        str(out),
        *SMALL,
        "--model.num-keypoints",
        "4",
        "--train.steps",
        str(steps),
        *flags,
    ]
    return main(words)


@pytest.mark.parametrize("stage", ["keypoints", "denoiser"])
def test_a_run_records_its_recipe_and_goes_on_to_the_same_bits(stage, tmp_path, capsys):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert train(stage, whole, *RECORDED, "--data.count", "3") == 0
    assert "finished after step 3" in capsys.readouterr().out
    recorded = json.loads((whole / "training" / "config.json").read_text())
    assert recorded["data"] == {
        "dataset": "pointmaze",
        "horizon": 16,
        "dim": 2,
        "datasets": [ID],
        "lengths": [16, 40],
        "stride": 3,
        "count": 3,
        "places": 2,
        "most_detour": 1.6,
        "seed": 0,
    }
    evaluation = read_log(whole / "training" / "log.jsonl")[-1]
    assert {"loss", "coarse_success" if stage == "denoiser" else "loss"} <= evaluation.keys()

    flags = [*RECORDED, "--data.count", "3", "--resume"]
    assert train(stage, parted, *flags, "--run.max-seconds", "0") == 0
    assert "stopped after step 1" in capsys.readouterr().out
    assert train(stage, parted, "--data.count", "8", "--resume") == 2
    assert "data.count=8 (saved: 3)" in capsys.readouterr().err
    assert main(["train", stage, "--out", str(parted), "--resume"]) == 0
    first, second = (load_file(run / "model.safetensors") for run in (whole, parted))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_seed_decides_the_order(tmp_path, capsys):
    losses = []
    for seed in ("0", "1"):
        flags = ["--data.seed", seed, "--validate", "0"]
        assert train("keypoints", tmp_path / seed, *RECORDED, *flags, steps=1) == 0
        losses.append(read_log(tmp_path / seed / "training" / "log.jsonl")[0]["loss"])
    assert losses[0] != losses[1]


def test_flags_of_the_other_data_are_refused(tmp_path, capsys):
    for flags, rule in (
        ([*RECORDED, "--data.rows", "9"], "Unrecognized options: --data.rows, 9"),
        (["--data.count", "3"], "Unrecognized options: --data.count, 3"),
        (["--pointmaze.count", "3"], "Unrecognized options: --pointmaze.count, 3"),
        ([*RECORDED, "--data.lengths"], "lengths must hold at least one, found none"),
        ([*RECORDED, "--data.stride", "0"], "stride must be an integer of at least 1, found 0"),
        ([*RECORDED, "--data.most-detour", "0.5"], "keep must leave a window, found none of"),
        (["--dataset", "minari"], "Unrecognized options: --dataset, minari"),
        (
            ["--domain", "minari"],
            "--domain must be one of maze, mazes, pointmaze, vector, video, found 'minari'",
        ),
    ):
        assert train("keypoints", tmp_path / "run", *flags) == 2
        assert rule in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_data_set_names_the_command_that_makes_it(tmp_path, capsys):
    assert train("denoiser", tmp_path / "run", "--domain", "pointmaze") == 1
    said = capsys.readouterr().err
    assert "found none of 'anchordiff/pointmaze/medium-qiter-v0'" in said
    assert "`anchordiff data pointmaze --maze medium --flavour qiter` makes it" in said
    assert not (tmp_path / "run").exists()


def test_help_says_what_a_recipe_is(capsys):
    assert main(["train", "--help"]) == 0
    assert "--domain maze|mazes|pointmaze|vector" in capsys.readouterr().out
    assert main(["train", "keypoints", "--domain", "pointmaze", "--help"]) == 0
    said = capsys.readouterr().out
    for flag in ("--data.lengths", "--data.most-detour"):
        assert flag in said
    assert main(["train", "keypoints", "--help"]) == 0
    assert "--data.most-detour" not in capsys.readouterr().out


def test_words_of_0_1_mean_the_same_and_say_what_they_are_called_now(tmp_path, capsys):
    old = ["--dataset", "pointmaze", "--pointmaze.datasets", ID, "--pointmaze.lengths", "16", "40"]
    for name, flags in (("new", RECORDED), ("old", old), ("joined", ["--dataset=pointmaze", *old[2:]])):
        assert train("keypoints", tmp_path / name, *flags, steps=1) == 0
        told = "--dataset pointmaze is called --domain pointmaze now, and its flags --data.*\n"
        assert (told in capsys.readouterr().err) == (name != "new")
    runs = [load_file(tmp_path / name / "model.safetensors") for name in ("new", "old", "joined")]
    assert all(torch.equal(runs[0][name], run[name]) for run in runs[1:] for name in runs[0])
