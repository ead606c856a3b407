"""`--domain mazes`: mazes of every kind and size, horizons by the length of the way."""

import json

import numpy as np
import pytest

from anchordiff.cli import main
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.pipeline import TwoStagePipeline

DATA = [
    "--domain", "mazes", "--data.sides", "7", "13", "--data.min-l1", "3", "--data.horizons.most", "12",
]  # fmt: skip
RUN = [
    "--train.batch-size", "8", "--train.steps", "3", "--run.log-every", "1", "--run.no-tensorboard",
    "--run.progress", "False", "--threads", "1", "--device", "cpu", "--validate", "10",
]  # fmt: skip
TINY = ["transformer.width", "16", "transformer.depth", "1"]
ENCODER = ["map-channels", "4", "cell-channels", "8", "convolution-blocks", "1", "attention-channels", "4"]


def flags(group, pairs):
    names = [f"--{group}.{name}" for name in pairs[::2]]
    return [word for pair in zip(names, pairs[1::2], strict=True) for word in pair]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mazes")
    stage = [*DATA, *RUN, *flags("model", TINY)]
    assert main(["train", "keypoints", *stage, *flags("model.encoder", ENCODER), "--out", f"{folder}/k"]) == 0
    words = ["--encoder", f"{folder}/k", "--bootstrap.keypoints", f"{folder}/k", "--bootstrap.start", "0.5"]
    assert main(["train", "denoiser", *stage, *words, "--out", f"{folder}/d"]) == 0
    stages = ["--keypoints", f"{folder}/k", "--denoiser", f"{folder}/d"]
    assert main(["bundle", *stages, "--out", f"{folder}/pipe", "--steps", "2"]) == 0
    return folder


def test_the_pipeline_chooses_horizons_as_its_data_did(folder):
    pipeline = TwoStagePipeline.from_pretrained(folder / "pipe")
    assert pipeline.config.adaptive == AdaptiveHorizon(most=12)
    assert pipeline.config.shared_encoder
    trained = json.loads((folder / "k" / "training" / "config.json").read_text())
    assert trained["data"]["sides"] == [7, 13]
    assert "Spaced(spacing=9)" in trained["objective"]["masks"]
    assert trained["model"]["spacing"] == 9


def test_train_pipeline_makes_the_same_of_both(tmp_path):
    words = [*flags("keypoints", TINY), *flags("keypoints.encoder", ENCODER), *flags("denoiser", TINY)]
    assert main(["train", "pipeline", *DATA, *RUN, *words, "--out", str(tmp_path)]) == 0
    pipeline = TwoStagePipeline.from_pretrained(tmp_path)
    assert pipeline.config.adaptive == AdaptiveHorizon(most=12)
    assert pipeline.denoiser.config.spacing == 9


def test_it_is_evaluated_and_asked_for_plans(folder, tmp_path, capsys):
    words = ["--pipeline", str(folder / "pipe"), "--device", "cpu"]
    suite = ["--suite", "perfect-31", "--size", "6", "--candidates", "2", "--batch-size", "2", "--timed", "1"]
    assert main(["evaluate", *words, *suite, "--out", str(tmp_path / "suite")]) == 0
    told = json.loads((tmp_path / "suite" / "evaluation.json").read_text())
    assert told["settings"]["horizon"] == 9 * 11 + 1
    assert "true keypoints" in capsys.readouterr().out
    assert (tmp_path / "suite" / "failures.png").stat().st_size > 1000
    assert main(["generate", *words, "--num-samples", "3", "--out", str(tmp_path / "plan")]) in (0, 1)
    made = np.load(tmp_path / "plan" / "samples.npz")
    horizon = made["trajectory"].shape[1]
    assert made["trajectory"].shape == (3, horizon, 2)
    assert (horizon - 1) % 9 == 0
    assert main(["generate", *words, "--horizon", "40", "--out", str(tmp_path / "fixed")]) in (0, 1)
    assert np.load(tmp_path / "fixed" / "samples.npz")["trajectory"].shape[1] == 40


def test_a_spacing_that_is_not_the_data_s_is_refused_at_once(tmp_path, capsys):
    words = ["train", "keypoints", *DATA, *RUN, "--data.horizons.spacing", "7", "--out", str(tmp_path / "no")]
    assert main(words) == 2
    assert "model.spacing must be data.horizons.spacing = 7, found 9" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_batch_that_does_not_divide_a_pool_is_refused(tmp_path, capsys):
    words = ["train", "keypoints", *DATA, *RUN, "--train.batch-size", "48", "--out", str(tmp_path / "no")]
    assert main(words) == 2
    assert "batch_size must divide a pool of 256 samples" in capsys.readouterr().err
