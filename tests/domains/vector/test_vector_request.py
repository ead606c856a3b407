"""`generate` for vectors: what a file gives, the plan that is chosen of samples, and what is said of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from anchordiff.domains.domain import PlanOptions, PlanSettings
from anchordiff.domains.vector import VectorEncoderConfig, metrics
from anchordiff.domains.vector.job import read_condition
from anchordiff.domains.vector.request import VectorRequest
from anchordiff.errors import CorruptFileError
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

HORIZON = 9
STATES = StateSpace(positions=2, scale=(0.5, 2.0), unit=(0.5, 2.0))
SETTINGS = PlanSettings(source="pipe", horizon=None, num_samples=6, seed=3)


@pytest.fixture(scope="module")
def pipe(roughen) -> TwoStagePipeline:
    torch.manual_seed(0)
    shared: dict[str, Any] = {"states": STATES, "horizon": HORIZON, "num_keypoints": 4}
    shared["encoder"] = VectorEncoderConfig(context_size=2, token_size=3, width=8, attention_channels=8)
    shared["transformer"] = TransformerConfig(width=8, depth=1, heads=2)
    return TwoStagePipeline(
        roughen(KeypointDiffusion(KeypointDiffusionConfig(**shared))),
        roughen(InterpDenoiser(InterpDenoiserConfig(**shared))),
        PipelineConfig(horizon=HORIZON, num_keypoints=4, steps=2),
    )


def arrays() -> dict[str, np.ndarray]:
    is_known = np.zeros((HORIZON, 2), bool)
    is_known[4, 1] = True
    return {
        "start": np.array([0.5, 1.0]),
        "goal": np.array([1.0, -1.0]),
        "known": np.full((HORIZON, 2), 0.25),
        "is_known": is_known,
        "context": np.array([1.0, 2.0]),
        "tokens": np.ones((3, 3)),
        "visible": np.array([True, False, True]),
    }


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("leading", [False, True])
def test_a_file_holds_one_condition_with_or_without_a_leading_axis(tmp_path, suffix, leading):
    given = {name: value[None] if leading else value for name, value in arrays().items()}
    path = tmp_path / f"task{suffix}"
    if suffix == ".npz":
        np.savez(path, **given)
    else:
        save_file({name: torch.from_numpy(value) for name, value in given.items()}, path)
    condition = read_condition(path)
    condition.check()
    assert len(condition) == 1
    for name, value in arrays().items():
        found = getattr(condition, name)[0]
        assert found.dtype == (torch.bool if value.dtype == bool else torch.float32)
        np.testing.assert_array_equal(found.numpy(), value)


def write(path: Path, **given: np.ndarray) -> Path:
    np.savez(path, **given)
    return path


def test_a_plan_is_the_shortest_sample_within_the_limits(pipe, tmp_path):
    path = write(tmp_path / "task.npz", **arrays())
    free = VectorRequest(condition=path).open(pipe, SETTINGS)
    samples = free.plan(PlanOptions()).generation.trajectory
    # A limit that some samples keep and some do not.
    tops = samples[..., 0].amax(dim=1)
    high = float(tops.sort().values[len(tops) // 2])
    job = VectorRequest(condition=path, high=(high, 99.0), low=(-99.0,)).open(pipe, SETTINGS)
    plan = job.plan(PlanOptions())
    assert torch.equal(plan.generation.trajectory, samples)
    kept = tops <= high
    assert 0 < int(kept.sum()) < 6
    lengths = metrics.path_length(STATES, samples).where(kept, torch.inf)
    assert plan.index.tolist() == [int(lengths.argmin())]
    assert torch.equal(plan.trajectory[0, [0, -1]], torch.tensor([[0.5, 1.0], [1.0, -1.0]]))
    assert bool((samples[:, 4, 1] == 0.25).all())
    told = job.measure(plan)
    assert told["condition"] == "task.npz"
    assert (told["samples"], told["samples_in_limits"], told["keeps_limits"]) == (6, int(kept.sum()), True)
    assert told["length"] == pytest.approx(float(lengths.min()))
    rows = job.rows(told)
    assert rows["plan keeps the limits"] == "yes"
    assert rows["samples within them"] == f"{int(kept.sum())} of 6"
    assert rows["length"] == f"{told['length']:.3f} deviations"
    assert list(job.pictures(plan)) == ["plan"]
    made = job.arrays(plan)
    assert made["trajectory"].shape == (6, HORIZON, 2)
    assert torch.equal(made["chosen"], plan.index)


def test_where_no_sample_keeps_the_limits_the_shortest_is_not_valid(pipe, tmp_path):
    path = write(tmp_path / "task.npz", start=np.array([0.5, 1.0]))
    job = VectorRequest(condition=path, low=(5.0,), high=(6.0,)).open(pipe, SETTINGS)
    plan = job.plan(PlanOptions(steps=1))
    assert plan.valid.tolist() == [False]
    lengths = metrics.path_length(STATES, plan.generation.trajectory)
    assert plan.index.tolist() == [int(lengths.argmin())]
    assert job.rows(job.measure(plan))["plan keeps the limits"] == "no"


def test_without_a_file_nothing_is_given(pipe):
    job = VectorRequest().open(pipe, PlanSettings(source="pipe", horizon=12, num_samples=1, seed=0))
    plan = job.plan(PlanOptions(steps=1))
    assert plan.trajectory.shape == (1, 12, 2)
    told = job.measure(plan)
    assert (told["condition"], told["diversity"]) == ("samples", None)
    assert "diversity" not in job.rows(told)
    again = job.plan(PlanOptions(steps=1))
    assert torch.equal(again.trajectory, plan.trajectory)


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_condition_is_refused(pipe, tmp_path):
    for name, given, message in (
        ("a", {"state": np.zeros(2)}, r"must hold arrays among start, goal, .*, found state"),
        ("b", {}, "must hold arrays among start, .* found none"),
        ("c", {"start": np.zeros((2, 2))}, "--condition must hold one condition, found 2 in "),
        (
            "d",
            {"start": np.zeros((1, 2)), "goal": np.zeros((3, 2))},
            "the parts of a condition must have one length",
        ),
    ):
        path = write(tmp_path / f"{name}.npz", **given)
        with pytest.raises(ValueError, match=message):
            VectorRequest(condition=path).open(pipe, SETTINGS)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        VectorRequest(condition=tmp_path / "nowhere.npz").open(pipe, SETTINGS)
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(CorruptFileError, match=r"broken\.npz is corrupt"):
        VectorRequest(condition=tmp_path / "broken.npz").open(pipe, SETTINGS)
    with pytest.raises(ValueError, match=r"path must end in .npz or .safetensors, found '.*task.txt'"):
        VectorRequest(condition=tmp_path / "task.txt").open(pipe, SETTINGS)
    for limits, message in (
        ({"low": (1.0, 2.0, 3.0)}, "--low must be one number or 2, found 3"),
        ({"high": (1.0,) * 4}, "--high must be one number or 2, found 4"),
    ):
        with pytest.raises(ValueError, match=message):
            VectorRequest(**limits).open(pipe, SETTINGS)


def test_a_condition_that_does_not_fit_the_weights_is_refused_by_the_plan(pipe, tmp_path):
    for name, value, message in (
        ("start", np.zeros(3), "start must have 2 numbers, as the weights, found 3"),
        ("context", np.zeros(5), "context must have 2 features, as the weights, found 5"),
        ("tokens", np.zeros((2, 2)), "tokens must have 3 features, as the weights, found 2"),
    ):
        job = VectorRequest(condition=write(tmp_path / f"{name}.npz", **{name: value})).open(pipe, SETTINGS)
        with pytest.raises(ValueError, match=message):
            job.plan(PlanOptions(steps=1))
