"""A pipeline beside its parts and baselines on a suite of mazes: the same mazes and noise for all."""

import json
from dataclasses import dataclass

import pytest
import torch

from anchordiff.domains.maze import SUITES, is_success
from anchordiff.domains.maze.evaluation import COLUMNS, evaluate, failures, run_on_suite
from anchordiff.evaluation import Attempt, Evaluation
from anchordiff.evaluation.methods import BestOf, Coarse, FullSequence, OneSample, StraightLine
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.samplers import FlowSampler

SUITE = SUITES["particle-21"]


@pytest.fixture(scope="module")
def stage_1(tiny_keypoints, tiny_encoder):
    """Make a stage 1 with so many keypoints."""
    encoder = tiny_encoder(attention_channels=0)
    return lambda keypoints: tiny_keypoints(num_keypoints=keypoints, encoder=encoder)


@pytest.fixture(scope="module")
def pipeline(stage_1, tiny_denoiser, tiny_encoder) -> TwoStagePipeline:
    config = PipelineConfig(horizon=16, num_keypoints=4, steps=2)
    return TwoStagePipeline(stage_1(4), tiny_denoiser(encoder=tiny_encoder(attention_channels=0)), config)


@pytest.fixture(scope="module")
def evaluation(pipeline: TwoStagePipeline, stage_1) -> Evaluation:
    return evaluate(pipeline, SUITE, size=7, candidates=3, full_sequence=stage_1(16), batch_size=4, timed=2)


@dataclass(frozen=True)
class Expert:
    """Knows the answer, except in every `fails`-th maze, where it stands still."""

    fails: int = 0
    name: str = "expert"

    def __call__(self, batch, generator):
        trajectory = batch.trajectory.clone()
        if self.fails:
            trajectory[:: self.fails] = trajectory[:: self.fails, :1]
        return Attempt(trajectory=trajectory)


def test_all_methods_run_on_the_same_mazes(evaluation):
    assert [result.name for result in evaluation.results] == [
        "straight line",
        "coarse (stage 1 + interpolation)",
        "pipeline, one sample",
        "plan, 3 candidates",
        "true keypoints + stage 2",
        "full-sequence diffusion, 2 steps",
        "full-sequence diffusion, 16 steps",
    ]
    condition = SUITE.load(range(7), horizon=16).condition
    for result in evaluation.results:
        trajectory = result.attempt.trajectory
        assert trajectory.shape == (7, 16, 2)
        assert torch.equal(result["success"], is_success(condition, trajectory))
        assert torch.allclose(trajectory[:, 0], condition.start, atol=1e-4)
        assert torch.allclose(trajectory[:, -1], condition.goal, atol=1e-4)


def test_stage_2_is_compared_on_the_same_keypoints(evaluation):
    coarse, fine = evaluation[Coarse.name], evaluation[OneSample.name]
    assert torch.equal(coarse.attempt.keypoints, fine.attempt.keypoints)
    assert torch.equal(coarse.attempt.trajectory, fine.attempt.coarse)
    gain = 100 * (fine["success"].float().mean() - coarse["success"].float().mean())
    assert evaluation.gain == pytest.approx(float(gain))


def test_a_straight_line_joins_the_ends_at_an_even_pace(evaluation):
    condition = SUITE.load(range(7), horizon=16).condition
    times = torch.linspace(0, 1, 16)[:, None]
    line = torch.lerp(condition.start[:, None], condition.goal[:, None], times)
    torch.testing.assert_close(evaluation["straight line"].attempt.trajectory, line)


def test_true_keypoints_are_the_experts(evaluation):
    expert = SUITE.load(range(7), horizon=16).trajectory
    assert torch.equal(evaluation["true keypoints + stage 2"].attempt.keypoints, expert[:, ::5])


def test_figures_do_not_depend_on_the_batch_size(pipeline, evaluation):
    again = evaluate(pipeline, SUITE, size=7, candidates=3, batch_size=7, timed=0)
    for result in again.results:
        first = evaluation[result.name]
        torch.testing.assert_close(result.attempt.trajectory, first.attempt.trajectory, atol=1e-3, rtol=1e-3)
        assert result.seconds_alone is None


def test_times_are_taken_where_they_mean_something(evaluation):
    coarse = evaluation[Coarse.name]
    assert coarse.seconds_alone is None
    assert coarse.seconds_batched is None
    assert evaluation[OneSample.name].seconds_alone > 0
    assert evaluation[OneSample.name].seconds_batched > 0


def test_diversity_and_ways_are_told_of_every_method_that_draws(evaluation):
    drawn = [result.name for result in evaluation.results if "diversity" in result.values]
    assert drawn == [
        "coarse (stage 1 + interpolation)",
        "pipeline, one sample",
        "plan, 3 candidates",
        "full-sequence diffusion, 2 steps",
        "full-sequence diffusion, 16 steps",
    ]
    assert [result.name for result in evaluation.results if "ways" in result.values] == drawn
    assert [result.name for result in evaluation.results if result.chose] == ["plan, 3 candidates"]
    assert evaluation["pipeline, one sample"]["diversity"].isnan().tolist() == [False] * 4 + [True] * 3
    assert not evaluation["plan, 3 candidates"]["diversity"].isnan().any()


def test_json_holds_all_and_the_table_one_row_a_method(evaluation):
    data = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert (data["suite"], data["size"]) == ("particle-21", 7)
    assert data["settings"]["pipeline"]["horizon"] == 16
    assert set(data["settings"]["parameters"]) == {"keypoints", "denoiser", "full_sequence"}
    assert list(data["methods"]) == [result.name for result in evaluation.results]
    line = data["methods"]["straight line"]
    assert len(line["failures"]) == round(7 * (1 - line["success"]))
    low, high = line["success_interval_95"]
    assert low <= line["success"] <= high
    rows = evaluation.table().splitlines()
    assert len(rows) == 2 + len(evaluation.results)
    assert len({len(row) for row in rows}) == 1


def test_an_expert_scores_full_marks():
    result = run_on_suite([Expert()], SUITE, size=10, horizon=32, timed=0).results[0]
    summary = result.summary(COLUMNS)
    assert summary["success"] == 1.0
    assert summary["failures"] == []
    assert summary["length_ratio_median"] == 1.0
    assert summary["collision_rate"] == 0.0


def test_lengths_are_taken_of_successes_alone():
    summary = run_on_suite([Expert(fails=2)], SUITE, size=10, timed=0).results[0].summary(COLUMNS)
    assert summary["success"] == 0.5
    assert summary["failures"] == [0, 2, 4, 6, 8]
    assert summary["length_ratio_median"] == 1.0
    hopeless = run_on_suite([Expert(fails=1)], SUITE, size=3, timed=0)
    assert hopeless.results[0].summary(COLUMNS)["length_ratio_median"] is None
    assert hopeless.table().count(" - ") >= 2


def test_failures_come_once_worst_first_and_plans_before_single_samples(evaluation):
    found = failures(evaluation, count=5)
    mazes = [maze for _, maze in found]
    assert len(mazes) == len(set(mazes)) <= 5
    order = [result.name for result, _ in found]
    assert order == sorted(order, key=["plan, 3 candidates", OneSample.name].index)
    rates = [float(result["collision_rate"][maze]) for result, maze in found if result.name == order[0]]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.usefixtures("unchecked")
def test_bad_numbers_are_refused(pipeline, stage_1):
    with pytest.raises(
        ValueError, match=r"size must lie in 1 \.\.\. 1000, the mazes of particle-21, found 1001"
    ):
        run_on_suite([StraightLine(pipeline=pipeline)], SUITE, size=1001)
    with pytest.raises(ValueError, match="batch_size"):
        run_on_suite([StraightLine(pipeline=pipeline)], SUITE, batch_size=0)
    with pytest.raises(ValueError, match="anchor at each of its 16 steps, found 4"):
        FullSequence(model=stage_1(4), sampler=FlowSampler(2))


@pytest.mark.usefixtures("unchecked")
def test_a_number_of_candidates_is_refused_before_any_method_runs(pipeline: TwoStagePipeline):
    with pytest.raises(ValueError, match="candidates must be an integer of at least 1, found 0"):
        BestOf(pipeline=pipeline, candidates=0)
