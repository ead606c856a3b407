"""How fast both stages train, and how long they wait for data.

    python benchmarks/training.py --json runs/benchmarks/training.json

Samples are made on the fly by the training loop's own thread, as in `anchordiff train`. The share of time
spent waiting for them should be at most 2 %.
"""

import json
import platform
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import torch
import tyro

from anchordiff import InterpDenoiser, InterpDenoiserConfig, KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.domains.maze import MazeEncoderConfig, ParticleMazeConfig, ParticleMazeDataset
from anchordiff.training import TrainConfig, TrainStep, train
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective

MOST_WAITING: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class Options:
    """Time the training of both stages.

    Attributes:
        steps: steps that are timed.
        warmup: steps before them.
        batch_size: samples a step.
        precision: fp32, bf16 or fp16.
        device: cpu or cuda; by default a GPU where there is one.
        threads: threads on the CPU; by default torch's.
        json: file for the figures.
    """

    steps: int = 50
    warmup: int = 5
    batch_size: int = 64
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    device: str | None = None
    threads: int | None = None
    json: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast a stage trains.

    Attributes:
        stage: which one.
        parameters: of its network.
        steps_per_second: from the median time of a step.
        samples_per_second: the same times the batch size.
        waiting: share of all time spent waiting for data.
        data_samples_per_second: what the data set alone makes, on one core.
    """

    stage: str
    parameters: int
    steps_per_second: float
    samples_per_second: float
    waiting: float
    data_samples_per_second: float


def measure(stage: Literal["keypoints", "denoiser"], options: Options, device: torch.device) -> Speed:
    """Train a stage for some steps."""
    torch.manual_seed(0)
    dataset = ParticleMazeDataset(ParticleMazeConfig(), geodesic=True)
    total = options.warmup + options.steps
    config = TrainConfig(steps=total, batch_size=options.batch_size, precision=options.precision)
    if stage == "keypoints":
        first = KeypointDiffusion(KeypointDiffusionConfig(encoder=MazeEncoderConfig())).to(device)
        parameters = sum(p.numel() for p in first.parameters())
        steps: Iterator[TrainStep] = train(first, dataset.at, KeypointObjective(), config)
    else:
        second = InterpDenoiser(InterpDenoiserConfig(encoder=MazeEncoderConfig())).to(device)
        parameters = sum(p.numel() for p in second.parameters())
        steps = train(second, dataset.at, DenoiserObjective(), config)
    timed = list(steps)[options.warmup :]
    speed = 1.0 / statistics.median(step.seconds for step in timed)
    return Speed(
        stage=stage,
        parameters=parameters,
        steps_per_second=speed,
        samples_per_second=speed * options.batch_size,
        waiting=sum(step.data_seconds for step in timed) / sum(step.seconds for step in timed),
        data_samples_per_second=data_speed(dataset, options.batch_size),
    )


def data_speed(dataset: ParticleMazeDataset, batch_size: int) -> float:
    """Samples a second that one core makes, alone."""
    dataset.batch(range(batch_size))
    times = []
    for number in range(1, 21):
        began = time.perf_counter()
        dataset.batch(range(number * batch_size, (number + 1) * batch_size))
        times.append(time.perf_counter() - began)
    return batch_size / statistics.median(times)


def main(options: Options) -> None:
    """Measure both stages, print the table, write the file."""
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    machine = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "precision": options.precision,
        "batch size": str(options.batch_size),
    }
    print("".join(f"{name}: {value}\n" for name, value in machine.items()))
    print("| stage | parameters | steps/s | samples/s | waiting for data | data alone, samples/s |")
    print("|---|---|---|---|---|---|")
    speeds = []
    for stage in ("keypoints", "denoiser"):
        speed = measure(stage, options, device)
        verdict = "reached" if speed.waiting <= MOST_WAITING else "MISSED"
        print(
            f"| {stage} | {speed.parameters / 1e6:.2f} M | {speed.steps_per_second:.3g} "
            f"| {speed.samples_per_second:.4g} | {speed.waiting:.2%} (at most {MOST_WAITING:.0%}: {verdict}) "
            f"| {speed.data_samples_per_second:.3g} |"
        )
        speeds.append(speed)
    if options.json is not None:
        content = {"machine": machine, "stages": [asdict(speed) for speed in speeds]}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options))
