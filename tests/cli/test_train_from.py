"""Training that takes over from earlier runs: `--init`, `--bootstrap.keypoints`, `--encoder`, and resuming them."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from anchordiff.cli import main
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.training import read_log

SHARED = shlex.split(
    "--data.rows 9 --data.cols 9 --data.min-l1 4 --data.horizon 16 --model.horizon 16 --train.batch-size 4 "
    "--model.transformer.width 16 --model.transformer.depth 1 --model.encoder.map-channels 4 "
    "--model.encoder.convolution-blocks 1 --model.encoder.cell-channels 8 "
    "--model.encoder.attention-channels 8 --validate 4 --run.no-tensorboard --device cpu"
)
BOOTSTRAP = shlex.split("--bootstrap.start 1 --bootstrap.end 1 --bootstrap.cap 1 --bootstrap.tolerance 50")


def train(stage: str, out: Path, *flags: str, steps: int = 3) -> int:
    words = [
        "train",
        stage,
        "--out",
        str(out),
        *SHARED,
        "--model.num-keypoints",
        "4",
        "--train.steps",
        str(steps),
        *flags,
    ]
    return main(words)


def recorded(out: Path):
    return json.loads((out / "training" / "config.json").read_text())


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "keypoints"
    assert train("keypoints", out, "--train.learning-rate", "1e-2") == 0
    return out


@pytest.mark.parametrize("kept", [True, False])
def test_init_starts_from_the_weights_of_a_folder(stage, tmp_path, kept, capsys):
    out = tmp_path / "on"
    flags = ["--train.learning-rate", "1e-12"]
    if kept:
        flags += ["--init", str(stage)]
    assert train("keypoints", out, *flags, steps=1) == 0
    first, second = (load_file(folder / "model.safetensors") for folder in (stage, out))
    same = all(torch.allclose(first[name], second[name], atol=1e-6) for name in first)
    assert same == kept
    assert recorded(out).get("init") == (str(stage) if kept else None)


def test_init_refuses_another_model(stage, tmp_path, capsys):
    assert train("keypoints", tmp_path / "wide", "--init", str(stage), "--model.states.scale", "3") == 2
    assert "--init" in (said := capsys.readouterr().err)
    assert "states.scale=3.0 (saved: 2.0)" in said
    assert train("denoiser", tmp_path / "other", "--init", str(stage)) == 2
    assert "InterpDenoiser" in capsys.readouterr().err
    assert train("keypoints", tmp_path / "none", "--init", str(tmp_path / "nothing")) == 1
    assert "nothing" in capsys.readouterr().err


def test_a_resumed_bootstrap_ends_with_the_same_bits_though_the_stage_is_gone(stage, tmp_path, capsys):
    source = shutil.copytree(stage, tmp_path / "source")
    flags = ["--bootstrap.keypoints", str(source), *BOOTSTRAP]
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert train("denoiser", whole, *flags) == 0
    assert train("denoiser", parted, *flags, "--run.max-seconds", "0") == 0
    assert "stopped after step 1" in capsys.readouterr().out
    shutil.rmtree(source)
    assert train("denoiser", parted, *flags, "--resume") == 0
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, parted))
    assert all(torch.equal(first[name], second[name]) for name in first)

    bootstrap = recorded(whole)["bootstrap"]
    assert bootstrap["keypoints"] == str(source)
    assert bootstrap["cap"] == 1.0
    evaluation = read_log(whole / "training" / "log.jsonl")[-1]
    assert {"generated_success", "generated_coarse_success"} <= evaluation.keys()
    assert "generated" in read_log(whole / "training" / "log.jsonl")[0]


def test_a_run_cannot_be_resumed_without_its_stage_or_with_another_schedule(stage, tmp_path, capsys):
    out = tmp_path / "run"
    flags = ["--bootstrap.keypoints", str(stage)]
    assert train("denoiser", out, *flags, "--run.max-seconds", "0") == 0
    assert train("denoiser", out, *flags, "--bootstrap.end", "0.25", "--resume") == 2
    assert "bootstrap.end=0.25 (saved: 0.5)" in capsys.readouterr().err
    shutil.rmtree(out / "training" / "keypoints")
    assert train("denoiser", out, *flags, "--resume") == 2
    assert "--resume needs the stage 1 that the run started with" in capsys.readouterr().err


def test_a_run_without_bootstrap_records_none(tmp_path, capsys):
    assert train("denoiser", tmp_path / "plain", steps=1) == 0
    assert "bootstrap" not in recorded(tmp_path / "plain")
    assert not (tmp_path / "plain" / "training" / "keypoints").exists()


def test_an_encoder_is_taken_over_and_kept(stage, tmp_path, capsys):
    flags = " ".join(SHARED)
    for name in ("map-channels 4", "convolution-blocks 1", "cell-channels 8", "attention-channels 8"):
        flags = flags.replace(f"--model.encoder.{name} ", "")
    words = ["train", "denoiser", *shlex.split(flags), "--model.num-keypoints", "4", "--train.steps", "3"]
    source = shutil.copytree(stage, tmp_path / "source")
    words += ["--train.learning-rate", "1e-2", "--encoder"]
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert main([*words, str(source), "--out", str(whole)]) == 0
    assert main([*words, str(source), "--out", str(parted), "--run.max-seconds", "0"]) == 0
    shutil.rmtree(source)
    assert main([*words, str(stage), "--out", str(parted), "--resume"]) == 2
    assert f"encoder='{stage}' (saved: '{source}')" in capsys.readouterr().err
    assert main([*words, str(source), "--out", str(tmp_path / "new"), "--resume"]) == 1
    assert "--encoder must be the folder of a run" in capsys.readouterr().err
    assert main([*words, str(source), "--out", str(parted), "--resume"]) == 0
    first, weights, resumed = (load_file(run / "model.safetensors") for run in (stage, whole, parted))
    shared = [name for name in weights if name.startswith("encoder.")]
    assert shared
    assert all(torch.equal(first[name], weights[name]) for name in shared)
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)
    assert not any("cross_attention" in name for name in weights)
    assert recorded(whole)["encoder"] == str(source)
    assert recorded(whole)["model"]["encoder"] == recorded(stage)["model"]["encoder"]
    assert "distance" not in read_log(whole / "training" / "log.jsonl")[0]
    bundle = ["bundle", "--keypoints", str(stage), "--denoiser", str(whole), "--out", str(tmp_path / "pipe")]
    assert main(bundle) == 0
    pipeline = TwoStagePipeline.from_pretrained(tmp_path / "pipe")
    assert pipeline.config.shared_encoder


def test_a_run_whose_config_holds_no_encoder_is_corrupt(stage, tmp_path, capsys):
    out = tmp_path / "run"
    (out / "training" / "checkpoints").mkdir(parents=True)
    (out / "training" / "checkpoints" / "last.pt").touch()
    words = ["train", "denoiser", "--encoder", str(stage), "--out", str(out), "--resume"]
    for content, said in (
        ({}, "model must be an object, found None"),
        ({"model": {"widht": 3}}, "model.widht is"),
    ):
        (out / "training" / "config.json").write_text(json.dumps(content))
        assert main(words) == 1
        assert said in capsys.readouterr().err


def test_an_encoder_comes_with_its_own_sizes(stage, tmp_path, capsys):
    assert train("denoiser", tmp_path / "no", "--encoder", str(stage)) == 2
    assert (
        "--model.encoder must be left out where --encoder gives the whole encoder" in capsys.readouterr().err
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="names devices that must not be there")
@pytest.mark.parametrize(
    ("flags", "named"), [(["--device", "cuda"], "cuda:3"), (["--device", "cuda:1"], "cuda:1")]
)
def test_each_process_of_a_torchrun_takes_its_own_gpu(tmp_path, capsys, monkeypatch, flags, named):
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert main(["train", "keypoints", "--out", str(tmp_path / "run"), *flags]) == 2
    assert f"--device must name a device of this machine, found '{named}'" in capsys.readouterr().err


def test_a_bundle_takes_stages_of_bundled_pipelines(stage, tmp_path, capsys):
    flags = [
        "--keypoints",
        "particle-maze",
        "--denoiser",
        "particle-maze",
        "--out",
        str(tmp_path / "b"),
        "--half",
    ]
    assert main(["bundle", *flags]) == 0
    made, own = (TwoStagePipeline.from_pretrained(name) for name in (tmp_path / "b", "particle-maze"))
    assert made.config.shared_encoder
    for name, value in own.keypoints.state_dict().items():
        torch.testing.assert_close(made.keypoints.state_dict()[name], value, atol=1e-3, rtol=1e-3)
