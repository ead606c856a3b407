"""How long one plan takes, against a diffusion over whole trajectories; ratios from interleaved runs.

    python benchmarks/planning.py --json runs/benchmarks/planning.json
    python benchmarks/planning.py --mazes umaze medium large --batches 1 --json runs/benchmarks/planning-maze2d.json

The second command plans in Maze2D's mazes, from a stored start to D4RL's goal, at Diffuser's horizons.

One plan is `generate` with one sample a condition: encode the maze, all sampler steps over K keypoints, one
pass over all steps. The peer is diffusers' `UNet1DModel` at Diffuser's size (3.68 M parameters) with its DDPM
scheduler (256 steps) and its DDIM scheduler (20 steps). Both are measured as they are (eager), then both
under `torch.compile`. "Stage 2 in one pass" is anchordiff without the cut of stage 2's batch into passes that a CPU's
caches hold.

Where a peer's whole loop would take longer than a second, a part of its steps is timed and the time scaled to
all of them, since each step does the same work; the table says from how many. Weights play no part in the
peer's speed, so they are random.

With `--threads 1` on a CPU, times are processor times of that thread, so that other programs count less.
"""

import math
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal
from unittest import mock

import numpy as np
import torch
import tyro
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from _flops import CPU_ATTENTION
from _peers import Peer, diffuser_unet, make_peers
from _timing import Clock, Row, format_table, interleaved_medians, write_json
from anchordiff import (
    InterpDenoiser,
    InterpDenoiserConfig,
    KeypointDiffusion,
    KeypointDiffusionConfig,
    TwoStagePipeline,
)
from anchordiff.domains.maze import MazeEncoderConfig, ParticleMazeConfig, ParticleMazeDataset
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.pointmaze.benchmark import load_starts
from anchordiff.domains.pointmaze.benchmark.references import PACE
from anchordiff.domains.pointmaze.world.mazes import GRID
from anchordiff.pipeline import stages

Mode = Literal["eager", "compiled"]
ASKED = {"DDPM": 100.0, "DDIM": 10.0}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Time one plan against diffusion over whole trajectories.

    Attributes:
        pipeline: bundled name, folder or Hub id; "random" for default networks without training.
        horizons: steps of a trajectory.
        mazes: of Maze2D, to plan in at Diffuser's horizons instead.
        batches: conditions planned for at once.
        modes: as they are, or under torch.compile.
        device: cpu or cuda; by default a GPU where there is one.
        threads: threads on the CPU; by default torch's.
        limit: seconds after which no further round of a row is begun.
        json: file for times and ratios.
    """

    pipeline: str = "particle-maze"
    horizons: tuple[int, ...] = (64, 128, 384)
    mazes: tuple[Literal["umaze", "medium", "large"], ...] = ()
    batches: tuple[int, ...] = (1, 64)
    modes: tuple[Mode, ...] = ("eager", "compiled")
    device: str | None = None
    threads: int | None = None
    limit: float = 20.0
    json: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one plan is made for.

    Attributes:
        name: what tables call it.
        condition: mazes and ends, in cells.
        horizon: steps of a trajectory.
    """

    name: str
    condition: MazeCondition
    horizon: int


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all rows share: networks on a device, and the peak of that device."""

    pipeline: TwoStagePipeline
    unet: nn.Module
    device: torch.device
    clock: Clock
    peak: float
    limit: float

    def row(self, mode: Mode, job: Job) -> Row:
        """Time one plan and both peers."""
        pipeline, network = self.pipeline, self.unet
        if mode == "compiled":
            torch.compiler.reset()
            pipeline, network = compiled(pipeline), torch.compile(network, dynamic=False)
        condition, horizon = job.condition.to(self.device), job.horizon
        dim = pipeline.keypoints.config.states.dim
        ends = [end.repeat(1, dim // 2) / 20 - 0.5 for end in (condition.start, condition.goal)]
        generator = torch.Generator(self.device).manual_seed(0)

        def plan() -> None:
            pipeline.generate(condition, horizon=horizon, generator=generator)

        def whole() -> None:
            with mock.patch.object(stages, "TOKENS_PER_PASS", sys.maxsize):
                plan()

        works = {"anchordiff": self.waited(plan), "stage 2 in one pass": self.waited(whole)}
        scales, names = dict.fromkeys(works, 1.0), {}
        for peer in make_peers(network, *ends, horizon=horizon):
            timed = self.steps_to_time(peer)
            name = peer.name if timed == peer.steps else f"{peer.name} (scaled from {timed})"
            works[name] = self.waited(lambda peer=peer, timed=timed: peer.run(timed))
            scales[name] = peer.steps / timed
            names[name] = next(least for key, least in ASKED.items() if key in peer.name)
        medians = interleaved_medians(works, seconds=0.05, limit=self.limit, clock=self.clock)
        times = {name: seconds * scales[name] for name, seconds in medians.items()}
        own = times.pop("anchordiff")
        work = count_flops(self.pipeline, condition, horizon)
        return Row(
            work=f"{mode}, {job.name}",
            seconds=own,
            peers=times,
            targets=names,
            note=f"{work / 1e9:.3g} GFLOP, {work / own / self.peak:.1%} of the matmul peak",
        )

    def waited(self, work: Callable[[], object]) -> Callable[[], None]:
        """The work with all its kernels finished."""

        def run() -> None:
            work()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        return run

    def steps_to_time(self, peer: Peer) -> int:
        """As many steps as fit into about a second, at least two."""
        one = self.waited(lambda: peer.run(1))
        one()
        began = self.clock()
        one()
        fitting = int(1.0 / (self.clock() - began))
        return min(peer.steps, max(2, fitting))


def load_pipeline(source: str) -> TwoStagePipeline:
    """The named pipeline, or one with the default configs and its first weights."""
    if source != "random":
        return TwoStagePipeline.from_pretrained(source)
    return TwoStagePipeline(
        KeypointDiffusion(KeypointDiffusionConfig(encoder=MazeEncoderConfig())),
        InterpDenoiser(InterpDenoiserConfig(encoder=MazeEncoderConfig())),
    )


def make_jobs(options: Options) -> list[Job]:
    """Held-out mazes of the training set, or Maze2D's mazes."""
    if not options.mazes:
        data = ParticleMazeDataset(ParticleMazeConfig(split="held_out"))
        return [
            Job(
                name=f"horizon {horizon}, batch {batch}",
                condition=data.batch(range(batch)).condition,
                horizon=horizon,
            )
            for horizon, batch in product(options.horizons, options.batches)
        ]
    return [
        Job(
            name=f"{name}, horizon {PACE[name]}, batch {batch}",
            condition=maze2d_condition(name, batch),
            horizon=PACE[name],
        )
        for name, batch in product(options.mazes, options.batches)
    ]


def maze2d_condition(name: str, batch: int) -> MazeCondition:
    """A maze of Maze2D as `PointMazePlanner` pads it, with the first stored starts and D4RL's goal."""
    starts = load_starts(name, task="single", episodes=batch)
    maze = starts.maze.maze.padded(*GRID)
    ends = (maze.from_world(places).astype(np.float32) for places in (starts.position, starts.target))
    return MazeCondition.from_arrays(np.tile(maze.walls, (batch, 1, 1)), *ends)


def compiled(pipeline: TwoStagePipeline) -> TwoStagePipeline:
    """A copy whose encoders and stages are compiled whole."""
    pipeline = deepcopy(pipeline)
    for encoder in {pipeline.keypoints.encoder, pipeline.denoiser.encoder}:
        encoder.forward = torch.compile(encoder.forward, dynamic=False, fullgraph=True)
    pipeline.keypoints.sample = torch.compile(pipeline.keypoints.sample, dynamic=False, fullgraph=True)
    pipeline.denoiser.compile(dynamic=False, fullgraph=True)
    return pipeline


def has_compiler() -> bool:
    """Whether torch.compile finds a C++ compiler."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++"))


def matmul_peak(device: torch.device, clock: Clock) -> float:
    """FLOP/s of a large float32 matrix product, the best of several."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    best = math.inf
    for _ in range(8):
        began = clock()
        torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, clock() - began)
    return 2 * size**3 / best


def count_flops(pipeline: TwoStagePipeline, condition: MazeCondition, horizon: int) -> int:
    """Floating-point operations of the matrix products and convolutions of one plan.

    They are counted for many conditions, since few take a compiled kernel, whose work torch cannot see.
    """
    copies = -(-16 // len(condition))
    with FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION) as counter:
        pipeline.generate(condition.repeat(copies), horizon=horizon)
    return counter.get_total_flops() // copies


def millions(*networks: nn.Module) -> str:
    """Number of parameters."""
    return f"{sum(p.numel() for network in networks for p in network.parameters()) / 1e6:.2f} M"


def main(options: Options) -> None:
    """Run all rows, print the table, write the file."""
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    pipeline = load_pipeline(options.pipeline).to(device)
    unet = diffuser_unet(pipeline.keypoints.config.states.dim).to(device).eval()
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.thread_time if alone else time.perf_counter
    peak = matmul_peak(device, clock)
    bench = Bench(pipeline=pipeline, unet=unet, device=device, clock=clock, peak=peak, limit=options.limit)
    machine = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": str(torch.get_num_threads()),
        "clock": "processor time" if alone else "wall time",
        "torch": torch.__version__,
        "matmul peak": f"{peak / 1e9:.0f} GFLOP/s (float32)",
        "pipeline": options.pipeline,
        "parameters": millions(*pipeline.components.values()),
        "peer's parameters": millions(unet),
    }
    print("".join(f"{name}: {value}\n" for name, value in machine.items()))
    rows, jobs = [], make_jobs(options)
    for mode in options.modes:
        if mode == "compiled" and not has_compiler():
            print("compiled: left out, since torch.compile needs a C++ compiler and found none\n")
            continue
        for job in jobs:
            rows.append(bench.row(mode, job))
            lines = format_table(rows).splitlines()
            print("\n".join(lines if len(rows) == 1 else lines[-1:]), flush=True)
    if options.json is not None:
        write_json(rows, options.json, machine=machine)


if __name__ == "__main__":
    main(tyro.cli(Options))
