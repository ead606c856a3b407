"""Measure the arm's plans on worlds that no network saw, and write the table.

python examples/arm/evaluate.py --runs runs/arm --heldout data/heldout.npz --out docs/results/arm

What each method made is kept in `--cache`, so that a call that was stopped goes on where it was, and several calls with
`--only` share the work.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import torch
import tyro
from judge import ArmJudge, joint_length
from methods import Guided, GuidedFull, Planner
from scene import ArmEncoderConfig  # noqa: F401  (its tag is in the configs that are loaded)
from table import describe, make_table
from torch import Tensor
from world import STEP

from anchordiff import TwoStagePipeline
from anchordiff.configs import config_to_json
from anchordiff.domains.vector import VectorCondition
from anchordiff.domains.vector.data.batch import VectorBatch
from anchordiff.evaluation import Attempt, Method, run_methods
from anchordiff.evaluation.methods import BestOf, FullSequence, OneSample, Several, StraightLine
from anchordiff.files import replacing, write_whole
from anchordiff.pipeline import PipelineConfig
from anchordiff.samplers import FlowSampler
from anchordiff.stages import InterpDenoiser, KeypointDiffusion
from anchordiff.training.load import load_stage

_WARM_UP: Final = 2  # plans before times are taken


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Run all methods on the held-out worlds, and write `table.md` and `evaluation.json`.

    Attributes:
        runs: folder with `keypoints`, `denoiser` and, if it is to be measured, `full-sequence`.
        heldout: worlds that `make_data.py heldout` wrote.
        out: folder of the table.
        cache: folder of what each method made.
        only: keys of the methods to run, without a table; all if left out.
        without: keys of methods that are left out.
        size: worlds; the first ones of the file.
        candidates: of a plan.
        sampler_steps: of stage 1, and of the full sequence.
        guidance: weight of the guided plans' cost.
        timed: plans made alone for the time of one; 0 for none.
        batch_size: worlds at a time.
        threads: that torch may use.
        seed: of the noise.
    """

    runs: Path
    heldout: Path
    out: Path
    cache: Path
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    size: int = 512
    candidates: int = 16
    sampler_steps: int = 4
    guidance: float = 15.0
    timed: int = 30
    batch_size: int = 16
    threads: int = 1
    seed: int = 0

    def execute(self) -> None:
        """Measure."""
        torch.set_num_threads(self.threads)
        worlds = dict(np.load(self.heldout))
        if not 1 <= self.size <= len(worlds["states"]):
            raise ValueError(f"--size must be from 1 to {len(worlds['states'])}, found {self.size}")
        pipeline, judge = load_pipeline(self.runs, steps=self.sampler_steps), ArmJudge()
        methods = self._methods(pipeline, judge)
        for option, keys in (("only", self.only), ("without", self.without)):
            for key in keys:
                if key not in methods:
                    raise ValueError(f"--{option} must be among {', '.join(methods)}, found {key!r}")
        methods = {key: pair for key, pair in methods.items() if key not in self.without}
        for key in self.only or methods:
            self._measure(key, methods[key], worlds, judge)
        if self.only:
            return
        found = {key: dict(np.load(self._cached(key))) for key in methods}
        names = {key: method.name for key, (method, _) in methods.items()}
        table = make_table(found, names, worlds, candidates=self.candidates)
        told = {
            "suite": "arm among spheres, held out",
            "size": self.size,
            "settings": {
                "check_step_m": STEP,
                "torch": torch.__version__,
                "arguments": {name: str(value) for name, value in asdict(self).items()},
                "models": {
                    name: config_to_json(model.config) for name, model in self._models(pipeline).items()
                },
                "pipeline": config_to_json(pipeline.config),
            },
            "methods": {names[key]: describe(found[key], worlds) for key in methods},
        }
        self.out.mkdir(parents=True, exist_ok=True)
        write_whole(self.out / "table.md", (table + "\n").encode())
        write_whole(self.out / "evaluation.json", (json.dumps(told, indent=1) + "\n").encode())
        sys.stdout.write(table + "\n")

    def _methods(
        self, pipeline: TwoStagePipeline, judge: ArmJudge
    ) -> dict[str, tuple[Method, Method | None]]:
        """By their keys the methods, and of those with a check the same without it."""
        count, weight = self.candidates, self.guidance
        several = Several(pipeline=pipeline, candidates=count)
        guided = Guided(pipeline=pipeline, weight=weight, candidates=count)
        methods: dict[str, tuple[Method, Method | None]] = {
            "line": (StraightLine(pipeline=pipeline), None),
            "one": (OneSample(pipeline=pipeline), None),
            "plan": (BestOf(pipeline=pipeline, candidates=count, judge=judge), several),
            "one-guided": (Guided(pipeline=pipeline, weight=weight), None),
            "plan-guided": (Guided(pipeline=pipeline, weight=weight, candidates=count, judge=judge), guided),
        }
        if (self.runs / "full-sequence").exists():
            model, sampler = self._full_sequence(), FlowSampler(self.sampler_steps)
            bare = FullSequence(model=model, sampler=sampler, candidates=count)
            methods["full"] = (FullSequence(model=model, sampler=sampler), None)
            methods["full-plan"] = (
                FullSequence(model=model, sampler=sampler, candidates=count, judge=judge),
                bare,
            )
            methods["full-guided"] = (GuidedFull(model=model, sampler=sampler, weight=weight), None)
            methods["full-plan-guided"] = (
                GuidedFull(model=model, sampler=sampler, weight=weight, candidates=count, judge=judge),
                GuidedFull(model=model, sampler=sampler, weight=weight, candidates=count),
            )
        return methods | {"planner": (Planner(judge=judge), None)}

    def _measure(
        self, key: str, pair: tuple[Method, Method | None], worlds: Mapping[str, Any], judge: ArmJudge
    ) -> None:
        """Run one method, unless what it made is kept from an earlier call."""
        if self._cached(key).exists():
            return

        def measure(attempt: Attempt, batch: VectorBatch) -> dict[str, Tensor]:
            path, condition = attempt.trajectory, batch.condition
            ends = torch.stack([batch.trajectory[:, 0], batch.trajectory[:, -1]], dim=1)
            exact = (path[:, [0, -1]] == ends).flatten(1).all(dim=1)
            free = torch.from_numpy(judge.free(condition, path.numpy()))
            return {"success": free & exact, "exact_ends": exact, "length": joint_length(path)}

        result = run_methods(
            [pair[0]], lambda indices: read_worlds(worlds, indices), suite=key, size=self.size, measure=measure,
            columns=(), seed=self.seed, batch_size=self.batch_size, timed=0,
        ).results[0]  # fmt: skip
        arrays = {name: value.numpy() for name, value in result.values.items()}
        arrays["seconds"], arrays["seconds_unchecked"] = (self._time(method, worlds) for method in pair)
        if result.attempt.trajectory.shape[1] == worlds["states"].shape[1]:
            arrays["trajectory"] = result.attempt.trajectory.numpy()
        self.cache.mkdir(parents=True, exist_ok=True)
        with replacing(self._cached(key)) as file:
            np.savez(file, allow_pickle=False, **arrays)
        sys.stdout.write(f"{pair[0].name}: success {arrays['success'].mean():.3f}\n")
        sys.stdout.flush()

    def _time(self, method: Method | None, worlds: Mapping[str, Any]) -> np.ndarray:
        """Median of the CPU time of plans made alone; not a number where there are none.

        CPU time, because it stays what it is on a machine that others use too.
        """
        if method is None or not self.timed:
            return np.array(np.nan)
        generator, times = torch.Generator().manual_seed(self.seed), []
        for index in range(-_WARM_UP, min(self.timed, self.size)):
            place = max(index, 0)
            batch = read_worlds(worlds, range(place, place + 1))
            began = time.process_time()
            method(batch, generator)
            times.append(time.process_time() - began)
        return np.array(median(times[_WARM_UP:]))

    def _cached(self, key: str) -> Path:
        return self.cache / f"{key}.npz"

    def _full_sequence(self) -> KeypointDiffusion:
        return load_stage(self.runs / "full-sequence", KeypointDiffusion)

    def _models(self, pipeline: TwoStagePipeline) -> dict[str, Any]:
        models: dict[str, Any] = dict(pipeline.components)
        if (self.runs / "full-sequence").exists():
            models["full-sequence"] = self._full_sequence()
        return models


def load_pipeline(runs: Path, *, steps: int) -> TwoStagePipeline:
    """Both stages of the folders `keypoints` and `denoiser`.

    Args:
        runs: folder of both.
        steps: of the sampler.
    """
    keypoints = load_stage(runs / "keypoints", KeypointDiffusion)
    denoiser = load_stage(runs / "denoiser", InterpDenoiser)
    config = PipelineConfig(
        horizon=denoiser.config.horizon, num_keypoints=keypoints.config.num_keypoints, steps=steps
    )
    return TwoStagePipeline(keypoints, denoiser, config)


def read_worlds(worlds: Mapping[str, Any], indices: range) -> VectorBatch:
    """Held-out worlds, with the path that is there of each."""
    rows = slice(indices.start, indices.stop)
    states = torch.from_numpy(worlds["states"][rows])
    condition = VectorCondition(
        start=states[:, 0],
        goal=states[:, -1],
        tokens=torch.from_numpy(worlds["tokens"][rows]),
        visible=torch.from_numpy(worlds["token_mask"][rows]),
    )
    return VectorBatch(condition=condition, trajectory=states)


if __name__ == "__main__":
    tyro.cli(Evaluate, description=__doc__).execute()
