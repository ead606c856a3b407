"""`anchordiff evaluate`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from anchordiff.cli._output import check_folder
from anchordiff.cli._stages import default_pipeline, load_full_sequence, load_pipeline, pick_device
from anchordiff.evaluation import Evaluation, collision_rate, evaluate, find_suite
from anchordiff.evaluation.maze2d.starts import STORED
from anchordiff.files import write_json, write_whole
from anchordiff.plots import Case, draw_cases, save_figure


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Compare a pipeline with its parts and baselines on held-out mazes.

    All methods see the same mazes in one run: a straight line; stage 1 with interpolation; the pipeline with
    one sample; its plan from several candidates; the expert's keypoints with stage 2; and a full-sequence
    diffusion where its weights are at hand. Success means that the whole way touches no wall and reaches the
    goal.

    The suite maze2d is D4RL's benchmark in closed loop, in MuJoCo: the pipeline's plans under two controllers, beside
    reference rows, on stored episodes. It needs the extra "pointmaze".

    Attributes:
        pipeline: bundled name, folder or "org/repo" on the Hub; by default pointmaze for the suite maze2d, and
            particle-maze for the others.
        suite: particle-21 is like the bundled weights' training data; the others are not.
        maze: of the suite maze2d.
        task: of the suite maze2d: the goal is always the same, or another one in each episode.
        size: use only the first mazes of the suite, or episodes of maze2d (by default 100).
        candidates: candidates a plan.
        full_sequence: folder of the full-sequence baseline; by default the folder full_sequence of the
            pipeline. Not for maze2d.
        seed: of the noise.
        batch_size: mazes at a time, by default 100. Not for maze2d.
        timed: plans made alone to take the time of one, by default 20; 0 for none. Not for maze2d.
        out: folder for evaluation.json, table.md and a picture; by default runs/evaluation/SUITE.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
        threads: threads on the CPU.
    """

    pipeline: str | None = None
    suite: Literal["particle-21", "perfect-21", "rooms-21", "particle-31", "maze2d"] = "particle-21"
    maze: Literal["umaze", "medium", "large"] | None = None
    task: Literal["single", "multi"] | None = None
    size: int | None = None
    candidates: int = 16
    full_sequence: str | None = None
    seed: int = 0
    batch_size: int | None = None
    timed: int | None = None
    out: Path | None = None
    device: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("maze", self.maze), ("task", self.task)):
            if (value is None) == (self.suite == "maze2d"):
                rule = "is needed with" if value is None else "must be left out without"
                raise ValueError(f"--{name} {rule} --suite maze2d, found --suite {self.suite}")
        self._check_numbers()

    def execute(self) -> None:
        """Evaluate, print the table, write the files."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        device = pick_device(self.device)
        source = self.pipeline or default_pipeline(d4rl=self.suite == "maze2d")
        name = self.suite if self.maze is None else f"maze2d-{self.maze}-{self.task}"
        out = self.out or Path("runs") / "evaluation" / name
        check_folder(out)
        pipeline = load_pipeline(source, device)
        if self.maze is not None and self.task is not None:
            from anchordiff.cli._maze2d import run_maze2d

            out.mkdir(parents=True, exist_ok=True)
            run_maze2d(
                pipeline,
                source,
                maze=self.maze,
                task=self.task,
                episodes=100 if self.size is None else self.size,
                candidates=self.candidates,
                seed=self.seed,
                out=out,
            )
            return
        full_sequence = load_full_sequence(self.full_sequence, source, device)
        out.mkdir(parents=True, exist_ok=True)
        evaluation = evaluate(
            pipeline,
            find_suite(self.suite),
            size=self.size,
            candidates=self.candidates,
            full_sequence=full_sequence,
            seed=self.seed,
            batch_size=100 if self.batch_size is None else self.batch_size,
            timed=20 if self.timed is None else self.timed,
            progress=sys.stderr.isatty(),
        )
        gain = f"\nstage 2 over coarse: {evaluation.gain:+.1f} points of success\n"
        heading = f"{source} on {evaluation.size} mazes of {self.suite}"
        table = evaluation.table()
        write_whole(out / "table.md", f"{heading}\n\n{table}\n{gain}".encode())
        cases = failure_cases(evaluation)
        title = f"{heading}: {'the worst failures' if cases else 'no failures'}"
        save_figure(draw_cases(cases, title=title), out / "failures.png", dpi=110)
        write_json(out / "evaluation.json", {"source": source, **evaluation.to_json()})
        sys.stdout.write(
            f"{heading}\n\n{table}\n{gain}\nwritten to {out}: evaluation.json, table.md, failures.png\n"
        )

    def _check_numbers(self) -> None:
        closed_loop = self.suite == "maze2d"
        for name in ("full_sequence", "batch_size", "timed") if closed_loop else ():
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{_flag(name)} must be left out with --suite maze2d, found {getattr(self, name)}"
                )
        most = STORED if closed_loop else find_suite(self.suite).size
        if self.size is not None and not 1 <= self.size <= most:
            raise ValueError(f"--size must lie in 1 ... {most} with --suite {self.suite}, found {self.size}")
        if closed_loop and self.seed < 0:
            raise ValueError(f"--seed must not be negative with --suite maze2d, found {self.seed}")
        for name, least in (("candidates", 1), ("batch_size", 1), ("timed", 0), ("threads", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{_flag(name)} must be at least {least}, found {value}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def failure_cases(evaluation: Evaluation, *, count: int = 12) -> list[Case]:
    """The worst failures as panels; the title says which stage made them."""
    cases = []
    for result, maze in evaluation.failures(count=count):
        batch = evaluation.suite.load(range(maze, maze + 1), horizon=result.attempt.trajectory.shape[1])
        attempt = result.attempt
        keypoints, cause = None, "touches a wall"
        if attempt.keypoints is not None:
            keypoints = attempt.keypoints[maze]
            astray = float(collision_rate(batch.condition, keypoints[None])) > 0
            cause = "a keypoint in a wall" if astray else "keypoints free, the way between not"
        cases.append(
            Case(
                title=f"maze {maze}: {result.name}\n{cause}",
                condition=batch.condition,
                trajectory=attempt.trajectory[maze],
                coarse=None if attempt.coarse is None else attempt.coarse[maze],
                keypoints=keypoints,
                expert=batch.trajectory[0],
            )
        )
    return cases
