"""Commands for trajectories of numbers: from a file of arrays to a plan and a table, and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from anchordiff.cli import main
from anchordiff.domains.vector import TrajectoryDataset, VectorCondition
from anchordiff.hub import from_pretrained
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.training import read_log

HORIZON = 12
RUN = [
    "--train.steps", "3", "--train.batch-size", "4", "--train.warmup-steps", "1", "--run.log-every", "1",
    "--run.no-tensorboard", "--run.progress", "False", "--threads", "1", "--device", "cpu", "--validate", "4",
]  # fmt: skip


def body(name: str) -> list[str]:
    return [
        f"--{name}.transformer.width", "16", f"--{name}.transformer.depth", "1", f"--{name}.transformer.heads", "2",
        f"--{name}.encoder.width", "8", f"--{name}.encoder.attention-channels", "8",
    ]  # fmt: skip


def succeed(*words: str | Path) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arcs between random points, with their bend as context."""
    random = np.random.default_rng(0)
    times = np.linspace(0, 1, HORIZON)[None, :, None]
    start, goal = random.normal(size=(2, 30, 1, 2))
    bend = random.uniform(-1, 1, (30, 1, 1))
    states = start + times * (goal - start) + bend * np.sin(np.pi * times)
    found = tmp_path_factory.mktemp("data") / "arcs.npz"
    np.savez(found, states=states, context=bend[:, 0])
    return found


def pipeline(path: Path, out: Path, *flags: str) -> list[str | Path]:
    words: list[str | Path] = [
        "train",
        "pipeline",
        "--domain",
        "vector",
        "--data.path",
        path,
        "--out",
        out,
        *RUN,
    ]
    objectives = ["--keypoint-objective.repeats", "2", "--denoiser-objective.step-weight", "0.5"]
    sizes = [*body("keypoints"), *body("denoiser"), "--keypoints.num-keypoints", "4"]
    return [*words, *sizes, *objectives, *flags]


@pytest.fixture(scope="module")
def trained(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pipe"
    succeed(*pipeline(path, folder))
    return folder


def test_a_pipeline_is_trained_from_a_file(trained, path):
    pipe, data = TwoStagePipeline.from_pretrained(trained), TrajectoryDataset.from_file(path)
    keypoints, denoiser = pipe.keypoints.config, pipe.denoiser.config
    assert keypoints.states == denoiser.states == data.states
    settings = [
        json.loads((trained / name / "training" / "config.json").read_text())["objective"]
        for name in ("keypoints", "denoiser")
    ]
    assert (settings[0]["repeats"], settings[1]["step_weight"]) == (2, 0.5)
    assert (keypoints.horizon, keypoints.num_keypoints, denoiser.num_keypoints) == (HORIZON, 4, 4)
    assert keypoints.encoder.context_size == 1
    assert keypoints.encoder == denoiser.encoder
    assert pipe.config.shared_encoder
    for name in ("keypoints", "denoiser"):
        training = trained / name / "training"
        assert [line["step"] for line in read_log(training / "log.jsonl") if "loss" in line][-1] == 3
        assert (training / "curves.png").is_file()


def test_training_a_pipeline_goes_on_where_it_stopped(trained, path, tmp_path, capsys):
    out = tmp_path / "parted"
    succeed(*pipeline(path, out, "--resume", "--run.max-seconds", "0"))
    assert "--resume goes on" in capsys.readouterr().out
    assert not (out / "model_index.json").exists()
    assert main([str(word) for word in pipeline(path, out)]) == 2
    assert "--out must be a new folder without --resume, found a run in" in capsys.readouterr().err
    succeed(*pipeline(path, out, "--resume"))
    assert f"the pipeline is in {out}" in capsys.readouterr().out
    for stage in ("keypoints", "denoiser"):
        first, second = (load_file(folder / stage / "model.safetensors") for folder in (trained, out))
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_stages_are_trained_one_by_one_and_bundled(path, tmp_path, capsys):
    shared = ["--domain", "vector", "--data.path", path, *RUN, *body("model"), "--model.num-keypoints", "4"]
    succeed("train", "keypoints", *shared, "--out", tmp_path / "k", "--objective.repeats", "2")
    flags = ["--bootstrap.keypoints", tmp_path / "k", "--bootstrap.start", "0.5", "--model.num-levels", "2"]
    succeed("train", "denoiser", *shared, "--out", tmp_path / "d", *flags)
    record = json.loads((tmp_path / "d" / "training" / "config.json").read_text())
    assert record["bootstrap"]["start"] == 0.5
    assert record["data"]["windows"]["horizon"] == HORIZON
    evaluated = set().union(*read_log(tmp_path / "d" / "training" / "log.jsonl"))
    assert {"position_error", "generated"} <= evaluated
    stages = ["--keypoints", tmp_path / "k", "--denoiser", tmp_path / "d"]
    succeed("bundle", *stages, "--out", tmp_path / "pipe", "--steps", "2")
    pipe = TwoStagePipeline.from_pretrained(tmp_path / "pipe")
    assert (pipe.config.steps, pipe.config.horizon, pipe.config.shared_encoder) == (2, HORIZON, False)
    # Stage 2 on the encoder of stage 1.
    words = [
        "--domain",
        "vector",
        "--data.path",
        path,
        *RUN,
        "--encoder",
        tmp_path / "k",
        "--out",
        tmp_path / "e",
    ]
    succeed("train", "denoiser", *words, "--model.transformer.width", "8", "--model.transformer.depth", "1")
    own = from_pretrained(tmp_path / "e", InterpDenoiser).encoder.state_dict()
    taken = from_pretrained(tmp_path / "k", KeypointDiffusion).encoder.state_dict()
    assert all(torch.equal(own[name], value) for name, value in taken.items())
    capsys.readouterr()


def test_windows_velocities_and_angles_are_flags(path, tmp_path):
    words = ["train", "keypoints", "--domain", "vector", "--data.path", path, "--out", tmp_path / "k", *RUN]
    flags = [
        "--data.velocities",
        "--data.angles",
        "1",
        "--data.normaliser",
        "range",
        "--data.windows.horizon",
        "6",
    ]
    more = ["--data.windows.way-points", "1", "--data.windows.drop", "0.5", "--model.num-keypoints", "4"]
    succeed(*words, *body("model"), *flags, *more)
    config = from_pretrained(tmp_path / "k", KeypointDiffusion).config
    assert (config.states.velocities, config.states.angles, config.horizon) == (True, (1,), 6)


def given(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "task.npz", **arrays)
    return folder / "task.npz"


GENERATE = ["generate", "--domain", "vector", "--num-samples", "4", "--device", "cpu"]


def test_a_plan_holds_what_the_file_gives(trained, tmp_path, capsys):
    ends = {"start": np.array([0.25, -0.5]), "goal": np.array([1.0, 0.75])}
    known, is_known = np.zeros((HORIZON, 2)), np.zeros((HORIZON, 2), bool)
    known[5], is_known[5, 0] = 0.625, True
    task = given(tmp_path, **ends, context=np.array([0.5]), known=known, is_known=is_known)
    out = tmp_path / "out"
    words = [
        *GENERATE,
        "--pipeline",
        trained,
        "--condition",
        task,
        "--low",
        "-9",
        "--out",
        out,
        "--seed",
        "2",
    ]
    succeed(*words)
    made = np.load(out / "samples.npz")
    assert made["trajectory"].shape == (4, HORIZON, 2)
    np.testing.assert_array_equal(made["trajectory"][:, 0], np.float32([ends["start"]] * 4))
    np.testing.assert_array_equal(made["trajectory"][:, -1], np.float32([ends["goal"]] * 4))
    np.testing.assert_array_equal(made["trajectory"][:, 5, 0], np.float32([0.625] * 4))
    assert bool((made["anchors"] == 5).any(axis=1).all())
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["samples"], metrics["keeps_limits"]) == (4, True)
    settings = json.loads((out / "config.json").read_text())
    assert (settings["domain"], settings["pipeline"]) == ("vector", str(trained))
    assert (out / "plan.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    for row in (
        "plan keeps the limits  yes",
        "samples within them",
        f"written to {out}: plan.png, samples.npz",
    ):
        assert row in said
    # From Python it is the same.
    pipe = TwoStagePipeline.from_pretrained(trained)
    condition = VectorCondition(
        **{name: torch.from_numpy(value).float()[None] for name, value in ends.items()},
        context=torch.tensor([[0.5]]),
        known=torch.from_numpy(known).float()[None],
        is_known=torch.from_numpy(is_known)[None],
    )
    same = pipe.generate(condition, num_samples=4, generator=torch.Generator().manual_seed(2))
    np.testing.assert_array_equal(made["trajectory"], same.trajectory.numpy())


def test_samples_of_nothing_given_at_another_horizon(trained, tmp_path):
    succeed(*GENERATE, "--pipeline", trained, "--out", tmp_path, "--horizon", "20", "--steps", "1")
    assert np.load(tmp_path / "samples.npz")["trajectory"].shape == (4, 20, 2)


def test_a_pipeline_is_compared_with_its_parts(trained, path, tmp_path, capsys):
    words = [
        "evaluate",
        "--domain",
        "vector",
        "--pipeline",
        trained,
        "--data.path",
        path,
        "--out",
        tmp_path / "out",
    ]
    flags = ["--data.windows.held-out-share", "0.2", "--size", "4", "--candidates", "2", "--timed", "1"]
    succeed(*words, *flags, "--device", "cpu", "--threads", "1")
    told = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert told["size"] == 4
    assert {"straight line", "pipeline, one sample"} <= told["methods"].keys()
    said = capsys.readouterr().out
    assert "on 4 held-out samples of arcs" in said
    assert "| straight line" in said
    assert (tmp_path / "out" / "samples.png").is_file()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"start": np.zeros(3)}, "start must have 2 numbers, as the weights, found 3"),
        ({"goal": np.zeros(1)}, "goal must have 2 numbers, as the weights, found 1"),
        ({"context": np.zeros(2)}, "context must have 1 features, as the weights, found 2"),
        ({"tokens": np.zeros((2, 2))}, "tokens must be left out: the weights read none"),
        (
            {"known": np.zeros((5, 2)), "is_known": np.ones((5, 2), bool)},
            "known must have the horizon 12 of the call, found 5",
        ),
        ({"start": np.array([np.nan, 0.0])}, "start[0, 0] must be finite, found nan"),
        ({"start": np.zeros((2, 2))}, "--condition must hold one condition, found 2"),
        ({"begin": np.zeros(2)}, "must hold arrays among start, goal"),
    ],
)
def test_a_condition_that_does_not_fit_the_weights_is_refused(trained, tmp_path, capsys, arrays, message):
    task = given(tmp_path, **arrays)
    words = [*GENERATE, "--pipeline", trained, "--condition", task, "--out", tmp_path / "out"]
    assert main([str(word) for word in words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["generate", "--out", "x"], 2, "--pipeline must be given: the domain vector has no bundled weights"),
        (["generate", "--out", "x", "--maze", "a.txt"], 2, "Unrecognized options: --maze"),
        (["generate", "--out", "x", "--pipeline", "nowhere"], 2, "source must be a bundled name"),
        (
            ["evaluate", "--data.path", "a.npz"],
            2,
            "--pipeline must be given: the domain vector has no bundled weights",
        ),
        (["evaluate"], 2, "exactly one of path, minari, lerobot must be given, found none"),
        (
            ["train", "pipeline", "--out", "x"],
            2,
            "exactly one of path, minari, lerobot must be given, found none",
        ),
        (
            ["train", "keypoints", "--out", "x", "--data.path", "a.npz", "--data.minari", "b"],
            2,
            "exactly one of path, minari, lerobot must be given",
        ),
        (["train", "keypoints", "--out", "x", "--data.path", "nowhere.npz"], 1, "found none at nowhere.npz"),
        (
            ["train", "keypoints", "--out", "x", "--data.path", "a.txt"],
            2,
            "path must end in .npz or .safetensors",
        ),
        (
            ["train", "pipeline", "--out", "x", "--data.path", "DATA", "--keypoints.horizon", "32"],
            2,
            "--keypoints.horizon must be left out: the data say that it is 12",
        ),
        (
            ["train", "keypoints", "--out", "x", "--data.path", "DATA", "--model.states.positions", "3"],
            2,
            "--model.states must be left out: the data say what it is",
        ),
        (
            ["train", "denoiser", "--out", "x", "--data.path", "DATA", "--data.windows.split", "held_out"],
            2,
            'split must be "train" for a training stream',
        ),
    ],
)
def test_flags_that_do_not_fit_are_refused(words, code, message, path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [str(path) if word == "DATA" else word for word in words]
    assert main([*words, "--domain", "vector"]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x" / "training").exists()


def test_data_of_another_size_than_the_weights_are_refused(trained, path, tmp_path, capsys):
    wide = tmp_path / "wide.npz"
    np.savez(wide, states=np.random.default_rng(0).normal(size=(20, HORIZON, 3)))
    words = [
        "evaluate",
        "--domain",
        "vector",
        "--pipeline",
        trained,
        "--data.path",
        wide,
        "--out",
        tmp_path / "o",
    ]
    assert main([str(word) for word in words]) == 1
    assert "space must have the 3 positions of the data, found 2" in capsys.readouterr().err
    words = ["train", "keypoints", "--domain", "vector", "--data.path", wide, "--out", tmp_path / "k", *RUN]
    flags = ["--init", trained / "keypoints", "--model.num-keypoints", "4", *body("model")]
    assert main([str(word) for word in [*words, *flags]]) == 2
    said = capsys.readouterr().err
    assert "must hold a model like the one to train, found encoder.positions=3 (saved: 2)" in said
