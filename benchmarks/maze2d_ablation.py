"""What a pipeline's Maze2D score rests on: the default planner, and variations that differ from it in one thing.

    python benchmarks/maze2d_ablation.py --maze medium --task single --json runs/ablation/medium-single.json

Every row runs under both followers on the same episodes, so differences are taken episode by episode. The default
draws 16 candidates, takes the shortest that keeps 0.15 m off the walls, plans once an episode, and lets the tracker
cut corners where `find_walls` says that it may. A plan is of Diffuser's horizon wherever it begins: under Diffuser's
PD, which takes one waypoint a step, planning anew therefore slows the ball down.

All episodes share the noise of `--seed`, so the errors are of the episodes' draw alone.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
import tyro

from anchordiff import TwoStagePipeline
from anchordiff.domains.pointmaze.benchmark import Maze2dEvaluation, Planned, evaluate_maze2d
from anchordiff.domains.pointmaze.benchmark.agents import Follow, pd
from anchordiff.domains.pointmaze.benchmark.references import PACE
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import PathTracker, PointMaze, Task, find_point_maze, find_walls
from anchordiff.evaluation.tables import markdown_table
from anchordiff.files import write_json

PD: Final = "Diffuser's PD"
TRACKER: Final = "tracker"
DEFAULT: Final = "default"

Variations = Mapping[str, Mapping[str, Planned]]
"""Agents by variation, then by follower."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure what a pipeline's Maze2D score rests on.

    Attributes:
        maze: umaze, medium or large.
        task: single for D4RL's goal, multi for a goal of each episode's own.
        episodes: the first so many of the stored ones.
        pipeline: bundled name, folder or Hub id.
        other: the same of a pipeline trained on other data; its row is left out where none is given.
        replan_every: steps between two plans, in the row that plans more than once.
        seed: of the candidates.
        threads: threads on the CPU; by default torch's.
        json: file for all figures.
    """

    maze: str = "medium"
    task: Task = "single"
    episodes: int = 100
    pipeline: str = "particle-maze"
    other: str | None = None
    replan_every: int = 40
    seed: int = 0
    threads: int | None = None
    json: Path | None = None


def make_variations(options: Options, maze: PointMaze, planner: PointMazePlanner) -> Variations:
    """The default planner and all that differs from it in one thing, under their followers."""
    follows: dict[str, Follow] = {PD: pd, TRACKER: partial(PathTracker, walls=find_walls(maze))}

    def row(
        name: str,
        planner: PointMazePlanner,
        follows: Mapping[str, Follow] = follows,
        *,
        replan_every: int | None = None,
    ) -> tuple[str, dict[str, Planned]]:
        return name, {
            follower: Planned(
                name=f"{name}, {follower}", planner=planner, follow=follow, replan_every=replan_every
            )
            for follower, follow in follows.items()
        }

    rows = [
        row(DEFAULT, planner),
        row("1 candidate", replace(planner, candidates=1)),
        row("no wall check", replace(planner, clearance=None)),
        row("tracker without walls", planner, {TRACKER: PathTracker}),
        row(f"a plan every {options.replan_every} steps", planner, replan_every=options.replan_every),
    ]
    if options.other is not None:
        other = TwoStagePipeline.from_pretrained(options.other)
        rows.append(row(f"trained on other data: {options.other}", replace(planner, pipeline=other)))
    return dict(rows)


def ablation_to_json(evaluation: Maze2dEvaluation, variations: Variations) -> dict[str, Any]:
    """For each variation and follower: its agent, and how much higher it scores than the default."""
    return {
        name: {
            follower: {
                "agent": agent.name,
                "difference": asdict(
                    evaluation.difference(agent.name, to=variations[DEFAULT][follower].name)
                ),
            }
            for follower, agent in agents.items()
        }
        for name, agents in variations.items()
    }


def ablation_table(evaluation: Maze2dEvaluation, variations: Variations) -> str:
    """Scores and success, and differences to the default in pairs."""
    followers = (PD, TRACKER)
    head = ["variation"]
    for follower in followers:
        head += [follower, "success", "to the default"]
    rows: list[Sequence[str]] = []
    for name, agents in variations.items():
        cells = [name]
        for follower in followers:
            if follower not in agents:
                cells += ["-"] * 3
                continue
            figures = evaluation.summaries[agents[follower].name]
            gain = evaluation.difference(agents[follower].name, to=variations[DEFAULT][follower].name)
            cells += [
                f"{figures['score']:.1f}{_error(figures['score_standard_error'])}",
                f"{100 * figures['success']:.0f} %",
                "-" if name == DEFAULT else f"{gain.mean:+.1f}{_error(gain.standard_error)}",
            ]
        rows.append(cells)
    return markdown_table(head, rows)


def _error(value: float | None) -> str:
    return "" if value is None else f" ± {value:.1f}"


def main(options: Options) -> None:
    """Evaluate, print the table, write the file."""
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    maze = find_point_maze(options.maze)
    planner = PointMazePlanner(
        pipeline=TwoStagePipeline.from_pretrained(options.pipeline),
        maze=maze,
        horizon=PACE[maze.name],
        seed=options.seed,
    )
    variations = make_variations(options, maze, planner)
    evaluation = evaluate_maze2d(
        [agent for agents in variations.values() for agent in agents.values()],
        maze=options.maze,
        task=options.task,
        episodes=options.episodes,
        seed=options.seed,
        progress=sys.stderr.isatty(),
    )
    print(
        f"{options.pipeline} on Maze2D {options.maze}, {options.task} task, {options.episodes} episodes; default: "
        f"{planner.candidates} candidates, {planner.clearance} m off the walls, one plan an episode\n"
    )
    print(ablation_table(evaluation, variations), flush=True)
    if options.json is not None:
        content = {
            "pipeline": options.pipeline,
            "other": options.other,
            "candidates": planner.candidates,
            "clearance": planner.clearance,
            "horizon": planner.horizon,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "variations": ablation_to_json(evaluation, variations),
            **evaluation.to_json(),
        }
        write_json(options.json, content)


if __name__ == "__main__":
    main(tyro.cli(Options))
