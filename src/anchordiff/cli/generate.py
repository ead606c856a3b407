"""`anchordiff generate`."""

import sys
import time
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro

import anchordiff as ad
from anchordiff.checks import check_integer
from anchordiff.cli._domains import open_domain, with_domain
from anchordiff.cli._output import LARGEST_SEED, check_out, show_table, working, write_arrays, write_settings
from anchordiff.domains.domain import PlanOptions, PlanRequest, PlanSettings
from anchordiff.errors import AnchorDiffError
from anchordiff.files import locked, write_json
from anchordiff.training.process import pick_device


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Plan, and draw the plan.

    Without other flags: the bundled weights and a maze that they were not trained on. The folder gets pictures
    (plan.png, samples.png), samples.npz, metrics.json and config.json. Ends with 1 where no candidate is valid.

    Attributes:
        out: folder for the results.
        pipeline: bundled name, folder or "org/repo" on the Hub; by default the domain's bundled weights, if it has any.
        request: what is planned.
        seed: of the noise, and of whatever the domain draws: a maze, a start.
        num_samples: candidates; the plan is the best of them.
        horizon: steps of the trajectory; by default what the pipeline was trained on, and in D4RL's mazes
            Diffuser's pace (128, 256, 384).
        options: how the pipeline is called.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
    """

    domain: ClassVar[str | None] = None

    out: Path
    pipeline: str | None = None
    seed: int = 0
    num_samples: int = 16
    horizon: int | None = None
    options: Annotated[PlanOptions, tyro.conf.arg(name="")] = field(default_factory=PlanOptions)
    device: str | None = None

    @classmethod
    def for_domain(cls, name: str | None) -> type["Generate"]:
        """The command with the flags of a domain."""
        request = open_domain(name).request
        kind: Any = Annotated[request, tyro.conf.arg(name="")]
        flags: Any = request
        needed = any(f.default is MISSING and f.default_factory is MISSING for f in fields(flags))
        return with_domain(cls, name, {"request": (kind, None if needed else request)})

    def execute(self) -> None:
        """Plan, draw, write, and print a short table."""
        flags: Any = self
        request: PlanRequest = flags.request
        check_integer("--seed", self.seed, least=0, most=LARGEST_SEED, most_is="2**63 - 1")
        check_integer("--num-samples", self.num_samples)
        if self.horizon is not None:
            check_integer("--horizon", self.horizon, least=2)
        check_out(self.out)
        source = self.pipeline or type(request).pipeline
        if source is None:
            raise ValueError(f"--pipeline must be given: the domain {self.domain} has no bundled weights")
        device = pick_device(self.device)
        pipeline = ad.TwoStagePipeline.from_pretrained(source).to(device)
        settings = PlanSettings(
            source=source, horizon=self.horizon, num_samples=self.num_samples, seed=self.seed
        )
        job = request.open(pipeline, settings)
        # So that no set-up is in the time below; of the same size, since few candidates take another way.
        job.plan(replace(self.options, steps=1, sampler=None))
        with working(), locked(self.out):
            began = time.perf_counter()
            plan = job.plan(self.options).to("cpu")
            seconds = time.perf_counter() - began
            metrics = {**job.measure(plan), "seconds": seconds}
            write_settings(self.out, replace(self, pipeline=source))
            write_arrays(self.out / "samples.npz", **job.arrays(plan))
            write_json(self.out / "metrics.json", metrics)
            pictures = job.pictures(plan)
            films = job.files(plan, self.out)
            for name, figure in pictures.items():
                ad.plots.save_figure(figure, self.out / f"{name}.png")
        show_table({**job.rows(metrics), "time": f"{1000 * seconds:.0f} ms for all candidates"})
        files = ", ".join(
            [*films, *(f"{name}.png" for name in pictures), "samples.npz", "metrics.json", "config.json"]
        )
        sys.stdout.write(f"\nwritten to {self.out}: {files}\n")
        if not bool(plan.valid[0]):
            raise AnchorDiffError(
                f"none of {self.num_samples} candidates {job.rule}; plan.png shows the least bad one"
            )
