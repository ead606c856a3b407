"""`train_pipeline`, from arrays to a pipeline: it learns, goes on exactly, and leaves what it promises."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from anchordiff import train_pipeline
from anchordiff.domains.vector import TrajectoryConfig, TrajectoryDataset, VectorCondition
from anchordiff.errors import TrainingError
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.training import (
    DenoiserObjective,
    KeypointObjective,
    PipelineRun,
    RunOptions,
    StageRun,
    TrainConfig,
    fit_pipeline,
    load_stage,
    read_log,
)
from anchordiff.training.validation import check_denoiser, check_keypoints

HORIZON = 16
BODY = TransformerConfig(width=32, depth=2, heads=2)
QUICK = RunOptions(progress=False, tensorboard=False, log_every=1)


def arcs(count: int, *, seed: int = 0) -> TrajectoryDataset:
    """Noisy arcs between two random points; the context tells how far they bend."""
    random = np.random.default_rng(seed)
    times = np.linspace(0, 1, HORIZON)[None, :, None]
    start, goal = random.normal(size=(2, count, 1, 2))
    bend = random.uniform(-2, 2, (count, 1, 1))
    ways = start + times * (goal - start) + bend * np.sin(np.pi * times) * np.array([1.0, -1.0])
    ways += 0.01 * random.normal(size=ways.shape)
    return TrajectoryDataset.from_arrays(ways, TrajectoryConfig(), context=bend[:, 0])


def options(steps: int, **changes: Any) -> StageRun:
    train = TrainConfig(
        steps=steps, batch_size=16, learning_rate=3e-3, warmup_steps=min(20, steps // 2), ema_decay=0.97
    )
    return replace(StageRun(train=train, run=QUICK, validate=2, device="cpu"), **changes)


class Trained(NamedTuple):
    pipe: TwoStagePipeline
    folder: Path
    data: TrajectoryDataset


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder, data = tmp_path_factory.mktemp("arcs"), arcs(400)
    run = PipelineRun(options=options(220))
    pipe = train_pipeline(data, folder, num_keypoints=4, transformer=BODY, run=run)
    return Trained(pipe, folder, data)


def untrained(pipe: TwoStagePipeline) -> tuple[KeypointDiffusion, InterpDenoiser]:
    torch.manual_seed(0)
    return KeypointDiffusion(pipe.keypoints.config), InterpDenoiser(pipe.denoiser.config)


def test_stage_1_learns_where_arcs_go(trained):
    batch = trained.data.held_out().batch(range(20))
    before = check_keypoints(untrained(trained.pipe)[0], batch)["keypoint_error"]
    after = check_keypoints(trained.pipe.keypoints, batch)["keypoint_error"]
    assert before > 0.6  # of a deviation
    assert after < 0.3 * before


def test_stage_2_learns_how_arcs_bend_between_keypoints(trained):
    batch = trained.data.held_out().batch(range(20))
    before = check_denoiser(untrained(trained.pipe)[1], batch)["position_error"]
    after = check_denoiser(trained.pipe.denoiser, batch)["position_error"]
    assert after < 0.65 * before


def test_plans_bend_as_they_are_told(trained):
    ends = {"start": torch.zeros(3, 2), "goal": torch.tensor([[1.0, 1.0]]).expand(3, -1)}
    bends = torch.tensor([[-1.5], [0.0], [1.5]])
    out = trained.pipe.generate(
        VectorCondition(**ends, context=bends), num_samples=4, generator=torch.Generator().manual_seed(0)
    )
    middle = out.trajectory[:, HORIZON // 2].view(3, 4, 2).mean(dim=1)
    expected = torch.cat([0.53 + bends, 0.53 - bends], dim=1)
    assert float((middle - expected).abs().max()) < 0.5
    assert torch.equal(out.trajectory[:, 0], torch.zeros(12, 2))
    assert torch.equal(out.trajectory[:, -1], torch.ones(12, 2))


def test_the_folder_is_the_pipeline(trained):
    condition = trained.data.held_out().batch(range(3)).condition
    loaded = TwoStagePipeline.from_pretrained(trained.folder)
    made = [
        pipe.generate(condition, num_samples=2, generator=torch.Generator().manual_seed(1)).trajectory
        for pipe in (trained.pipe, loaded)
    ]
    assert torch.equal(made[0], made[1])
    assert loaded.config == trained.pipe.config
    assert loaded.config.shared_encoder
    assert (loaded.config.horizon, loaded.config.num_keypoints) == (HORIZON, 4)


def test_stages_are_made_for_the_data(trained):
    keypoints, denoiser = trained.pipe.keypoints.config, trained.pipe.denoiser.config
    assert keypoints.states == denoiser.states == trained.data.states
    assert keypoints.encoder == denoiser.encoder == trained.data.encoder_config()
    assert keypoints.transformer == denoiser.transformer == BODY
    first, second = trained.pipe.keypoints.encoder, trained.pipe.denoiser.encoder
    for name, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], value)


def test_runs_are_kept_with_their_logs_and_records(trained):
    for name in ("keypoints", "denoiser"):
        log = read_log(trained.folder / name / "training" / "log.jsonl")
        losses = [line["loss"] for line in log if "learning_rate" in line or "loss" in line]
        assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:10])
        record = json.loads((trained.folder / name / "training" / "config.json").read_text())
        assert record["data"]["episodes"] == 400
        assert record["data"]["windows"]["horizon"] == HORIZON
        assert record["model"]["num_keypoints"] == 4
    told = json.loads((trained.folder / "denoiser" / "training" / "config.json").read_text())
    assert told["encoder"] == str(trained.folder / "keypoints")
    stage = load_stage(trained.folder / "keypoints", KeypointDiffusion)
    weights = trained.pipe.keypoints.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in stage.state_dict().items())


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for stage in ("keypoints", "denoiser"):
        for name, value in load_file(folder / stage / "model.safetensors").items():
            found[f"{stage}.{name}"] = value
    return found


def test_a_run_that_is_stopped_again_and_again_ends_with_the_same_bits(tmp_path):
    data, shared = (
        arcs(30),
        {"num_keypoints": 4, "transformer": TransformerConfig(width=16, depth=1, heads=2)},
    )
    whole = train_pipeline(data, tmp_path / "whole", **shared, run=PipelineRun(options=options(3)))
    often = options(3, run=replace(QUICK, max_seconds=0.0), resume=True)
    unfinished = pytest.raises(TrainingError, match="are not finished; call again with resume=True")
    # Stage 1 stops after each of its three steps but the last, and so does stage 2.
    for _ in range(4):
        with unfinished:
            train_pipeline(data, tmp_path / "parted", **shared, run=PipelineRun(options=often))
        assert not (tmp_path / "parted" / "model_index.json").exists()
    pipe = train_pipeline(data, tmp_path / "parted", **shared, run=PipelineRun(options=often))
    first, second = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parted")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    condition = VectorCondition(start=torch.zeros(1, 2), context=torch.ones(1, 1))
    made = [
        p.generate(condition, generator=torch.Generator().manual_seed(0)).trajectory for p in (whole, pipe)
    ]
    assert torch.equal(made[0], made[1])


def test_a_second_run_in_a_folder_must_be_the_first_one_going_on(tmp_path):
    data, shared = (
        arcs(30),
        {"num_keypoints": 4, "transformer": TransformerConfig(width=16, depth=1, heads=2)},
    )
    stopped = PipelineRun(options=options(4, run=replace(QUICK, max_seconds=0.0)))
    with pytest.raises(TrainingError, match="are not finished"):
        train_pipeline(data, tmp_path, **shared, run=stopped)
    with pytest.raises(ValueError, match="out must be a new folder unless resume is set, found a run in"):
        train_pipeline(data, tmp_path, **shared, run=stopped)
    resumed = PipelineRun(options=options(4, resume=True))
    with pytest.raises(ValueError, match=r"data\.sha256="):
        train_pipeline(arcs(30, seed=1), tmp_path, **shared, run=resumed)
    with pytest.raises(ValueError, match=r"objective\.repeats=2 \(saved: 4\)"):
        train_pipeline(data, tmp_path, **shared, run=replace(resumed, keypoints=KeypointObjective(repeats=2)))


def test_first_weights_are_those_of_another_pipeline(trained, tmp_path):
    start = PipelineRun(options=options(1, init=trained.folder))
    start = replace(
        start, options=replace(start.options, train=replace(start.options.train, learning_rate=1e-9))
    )
    pipe = train_pipeline(trained.data, tmp_path, num_keypoints=4, transformer=BODY, run=start)
    batch = trained.data.held_out().batch(range(20))
    for check, name in ((check_keypoints, "keypoints"), (check_denoiser, "denoiser")):
        found, expected = (check(getattr(p, name), batch) for p in (pipe, trained.pipe))
        assert found == pytest.approx(expected, abs=1e-4)


def test_stages_of_ones_own_sizes_and_what_is_told_after_each(tmp_path):
    data = arcs(20)
    shared: dict[str, Any] = {
        "encoder": replace(data.encoder_config(), width=8, attention_channels=8),
        "states": data.states,
        "horizon": HORIZON,
        "num_keypoints": 5,
        "transformer": TransformerConfig(width=16, depth=1, heads=2),
    }
    ended = []
    pipe = fit_pipeline(
        KeypointDiffusionConfig(**shared, prediction="v"),
        InterpDenoiserConfig(**shared, num_levels=2),
        data.training_data(),
        tmp_path,
        run=PipelineRun(
            options=options(1), denoiser=DenoiserObjective(step_weight=0.5), measure=lambda batch, x: {"far": x.abs()}
        ),
        after=lambda result, folder: ended.append((result.step, result.finished, folder.name)),
    )  # fmt: skip
    assert ended == [(1, True, "keypoints"), (1, True, "denoiser")]
    assert pipe.keypoints.config.prediction == "v"
    assert pipe.denoiser.config.num_levels == 2
    log = read_log(tmp_path / "denoiser" / "training" / "log.jsonl")
    assert {"far", "coarse_far", "generated_far", "steps"} <= set().union(*log)


def test_what_data_cannot_give_is_refused_before_anything_is_written(tmp_path):
    data = arcs(20)
    with pytest.raises(ValueError, match=r"num_keypoints must lie in 2 ... horizon, found 17"):
        train_pipeline(data, tmp_path / "run", num_keypoints=17)
    with pytest.raises(ValueError, match='split must be "train" for a training stream'):
        train_pipeline(data.held_out(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
