import json
from dataclasses import dataclass

import pytest
import torch

from anchordiff.denoiser import InterpDenoiser, InterpDenoiserConfig
from anchordiff.evaluation import SUITES, Attempt, Evaluation, evaluate, is_success, run_methods
from anchordiff.evaluation.methods import BestOf, Coarse, FullSequence, OneSample, StraightLine
from anchordiff.keypoints import KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.nn.maze_encoder import MazeEncoderConfig
from anchordiff.nn.transformer import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.samplers import FlowSampler

SUITE = SUITES["particle-21"]
BODY = TransformerConfig(width=16, depth=1, heads=2)
ENCODER = MazeEncoderConfig(map_channels=4, convolution_blocks=1, cell_channels=8, attention_channels=0)


def stage_1(keypoints: int) -> KeypointDiffusion:
    config = KeypointDiffusionConfig(horizon=16, num_keypoints=keypoints, transformer=BODY, encoder=ENCODER)
    return KeypointDiffusion(config)


@pytest.fixture(scope="module")
def pipeline() -> TwoStagePipeline:
    torch.manual_seed(0)
    denoiser = InterpDenoiser(
        InterpDenoiserConfig(horizon=16, num_anchors=4, num_levels=2, transformer=BODY, encoder=ENCODER)
    )
    config = PipelineConfig(horizon=16, num_anchors=4, steps=2)
    return TwoStagePipeline(stage_1(4), denoiser, config)


@pytest.fixture(scope="module")
def evaluation(pipeline: TwoStagePipeline) -> Evaluation:
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
        assert torch.equal(result.success, is_success(condition, trajectory))
        assert torch.allclose(trajectory[:, 0], condition.start, atol=1e-4)
        assert torch.allclose(trajectory[:, -1], condition.goal, atol=1e-4)


def test_stage_2_is_compared_on_the_same_keypoints(evaluation):
    coarse, fine = evaluation[Coarse.name], evaluation[OneSample.name]
    assert torch.equal(coarse.attempt.keypoints, fine.attempt.keypoints)
    assert torch.equal(coarse.attempt.trajectory, fine.attempt.coarse)
    gain = 100 * (fine.success.float().mean() - coarse.success.float().mean())
    assert evaluation.gain == pytest.approx(float(gain))


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


def test_diversity_is_that_of_the_candidates(evaluation):
    with_candidates = [result.name for result in evaluation.results if result.diversity is not None]
    assert with_candidates == ["plan, 3 candidates"]


def test_json_holds_all_and_the_table_one_row_a_method(evaluation):
    data = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert data["mazes"] == 7
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
    result = run_methods([Expert()], SUITE, size=10, horizon=32, timed=0).results[0]
    summary = result.summary()
    assert summary["success"] == 1.0
    assert summary["failures"] == []
    assert summary["length_ratio_median"] == 1.0
    assert summary["collision_rate"] == 0.0


def test_lengths_are_taken_of_successes_alone():
    summary = run_methods([Expert(fails=2)], SUITE, size=10, timed=0).results[0].summary()
    assert summary["success"] == 0.5
    assert summary["failures"] == [0, 2, 4, 6, 8]
    assert summary["length_ratio_median"] == 1.0
    hopeless = run_methods([Expert(fails=1)], SUITE, size=3, timed=0)
    assert hopeless.results[0].summary()["length_ratio_median"] is None
    assert hopeless.table().count(" - ") >= 2


def test_failures_come_once_worst_first_and_plans_before_single_samples(evaluation):
    found = evaluation.failures(count=5)
    mazes = [maze for _, maze in found]
    assert len(mazes) == len(set(mazes)) <= 5
    order = [result.name for result, _ in found]
    assert order == sorted(order, key=["plan, 3 candidates", OneSample.name].index)
    rates = [float(result.collision_rate[maze]) for result, maze in found if result.name == order[0]]
    assert rates == sorted(rates, reverse=True)


def test_bad_numbers_are_refused(pipeline):
    with pytest.raises(ValueError, match="size must lie in 1"):
        run_methods([StraightLine(horizon=8)], SUITE, size=1001)
    with pytest.raises(ValueError, match="batch_size"):
        run_methods([StraightLine(horizon=8)], SUITE, batch_size=0)
    with pytest.raises(ValueError, match="anchor at each of its 16 steps, found 4"):
        FullSequence(model=stage_1(4), sampler=FlowSampler(2))


@pytest.mark.usefixtures("unchecked")
def test_a_number_of_candidates_is_refused_before_any_method_runs(pipeline: TwoStagePipeline):
    with pytest.raises(ValueError, match="candidates must be an integer of at least 1, found 0"):
        BestOf(pipeline=pipeline, candidates=0)
