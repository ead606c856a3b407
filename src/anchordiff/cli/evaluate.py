"""`anchordiff evaluate`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
import tyro

import anchordiff as ad
from anchordiff.checks import check_integer
from anchordiff.cli._domains import open_domain, with_domain
from anchordiff.cli._output import LARGEST_SEED, check_folder, working
from anchordiff.domains.domain import Benchmark, BenchmarkSettings
from anchordiff.files import locked
from anchordiff.training.process import pick_device


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Compare a pipeline with its parts and baselines, on held-out samples of its domain.

    Attributes:
        pipeline: bundled name, folder or "org/repo" on the Hub; by default the domain's bundled weights, if it has any.
        benchmark: what is evaluated.
        size: use only the first samples.
        candidates: candidates a plan.
        seed: of the noise.
        out: folder for evaluation.json, table.md and a picture; by default runs/evaluation/BENCHMARK.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
        threads: threads on the CPU.
    """

    domain: ClassVar[str | None] = None

    pipeline: str | None = None
    size: int | None = None
    candidates: int = 16
    seed: int = 0
    out: Path | None = None
    device: str | None = None
    threads: int | None = None

    @classmethod
    def for_domain(cls, name: str | None) -> type["Evaluate"]:
        """The command with the flags of a domain."""
        benchmark = open_domain(name).benchmark
        kind: Any = Annotated[benchmark, tyro.conf.arg(name="")]
        return with_domain(cls, name, {"benchmark": (kind, None)})

    def __post_init__(self) -> None:
        for name in ("candidates", "threads"):
            self._check_count(name)

    def execute(self) -> None:
        """Evaluate, print the table, write the files."""
        flags: Any = self
        benchmark: Benchmark = flags.benchmark
        benchmark.check(size=self.size, seed=self.seed)  # may know how many there are
        self._check_count("size")
        check_integer("--seed", self.seed, least=0, most=LARGEST_SEED, most_is="2**63 - 1")
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        device = pick_device(self.device)
        source = self.pipeline or type(benchmark).pipeline
        if source is None:
            raise ValueError(f"--pipeline must be given: the domain {self.domain} has no bundled weights")
        out = self.out or Path("runs") / "evaluation" / benchmark.name
        check_folder(out)
        pipeline = ad.TwoStagePipeline.from_pretrained(source).to(device)
        settings = BenchmarkSettings(
            source=source,
            size=self.size,
            candidates=self.candidates,
            seed=self.seed,
            out=out,
            progress=sys.stderr.isatty(),
        )
        with working(), locked(out):
            text = benchmark.run(pipeline, settings)
        sys.stdout.write(text)

    def _check_count(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be at least 1, found {value}")
