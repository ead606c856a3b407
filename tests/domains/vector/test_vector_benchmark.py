"""`evaluate` for vectors: which methods run on the same held-out samples, and that its figures are theirs."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anchordiff.domains.domain import BenchmarkSettings
from anchordiff.domains.vector import TrajectoryConfig, TrajectoryDataset, VectorSource, metrics
from anchordiff.domains.vector.benchmark import VectorBenchmark
from anchordiff.domains.vector.data import Episodes, write_episodes
from anchordiff.domains.vector.evaluation import OTHER_DATA, data_limits, evaluate, spread
from anchordiff.evaluation.methods import StraightLine
from anchordiff.hub import save_pretrained
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion

HORIZON = 8
METHODS = [
    "straight line",
    "coarse (stage 1 + interpolation)",
    "pipeline, one sample",
    "true keypoints + stage 2",
]


def episodes() -> Episodes:
    walks = np.random.default_rng(0).normal(size=(40, HORIZON, 2)).cumsum(axis=1)
    walks[..., 1] = np.angle(np.exp(1j * walks[..., 1]))
    return Episodes.from_arrays(walks)


@pytest.fixture(scope="module")
def data() -> TrajectoryDataset:
    path_free = VectorSource(
        path=Path("walks.npz"), angles=(1,), windows=TrajectoryConfig(held_out_share=0.3)
    )
    object.__setattr__(path_free, "episodes", episodes())
    return path_free.dataset()


def stage(data: TrajectoryDataset, keypoints: int, kind: Any) -> Any:
    config = {KeypointDiffusion: KeypointDiffusionConfig, InterpDenoiser: InterpDenoiserConfig}[kind]
    torch.manual_seed(0)
    return kind(
        config(
            encoder=data.encoder_config(),
            states=data.states,
            horizon=HORIZON,
            num_keypoints=keypoints,
            transformer=TransformerConfig(width=8, depth=1, heads=2),
        )
    )


@pytest.fixture(scope="module")
def pipe(data, roughen) -> TwoStagePipeline:
    return TwoStagePipeline(
        roughen(stage(data, 3, KeypointDiffusion)),
        stage(data, 3, InterpDenoiser),
        PipelineConfig(horizon=HORIZON, num_keypoints=3, steps=2),
    )


def test_all_methods_run_on_the_same_samples_and_are_measured_alike(pipe, data):
    held_out = data.held_out()
    found = evaluate(
        pipe, held_out, limits=data_limits(data), size=6, candidates=3, batch_size=4, timed=1, seed=2,
        full_sequence=stage(data, HORIZON, KeypointDiffusion),
    )  # fmt: skip
    names = [result.name for result in found.results]
    assert names == [
        OTHER_DATA, *METHODS, "full-sequence diffusion, 2 steps", "full-sequence diffusion, 16 steps"
    ]  # fmt: skip
    truth = spread(held_out, 6).trajectory
    for result in found.results[1:]:
        made = result.attempt.trajectory
        assert made.shape == (6, HORIZON, 2)
        torch.testing.assert_close(result["error"], metrics.position_error(data.states, made, truth))
        torch.testing.assert_close(result["smoothness"], metrics.smoothness(data.states, made))
        energy = metrics.energy_terms(data.states, made, truth, paired=True)
        torch.testing.assert_close(result["energy"], energy)
        # Both ends are given, and all hold them; angles lie in range.
        assert torch.equal(made[:, [0, -1]], truth[:, [0, -1]])
        assert bool(((made[..., 1] >= -torch.pi) & (made[..., 1] < torch.pi)).all())
        draws = result.name not in ("straight line", "true keypoints + stage 2")
        assert ("diversity" in result.values) == draws
    assert torch.equal(
        found["pipeline, one sample"].attempt.keypoints,
        found["coarse (stage 1 + interpolation)"].attempt.keypoints,
    )
    # Recorded trajectories that no method was given the ends of are what the energy distance is compared with.
    other = found[OTHER_DATA].attempt.trajectory
    assert not bool((other[:, None] == truth[None]).flatten(2).all(dim=2).any())
    assert "error" not in found[OTHER_DATA].values
    # The error of true keypoints is that of interpolation, since stage 2 is not trained.
    assert float(found["true keypoints + stage 2"]["error"].mean()) < float(
        found["pipeline, one sample"]["error"].mean()
    )
    table = found.table()
    for heading in ("energy distance", "error", "smoothness", "over limits", "diversity", *names):
        assert heading in table


def test_a_straight_line_goes_the_shorter_way_round_and_stays_in_range(pipe, data):
    batch = spread(data.held_out(), 12)
    made = StraightLine(pipeline=pipe)(batch, torch.Generator()).trajectory
    start, goal = batch.condition.start, batch.condition.goal
    way = data.states.difference(goal, start)
    for step in range(HORIZON):
        expected = data.states.wrap(start + way * step / (HORIZON - 1))
        away = data.states.difference(made[:, step], expected)
        assert float(away.abs().max()) < 1e-4
    assert bool(((made[..., 1] >= -torch.pi) & (made[..., 1] < torch.pi)).all())


def test_limits_are_those_of_the_data_and_angles_have_none(data):
    low, high = data_limits(data)
    x = data.batch(range(len(data))).trajectory[..., 0]
    assert (float(low[0]), float(high[0])) == (float(x.min()), float(x.max()))
    assert (float(low[1]), float(high[1])) == (-torch.inf, torch.inf)


def test_samples_are_spread_over_all_there_are(pipe, data):
    held_out = data.held_out()
    batch = spread(held_out, 4)
    expected = held_out.batch([0, 3, 7, 11])
    assert torch.equal(batch.trajectory, expected.trajectory)
    for size in (1, 13):
        with pytest.raises(
            ValueError, match=f"size must lie in 2 ... 12, the held-out samples, found {size}"
        ):
            evaluate(pipe, held_out, limits=data_limits(data), size=size)


@dataclass(frozen=True)
class Place:
    folder: Path
    benchmark: VectorBenchmark

    def settings(self, **changes: Any) -> BenchmarkSettings:
        own: dict[str, Any] = {"source": str(self.folder / "pipe"), "size": 4, "candidates": 1, "seed": 0}
        return BenchmarkSettings(**own | {"out": self.folder / "out", "progress": False} | changes)


@pytest.fixture
def place(pipe, tmp_path) -> Place:
    pipe.save_pretrained(tmp_path / "pipe")
    write_episodes(tmp_path / "walks.npz", episodes())
    source = VectorSource(
        path=tmp_path / "walks.npz", angles=(1,), windows=TrajectoryConfig(held_out_share=0.3)
    )
    return Place(tmp_path, VectorBenchmark(data=source, batch_size=5, timed=0))


def test_a_benchmark_writes_what_it_found(pipe, data, place):
    out = place.folder / "out"
    full = save_pretrained(stage(data, HORIZON, KeypointDiffusion), place.folder / "full")
    benchmark = replace(place.benchmark, full_sequence=full)
    assert benchmark.name == "walks"
    said = benchmark.run(pipe, place.settings())
    assert said.startswith(f"{place.folder / 'pipe'} on 4 held-out samples of walks\n")
    told = json.loads((out / "evaluation.json").read_text())
    assert (told["suite"], told["size"], told["source"]) == ("held-out", 4, str(place.folder / "pipe"))
    assert list(told["methods"])[:5] == [OTHER_DATA, *METHODS]
    assert len(told["methods"]) == 7
    for name, method in told["methods"].items():
        assert (method["position_error"] is None) == (name == OTHER_DATA)
        assert method["diversity_mean"] is None
        assert method["energy_distance"] is not None
    assert said.startswith((out / "table.md").read_text())
    assert (out / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_size_all_held_out_samples_count(pipe, place):
    place.benchmark.run(pipe, place.settings(size=None))
    told = json.loads((place.folder / "out" / "evaluation.json").read_text())
    assert told["size"] == 12
    assert list(told["methods"]) == METHODS[:4]  # no other data are left to compare with


def test_a_full_sequence_diffusion_beside_the_pipeline_is_taken_along(pipe, data, place):
    save_pretrained(stage(data, HORIZON, KeypointDiffusion), place.folder / "pipe" / "full_sequence")
    place.benchmark.run(pipe, place.settings())
    told = json.loads((place.folder / "out" / "evaluation.json").read_text())
    assert list(told["methods"])[-1] == "full-sequence diffusion, 16 steps"


def test_names_follow_the_data(tmp_path):
    assert VectorBenchmark(data=VectorSource(minari="D4RL/door/human-v2")).name == "D4RL-door-human-v2"
    assert VectorBenchmark(data=VectorSource(lerobot=tmp_path / "arm")).name == "arm"


def test_data_and_flags_that_do_not_fit_are_refused(pipe, place, tmp_path):
    for fields, message in (
        ({"batch_size": 0}, "--batch-size must be at least 1, found 0"),
        ({"timed": -1}, "--timed must be at least 0, found -1"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(place.benchmark, **fields)
    wide = np.random.default_rng(0).normal(size=(20, HORIZON, 3))
    write_episodes(tmp_path / "wide.npz", Episodes.from_arrays(wide))
    other = replace(place.benchmark, data=VectorSource(path=tmp_path / "wide.npz"))
    with pytest.raises(ValueError, match="space must have the 3 positions of the data, found 2"):
        other.run(pipe, place.settings())
    with pytest.raises(FileNotFoundError, match="--full-sequence must be the folder of a run"):
        replace(place.benchmark, full_sequence=tmp_path / "nowhere").run(pipe, place.settings())
