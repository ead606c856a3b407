"""What the parts of the method are worth: samplers and steps, the walk down the levels, blocks, scheduled sampling.

    python benchmarks/method_ablation.py --out docs/results/method-ablation
    python benchmarks/method_ablation.py --denoisers none=runs/none batch=runs/batch --out docs/results/method-ablation

All rows see the same held-out mazes and the same noise: one sample a maze of the suite, success as everywhere (the
whole way is free and joins the ends). `--denoisers` takes stages 2 that were trained otherwise, each in the place of
the pipeline's own: what scheduled sampling is worth is seen with one that was trained without (`--bootstrap.end 0`),
one by batch (`--bootstrap.unit batch`) and the bundled one (by example).
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

import anchordiff as ad
from anchordiff.domains.maze import is_success, smoothness
from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.domains.maze.suites import find_suite
from anchordiff.files import write_json, write_whole
from anchordiff.pipeline.config import make_sampler
from anchordiff.plots import save_figure
from anchordiff.plots.style import name_axes, panels, styled
from anchordiff.training import load_stage

SAMPLERS = ("flow", "heun", "ddim", "ddpm")
STEPS = (1, 2, 4, 8, 20)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to call the pipeline; shares of mazes, and milliseconds a sample within its batches."""

    group: str
    name: str
    steps: int
    success: float
    coarse: float
    smoothness: float
    milliseconds: float


def measure(
    pipe: ad.TwoStagePipeline,
    batch: ParticleBatch,
    *,
    group: str,
    name: str,
    steps: int,
    **options: Any,  # noqa: ANN401
) -> Row:
    """One sample a maze."""
    began = time.thread_time()
    made = pipe.generate(
        batch.condition, generator=torch.Generator().manual_seed(0), batch_size=100, **options
    )
    seconds = time.thread_time() - began
    free = is_success(batch.condition, made.trajectory)
    return Row(
        group=group,
        name=name,
        steps=steps,
        success=float(free.double().mean()),
        coarse=float(is_success(batch.condition, made.coarse).double().mean()),
        smoothness=float(smoothness(made.trajectory)[free].median()),
        milliseconds=1000 * seconds / len(batch),
    )


def rows_of(
    pipe: ad.TwoStagePipeline, batch: ParticleBatch, denoisers: dict[str, ad.InterpDenoiser]
) -> Iterator[Row]:
    """All rows."""
    config = pipe.config
    for name in SAMPLERS:
        for steps in STEPS:
            sampler = make_sampler(name, steps, config.spacing)
            yield measure(pipe, batch, group="sampler", name=name, steps=steps, sampler=sampler)
    levels = range(1, pipe.denoiser.config.num_levels + 1)
    ways = {"one jump": {}, "walk down the levels": {"walk": True}}
    ways |= {f"one jump, told level {level}": {"level": level} for level in levels[:-1]}
    for name, options in ways.items():
        yield measure(pipe, batch, group="stage 2", name=name, steps=config.steps, **options)
    for depth in range(1, pipe.keypoints.config.transformer.depth + 1):
        other = ad.TwoStagePipeline(pipe.keypoints.first_blocks(depth), pipe.denoiser, config)
        yield measure(other, batch, group="blocks of stage 1", name=str(depth), steps=config.steps)
    for name, denoiser in denoisers.items():
        other = ad.TwoStagePipeline(pipe.keypoints, denoiser, config)
        yield measure(other, batch, group="scheduled sampling", name=name, steps=config.steps)


@styled
def draw(rows: list[Row]) -> Figure:
    """Success over steps, a line a sampler; dashed before stage 2."""
    figure, (axes,) = panels(1, columns=1, size=(5.2, 3.6))
    for name in SAMPLERS:
        own = [row for row in rows if row.group == "sampler" and row.name == name]
        (line,) = axes.plot(
            [row.steps for row in own], [100 * row.success for row in own], "o-", label=f"{name} + stage 2"
        )
        axes.plot(
            [row.steps for row in own], [100 * row.coarse for row in own], "o--", color=line.get_color(),
            alpha=0.5, label=f"{name}, interpolated",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(STEPS, [str(steps) for steps in STEPS])
    axes.minorticks_off()
    axes.set_ylim(0, 102)
    name_axes([axes], columns=1, x="sampler steps", y="success, % of mazes")
    axes.legend(fontsize=7, ncols=2, loc="lower right")
    return figure


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| part | what | sampler steps | success | interpolated | smoothness | CPU ms a sample |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.group} | {row.name} | {row.steps} | {100 * row.success:.1f} % | {100 * row.coarse:.1f} % "
        f"| {row.smoothness:.5f} | {row.milliseconds:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", default="particle-maze")
    parser.add_argument("--suite", default="particle-21")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--denoisers", nargs="*", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pipe = ad.TwoStagePipeline.from_pretrained(args.pipeline)
    named = dict(word.split("=", 1) for word in args.denoisers)
    denoisers = {name: load_stage(folder, ad.InterpDenoiser) for name, folder in named.items()}
    batch = find_suite(args.suite).load(range(args.size), horizon=pipe.config.longest_horizon)
    pipe.generate(batch[:2].condition)  # compiles
    rows = list(rows_of(pipe, batch, denoisers))
    print(table(rows))
    heading = f"{args.pipeline} on {args.size} mazes of {args.suite}, one sample a maze"
    write_whole(args.out / "table.md", f"{heading}\n\n{table(rows)}\n".encode())
    settings = {"pipeline": args.pipeline, "suite": args.suite, "size": args.size, "threads": args.threads}
    write_json(args.out / "ablation.json", {**settings, "rows": [asdict(row) for row in rows]})
    save_figure(draw(rows), args.out / "samplers.png", dpi=110)


if __name__ == "__main__":
    main()
