"""The training of a stage in its folder: what it leaves there, what it takes over, what it refuses."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from anchordiff.configs import config_to_json
from anchordiff.domains.maze import Distances, ParticleMazeConfig, WallHinge
from anchordiff.errors import CorruptFileError, FolderInUseError, TrainingError
from anchordiff.files import locked
from anchordiff.masks import Even
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace
from anchordiff.training import RunOptions, TrainConfig, read_log
from anchordiff.training.bootstrap import Bootstrap
from anchordiff.training.checkpoint import read_checkpoint
from anchordiff.training.layout import has_run
from anchordiff.training.load import load_stage
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective
from anchordiff.training.process import pick_device
from anchordiff.training.stage import StageRun, fit_denoiser, fit_keypoints, take_weights

CONFIG = ParticleMazeConfig(rows=9, cols=9, min_l1=4, horizon=16)
DATA = CONFIG.open(states=StateSpace(), horizon=16)
TERMS = {"hinge": WallHinge(), "distance": Distances()}
QUIET = RunOptions(log_every=1, tensorboard=False, progress=False)
RUN = StageRun(train=TrainConfig(steps=3, batch_size=4), run=QUIET, validate=4, device="cpu")
PART = replace(RUN, run=replace(QUIET, max_seconds=0.0))


def measure(batch, trajectory):
    return {"high": trajectory[..., 1].amax(dim=1) > 5.0}


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(first, second) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def record(folder):
    return json.loads((folder / "training" / "config.json").read_text())


@pytest.fixture
def first(tiny_keypoints):
    """What a stage 1 is made of."""
    return tiny_keypoints().config


@pytest.fixture
def second(tiny_denoiser):
    """What a stage 2 is made of."""
    return tiny_denoiser().config


@pytest.fixture
def stage(first, tmp_path):
    """The folder of a trained stage 1."""
    run = replace(RUN, train=replace(RUN.train, learning_rate=1e-2))
    assert fit_keypoints(first, DATA, tmp_path / "stage", options=run).finished
    return tmp_path / "stage"


def test_a_folder_gets_the_model_and_the_run(first, tmp_path):
    objective = KeypointObjective(terms={"distance": Distances(weight=0.2)}, masks=Even(4))
    result = fit_keypoints(first, DATA, tmp_path, objective=objective, options=RUN, measure=measure)
    assert (result.step, result.finished) == (3, True)
    model = load_stage(tmp_path, KeypointDiffusion)
    assert model.config == first
    saved = record(tmp_path)
    assert saved["model"] == config_to_json(first)
    assert saved["data"]["min_l1"] == 4
    term = {"class": "Distances", "weight": 0.2, "farthest": 60.0}
    assert saved["objective"]["terms"] == {"distance": term}
    assert saved["objective"]["masks"] == repr(Even(4))
    log = read_log(tmp_path / "training" / "log.jsonl")
    (held_out,) = (entry for entry in log if entry["event"] == "evaluation")
    assert {"loss", "diffusion", "distance", "keypoint_error", "coarse_high"} <= held_out.keys()
    assert {"loss", "diffusion", "distance"} <= log[0].keys()


def test_a_stopped_run_goes_on_to_the_same_bits(first, tmp_path):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    fit_keypoints(first, DATA, whole, options=RUN)
    result = fit_keypoints(first, DATA, parted, options=PART)
    assert (result.step, result.finished) == (1, False)
    assert not (parted / "model.safetensors").exists()
    assert load_stage(parted, KeypointDiffusion).config == first
    with pytest.raises(ValueError, match="out must be a new folder unless resume is set, found a run in"):
        fit_keypoints(first, DATA, parted, options=RUN)
    with pytest.raises(ValueError, match=r"resume needs the config of .*model.num_keypoints=5 \(saved: 4\)"):
        fit_keypoints(replace(first, num_keypoints=5), DATA, parted, options=replace(RUN, resume=True))
    assert fit_keypoints(first, DATA, parted, options=replace(RUN, resume=True)).finished
    assert same(weights(whole), weights(parted))


def test_first_weights_follow_from_the_seed_and_cost_no_randomness(first, tmp_path):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    fit_keypoints(first, DATA, tmp_path / "a", options=replace(RUN, validate=0))
    torch.set_rng_state(before)
    other = replace(RUN, validate=0, train=replace(RUN.train, seed=1))
    for name, options in (("b", replace(RUN, validate=0)), ("c", other)):
        torch.rand(3)
        fit_keypoints(first, DATA, tmp_path / name, options=options)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_the_encoder_of_a_stage_1_is_taken_over_and_left_as_it_is(stage, second, tmp_path):
    fast = replace(RUN, train=replace(RUN.train, learning_rate=1e-2))
    out, objective = tmp_path / "d", DenoiserObjective(terms=TERMS)
    assert fit_denoiser(second, DATA, out, objective=objective, options=fast, encoder=stage).finished
    own, taken = weights(stage), weights(out)
    shared = [name for name in taken if name.startswith("encoder.")]
    assert shared
    assert all(torch.equal(own[name], taken[name]) for name in shared)
    model = load_stage(out, InterpDenoiser)
    assert model.config == replace(second, encoder=load_stage(stage, KeypointDiffusion).config.encoder)
    # What is not trained needs no loss of its own.
    log = read_log(out / "training" / "log.jsonl")
    assert not any("distance" in entry for entry in log)
    assert all("hinge" in entry for entry in log)
    assert list(record(out)["objective"]["terms"]) == ["hinge"]
    assert record(out)["encoder"] == str(stage)


def test_a_resumed_bootstrap_needs_neither_its_stage_nor_its_encoder_any_more(stage, second, tmp_path):
    given = {"keypoints": stage, "encoder": stage, "bootstrap": Bootstrap(start=1.0, end=1.0, cap=1.0)}
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    fit_denoiser(second, DATA, whole, options=RUN, measure=measure, **given)
    fit_denoiser(second, DATA, parted, options=PART, measure=measure, **given)
    gone = stage.rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="encoder must be the folder of a run"):
        fit_denoiser(second, DATA, tmp_path / "new", options=RUN, **given)
    fit_denoiser(second, DATA, parted, options=replace(RUN, resume=True), measure=measure, **given)
    assert same(weights(whole), weights(parted))
    evaluation = read_log(whole / "training" / "log.jsonl")[-1]
    names = ("coarse_high", "high", "generated_coarse_high", "generated_high", "position_error")
    assert set(names) <= evaluation.keys()
    kept = load_stage(whole / "training" / "keypoints", KeypointDiffusion)
    assert same(kept.state_dict(), load_stage(gone, KeypointDiffusion).state_dict())


def test_a_stage_2_without_any_of_these_stands_alone(second, tmp_path):
    fit_denoiser(second, DATA, tmp_path, options=RUN)
    assert not {"encoder", "bootstrap"} & record(tmp_path).keys()
    assert not (tmp_path / "training" / "keypoints").exists()


def test_weights_are_taken_from_a_model_of_the_same_kind(stage, first, tmp_path):
    slow = replace(RUN, init=stage, train=replace(RUN.train, steps=1, learning_rate=1e-12))
    fit_keypoints(replace(first, num_keypoints=6), DATA, tmp_path / "on", options=slow)
    for name, value in weights(tmp_path / "on").items():
        torch.testing.assert_close(value, weights(stage)[name], atol=1e-6, rtol=0)
    assert record(tmp_path / "on")["init"] == str(stage)


def test_a_causal_model_starts_from_a_bidirectional_one(stage):
    config = load_stage(stage, KeypointDiffusion).config
    causal = KeypointDiffusion(replace(config, transformer=replace(config.transformer, causal=True)))
    take_weights(causal, stage)
    for name, value in causal.state_dict().items():
        torch.testing.assert_close(value, weights(stage)[name], atol=0, rtol=0)


def test_weights_of_another_model_are_refused(stage, tiny_keypoints, tiny_denoiser):
    wide = tiny_keypoints(states=StateSpace(scale=3.0))
    with pytest.raises(
        ValueError, match=r"init .* like the one to train, found states.scale=3.0 \(saved: 2.0\)"
    ):
        take_weights(wide, stage)
    with pytest.raises(ValueError, match="must hold something of class InterpDenoiser, found Keyp"):
        take_weights(tiny_denoiser(), stage)
    with pytest.raises(FileNotFoundError, match=r"init must be the folder of a run, .* which is none"):
        take_weights(wide, stage / "nothing")


def test_what_does_not_go_together_is_refused(stage, second, tmp_path):
    with pytest.raises(ValueError, match="validate must be an integer of at least 0, found -1"):
        StageRun(validate=-1)
    with pytest.raises(ValueError, match=r"run\.best must be left out with validate=0, found 'error'"):
        StageRun(validate=0, run=RunOptions(best="error"))
    with pytest.raises(ValueError, match="bootstrap must be left out without keypoints"):
        fit_denoiser(second, DATA, tmp_path / "d", options=RUN, bootstrap=Bootstrap())
    with_velocities = replace(second, states=StateSpace(velocities=True))
    with pytest.raises(
        ValueError, match="keypoints must hold a stage 1 of the same states, with dim 4, found dim 2"
    ):
        fit_denoiser(with_velocities, DATA, tmp_path / "d", options=RUN, keypoints=stage)
    best = replace(RUN, run=replace(QUIET, best="high"))
    with pytest.raises(ValueError, match=r"run.best must be one of .*position_error.*, found 'high'"):
        fit_denoiser(second, DATA, tmp_path / "e", options=best)
    assert not has_run(tmp_path / "e")
    fit_denoiser(second, DATA, tmp_path / "e", options=best, measure=measure)
    with pytest.raises(ValueError, match="device must name a device of this machine, found 'tpu'"):
        pick_device("tpu")


def test_a_resume_without_the_kept_stage_is_refused(stage, second, tmp_path):
    out = tmp_path / "d"
    fit_denoiser(second, DATA, out, options=PART, keypoints=stage)
    (out / "training" / "keypoints").rename(tmp_path / "lost")
    with pytest.raises(ValueError, match="resume needs the stage 1 that the run started with, found none in"):
        fit_denoiser(second, DATA, out, options=replace(RUN, resume=True), keypoints=stage)


def test_a_record_that_holds_no_model_is_corrupt(first, tmp_path):
    fit_keypoints(first, DATA, tmp_path, options=PART)
    path = tmp_path / "training" / "config.json"
    for content, said in (
        ({}, "model must be an object, found None"),
        ({"model": {"widht": 3}}, "model.widht is not a field"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(CorruptFileError, match=said):
            load_stage(tmp_path, KeypointDiffusion)


def test_a_stage_whose_training_goes_on_is_its_averaged_weights(first, tmp_path):
    run = replace(PART, train=replace(RUN.train, learning_rate=1e-2, ema_decay=0.9, warmup_steps=0))
    assert not fit_keypoints(first, DATA, tmp_path, options=run).finished
    content = read_checkpoint(tmp_path / "training" / "checkpoints" / "last.pt")
    loaded = load_stage(tmp_path, KeypointDiffusion).state_dict()
    average = content["ema"]["average"]
    assert same(average, loaded)
    assert not same(average, content["model"])


def test_a_rate_that_spoils_the_weights_ends_the_run(tiny_encoder, tiny_keypoints, tmp_path):
    encoder = tiny_encoder(value_iteration=True)
    config = tiny_keypoints(encoder=encoder).config
    train = TrainConfig(steps=50, batch_size=4, learning_rate=1e38, warmup_steps=0, clip_norm=None)
    with pytest.raises(TrainingError, match=r"step \d+ cannot be taken: .*; the last good checkpoint is"):
        fit_keypoints(config, DATA, tmp_path, options=replace(RUN, train=train, validate=0))


def test_two_runs_do_not_train_in_one_folder(first, tmp_path):
    with locked(tmp_path / "training"), pytest.raises(FolderInUseError, match="another process is writing"):
        fit_keypoints(first, DATA, tmp_path, options=RUN)
