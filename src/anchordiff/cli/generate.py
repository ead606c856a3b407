"""`anchordiff generate`."""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro

from anchordiff.cli._domains import open_domain, with_domain
from anchordiff.cli._output import check_out, show_table, write_arrays, write_settings
from anchordiff.domains.domain import PlanRequest, PlanSettings
from anchordiff.files import write_json
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.plots import save_figure
from anchordiff.training.process import pick_device


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Plan, and draw the plan.

    Without other flags: the bundled weights and a maze that they were not trained on. The folder gets pictures
    (plan.png, samples.png), samples.npz, metrics.json and config.json.

    Attributes:
        out: folder for the results.
        pipeline: bundled name, folder or "org/repo" on the Hub; by default the domain's bundled weights, if it has any.
        request: what is planned.
        seed: of the noise, and of whatever the domain draws: a maze, a start.
        num_samples: candidates; the plan is the best of them.
        horizon: steps of the trajectory; by default what the pipeline was trained on, and in D4RL's mazes
            Diffuser's pace (128, 256, 384).
        steps: steps of the sampler; by default the pipeline's.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
    """

    domain: ClassVar[str | None] = None

    out: Path
    pipeline: str | None = None
    seed: int = 0
    num_samples: int = 16
    horizon: int | None = None
    steps: int | None = None
    device: str | None = None

    @classmethod
    def for_domain(cls, name: str | None) -> type["Generate"]:
        """The command with the flags of a domain."""
        request = open_domain(name).request
        kind: Any = Annotated[request, tyro.conf.arg(name="")]
        return with_domain(cls, name, {"request": (kind, request)})

    def execute(self) -> None:
        """Plan, draw, write, and print a short table."""
        flags: Any = self
        request: PlanRequest = flags.request
        check_out(self.out)
        source = self.pipeline or type(request).pipeline
        if source is None:
            raise ValueError(f"--pipeline must be given: the domain {self.domain} has no bundled weights")
        device = pick_device(self.device)
        pipeline = TwoStagePipeline.from_pretrained(source).to(device)
        settings = PlanSettings(horizon=self.horizon, num_samples=self.num_samples, seed=self.seed)
        job = request.open(pipeline, settings)
        # So that no set-up is in the time below; of the same size, since few candidates take another way.
        job.plan(steps=1)
        began = time.perf_counter()
        plan = job.plan(steps=self.steps).to("cpu")
        seconds = time.perf_counter() - began
        metrics = {**job.measure(plan), "seconds": seconds}
        write_settings(self.out, replace(self, pipeline=source))
        pictures = job.pictures(plan)
        for name, figure in pictures.items():
            save_figure(figure, self.out / f"{name}.png")
        write_arrays(self.out / "samples.npz", **job.arrays(plan))
        write_json(self.out / "metrics.json", metrics)
        show_table({**job.rows(metrics), "time": f"{1000 * seconds:.0f} ms for all candidates"})
        files = ", ".join(
            [*(f"{name}.png" for name in pictures), "samples.npz", "metrics.json", "config.json"]
        )
        sys.stdout.write(f"\nwritten to {self.out}: {files}\n")
