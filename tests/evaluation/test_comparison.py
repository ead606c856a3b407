"""Methods on the same samples: what is measured, batched and timed, whatever the samples are."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from anchordiff.conditions import Condition
from anchordiff.data import TrajectoryBatch
from anchordiff.evaluation import Attempt, Column, Evaluation, MethodResult, run_methods
from anchordiff.evaluation.methods import Coarse, FullSequence, Generative, OneSample, StraightLine
from anchordiff.judge import FunctionJudge
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.samplers import FlowSampler


@dataclass(frozen=True, kw_only=True, eq=False)
class Goal(Condition):
    value: Tensor

    def check(self) -> None:
        """Every number will do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ways(TrajectoryBatch):
    """Trajectories of one number that end at their goals."""


def load(indices: range) -> Ways:
    goals = torch.tensor(indices, dtype=torch.float32)
    return Ways(condition=Goal(value=goals), trajectory=(goals[:, None] * torch.linspace(0, 1, 5))[..., None])


@dataclass(frozen=True)
class Noisy:
    """The data's way with noise of some size."""

    size: float = 0.0
    name: str = "noisy"

    def __call__(self, batch, generator):
        noise = self.size * torch.randn(batch.trajectory.shape, generator=generator)
        return Attempt(trajectory=batch.trajectory + noise)


def measure(attempt: Attempt, batch: Ways) -> dict[str, Tensor]:
    miss = (attempt.trajectory[:, -1, 0] - batch.condition.value).abs()
    return {"success": miss < 0.5, "miss": miss, "height": attempt.trajectory[:, -1, 0]}


@dataclass(frozen=True)
class Drawn(Noisy):
    """Noisy, as often as one likes."""

    def samples(self, batch, count, generator):
        noise = torch.randn(len(batch), count, *batch.trajectory.shape[1:], generator=generator)
        return batch.trajectory[:, None] + self.size * noise


def measure_many(attempt: Attempt, batch: Ways) -> dict[str, Tensor]:
    values = measure(attempt, batch)
    if attempt.candidates is not None:
        values["warmth"] = attempt.candidates[..., 0].std(dim=1).mean(dim=1)
    return values


COLUMNS = (
    Column(measure="success", statistic="share", key="success", heading="success", form="{:.1f} %", factor=100.0),
    Column(measure="miss", statistic="mean", key="miss", heading="miss"),
    Column(measure="height", statistic="90th", key="height_90th"),
    Column(measure="height", statistic="median", key="height", heading="height", of_successes=True),
    Column(measure="warmth", statistic="mean", key="warmth", heading="warmth"),
)  # fmt: skip


def run(*methods, size: int = 11, **options) -> Evaluation:
    settings = {"suite": "ways", "size": size, "measure": measure, "columns": COLUMNS, "timed": 0}
    return run_methods(methods, load, **settings | options)


def test_each_sample_is_measured_once_whatever_the_batches():
    whole, parts = (run(Noisy(), batch_size=size).results[0] for size in (100, 3))
    for result in (whole, parts):
        assert result["height"].tolist() == list(range(11))
        assert result.attempt.trajectory.shape == (11, 5, 1)
    with pytest.raises(KeyError, match="warmth"):
        whole["warmth"]


def test_all_methods_get_the_same_noise_and_a_seed_of_its_own_another():
    first, second = run(Noisy(1.0, name="a"), Noisy(2.0, name="b")).results
    torch.testing.assert_close(
        2 * (first.attempt.trajectory - load(range(11)).trajectory),
        second.attempt.trajectory - load(range(11)).trajectory,
        atol=1e-5, rtol=1e-5,
    )  # fmt: skip
    other = run(Noisy(1.0), seed=1).results[0]
    assert not torch.equal(other.attempt.trajectory, first.attempt.trajectory)


def test_times_are_taken_where_they_are_asked_for():
    result = run(Noisy(), timed=3).results[0]
    assert result.seconds_alone > 0
    assert result.seconds_batched > 0
    assert run(Noisy(), timed=0).results[0].seconds_alone is None


def test_what_is_measured_of_many_is_measured_of_all_that_draw():
    options = {"measure": measure_many, "several": 500, "batch_size": 4}
    found = run(Noisy(1.0), Drawn(1.0, name="drawn"), Drawn(2.0, name="wide"), **options)
    assert "warmth" not in found["noisy"].values
    for name, size in (("drawn", 1.0), ("wide", 2.0)):
        warmth = found[name]["warmth"]
        assert warmth.isnan().tolist() == [False] * 4 + [True] * 7
        assert found[name].summary(COLUMNS)["warmth"] == pytest.approx(size, rel=0.05)
        assert torch.equal(found[name]["miss"], run(Drawn(size, name=name), batch_size=4).results[0]["miss"])
        assert not found[name].chose
    assert "warmth" not in run(Drawn(), measure=measure_many).results[0].values


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be an integer of at least 1, found 0"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, found 0"),
        ({"timed": -1}, "timed must be an integer of at least 0, found -1"),
        ({"several": -1}, "several must be an integer of at least 0, found -1"),
    ],
)
def test_bad_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        run(Noisy(), **options)


def test_figures_are_those_of_the_measures():
    values = {"success": torch.tensor([True, False, True, True]), "miss": torch.tensor([0.0, 9.0, 0.5, 0.1])}
    values["height"] = torch.tensor([1.0, 100.0, 2.0, 4.0])
    attempt = Attempt(trajectory=torch.zeros(4, 5, 1))
    summary = MethodResult(name="m", attempt=attempt, values=values).summary(COLUMNS)
    assert summary["success"] == 0.75
    low, high = summary["success_interval_95"]
    assert 0.2 < low < 0.75 < high < 1.0
    assert summary["miss"] == pytest.approx(2.4)
    assert summary["height"] == 2.0  # the median of what went well
    assert summary["height_90th"] == pytest.approx(71.2)
    assert summary["warmth"] is None
    assert summary["failures"] == [1]
    assert summary["seconds_alone"] is None


def test_a_table_has_a_row_a_method_and_a_dash_where_there_is_nothing():
    lines = run(Noisy(0.0, name="exact"), Noisy(100.0, name="wild")).table().splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == [
        "method", "success", "95 % interval", "miss", "height", "warmth", "ms alone", "ms in a batch",
    ]  # fmt: skip
    exact = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert exact[:2] == ["exact", "100.0 %"]
    assert exact[3:7] == ["0.000", "5.000", "-", "-"]
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 4


def test_the_gain_of_stage_2_needs_both_methods_and_success():
    with pytest.raises(KeyError):
        run(Noisy()).gain  # noqa: B018


@pytest.fixture
def batch(mazes):
    condition = mazes(2)
    way = torch.lerp(condition.start[:, None], condition.goal[:, None], torch.linspace(0, 1, 16)[:, None])
    return Ways(condition=condition, trajectory=way)


def test_several_samples_are_those_of_the_pipeline(tiny_keypoints, tiny_denoiser, batch):
    pipe = TwoStagePipeline(
        tiny_keypoints(), tiny_denoiser(), PipelineConfig(horizon=16, num_keypoints=4, steps=2)
    )
    made = pipe.generate(batch.condition, num_samples=3, generator=torch.Generator().manual_seed(0))
    for method, expected in (
        (OneSample(pipeline=pipe), made.trajectory),
        (Coarse(pipeline=pipe), made.coarse),
    ):
        drawn = method.samples(batch, 3, torch.Generator().manual_seed(0))
        assert isinstance(method, Generative)
        assert drawn.shape == (2, 3, 16, 2)
        assert torch.equal(drawn.flatten(0, 1), expected)
    assert not isinstance(StraightLine(pipeline=pipe), Generative)


def test_full_sequences_may_be_chosen_among(tiny_keypoints, batch):
    model, generators = tiny_keypoints(num_keypoints=16), [torch.Generator().manual_seed(0) for _ in range(3)]
    judge = FunctionJudge(lambda ways, _: (ways[:, 0, 0] < 99, ways[..., 1].amax(dim=1)))
    sampler = FlowSampler(2)
    first = FullSequence(model=model, sampler=sampler, candidates=4)(batch, generators[0])
    lowest = FullSequence(model=model, sampler=sampler, candidates=4, judge=judge)(batch, generators[1])
    assert torch.equal(first.candidates, lowest.candidates)
    assert torch.equal(first.trajectory, first.candidates[:, 0])
    heights = lowest.candidates[..., 1].amax(dim=2)
    assert torch.equal(lowest.trajectory[..., 1].amax(dim=1), heights.amin(dim=1))
    alone = FullSequence(model=model, sampler=sampler)
    assert alone(batch, generators[2]).candidates is None
    assert alone.name == "full-sequence diffusion, 2 steps"
