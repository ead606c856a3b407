"""`anchordiff generate`."""

import sys
import time
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

import anchordiff as ad
from anchordiff.checks import check_integer, check_number
from anchordiff.cli._domains import open_domain, with_domain
from anchordiff.cli._output import LARGEST_SEED, check_out, show_table, working, write_arrays, write_settings
from anchordiff.domains.domain import FilmFormat, PlanJob, PlanOptions, PlanRequest, PlanSettings
from anchordiff.errors import AnchorDiffError
from anchordiff.files import locked, write_json
from anchordiff.films import check_writer
from anchordiff.progress import progress_bar
from anchordiff.training.process import pick_device

if TYPE_CHECKING:
    from anchordiff.domains.steps import Step


@dataclass(frozen=True, kw_only=True)
class FrameFlags:
    """Pictures of candidates on their way.

    Attributes:
        save_frames: write one picture a sampler step ("diffusion") of each candidate, keypoints and their
            interpolation, to frames/sample_0000/step_0000.png, …; or, of a pipeline with a causal stage 2, one after
            each chunk of its stream ("chunks").
        frames_stride: only every so manyth step or chunk, and the last.
        frames_include_stage2: one more picture, of what stage 2 made of the last sampler step.
        frames_chunk: steps of a chunk.
        film: also make a film of the plan's pictures, diffusion.mp4 or chunks.mp4 (or .gif); where clips are generated,
            what format they have.
        fps: frames a second of films.

    Raises:
        ValueError: if a number is out of its range, or pictures are described that nobody asks for.
    """

    save_frames: Literal["diffusion", "chunks"] | None = None
    frames_stride: int = 1
    frames_include_stage2: tyro.conf.FlagCreatePairsOff[bool] = False
    frames_chunk: int = 8
    film: FilmFormat | None = None
    fps: float = 8.0

    def __post_init__(self) -> None:
        for name in ("frames_stride", "frames_chunk"):
            check_integer(name, getattr(self, name))
        check_number("fps", self.fps, above=0.0)
        if self.save_frames is None and self.film is None:
            for name in ("frames_stride", "frames_include_stage2"):
                if getattr(self, name) != getattr(FrameFlags, name):
                    flag = f"--{name.replace('_', '-')}"
                    raise ValueError(f"{flag} must be left out without --save-frames and --film")
        if self.save_frames == "chunks" and self.frames_include_stage2:
            raise ValueError(
                "--frames-include-stage2 must be left out of --save-frames chunks, which are its own"
            )
        if self.save_frames != "chunks" and self.frames_chunk != FrameFlags.frames_chunk:
            raise ValueError("--frames-chunk must be left out without --save-frames chunks")

    def check(self, pipeline: "ad.TwoStagePipeline") -> None:
        """Refuse chunks of a pipeline that cannot stream, and films that cannot be written, before any work."""
        if self.film is not None:
            check_writer(f".{self.film}")
        if self.save_frames == "chunks" and not pipeline.denoiser.config.transformer.causal:
            raise ValueError("--save-frames must be diffusion where stage 2 is not causal, found chunks")

    def write(self, job: PlanJob, plan: ad.Plan, out: Path) -> list[str]:
        """Draw and write, and give what was written."""
        written, chosen = [], int(plan.index[0])
        if self.save_frames is not None:
            with progress_bar("frames", "sample", total=len(plan.generation), shown=None) as bar:
                for sample in range(len(plan.generation)):
                    for step in self._steps(plan, sample):
                        name = f"frames/sample_{sample:04d}/step_{step.number:04d}.png"
                        ad.plots.save_figure(job.draw_step(plan, step), out / name, dpi=100)
                    bar.update()
            written.append("frames")
        if self.film is not None and not job.makes_films:
            figures = (job.draw_step(plan, step) for step in self._steps(plan, chosen))
            name = f"{self.save_frames or 'diffusion'}.{self.film}"
            ad.plots.film(figures, fps=self.fps).save(out / name)
            written.append(name)
        return written

    @property
    def needs_trace(self) -> bool:
        """Whether the steps are to be kept."""
        return self.save_frames != "chunks" and (self.save_frames is not None or self.film is not None)

    def _steps(self, plan: ad.Plan, sample: int) -> "list[Step]":
        from anchordiff.domains.steps import chunks_of, steps_of

        if self.save_frames == "chunks":
            return chunks_of(plan.generation, sample, chunk=self.frames_chunk, stride=self.frames_stride)
        return steps_of(plan.generation, sample, stride=self.frames_stride, stage2=self.frames_include_stage2)


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
        frames: pictures of the candidates on their way.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
    """

    domain: ClassVar[str | None] = None

    out: Path
    pipeline: str | None = None
    seed: int = 0
    num_samples: int = 16
    horizon: int | None = None
    options: Annotated[PlanOptions, tyro.conf.arg(name="")] = field(default_factory=PlanOptions)
    frames: Annotated[FrameFlags, tyro.conf.arg(name="")] = field(default_factory=FrameFlags)
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
        self.frames.check(pipeline)
        settings = PlanSettings(
            source=source,
            horizon=self.horizon,
            num_samples=self.num_samples,
            seed=self.seed,
            film=self.frames.film,
            fps=self.frames.fps,
        )
        job = request.open(pipeline, settings)
        # So that no set-up is in the time below; of the same size, since few candidates take another way.
        job.plan(replace(self.options, steps=1, sampler=None))
        with working(), locked(self.out):
            began = time.perf_counter()
            plan = job.plan(self.options, return_trace=self.frames.needs_trace).to("cpu")
            seconds = time.perf_counter() - began
            metrics = {**job.measure(plan), "seconds": seconds}
            write_settings(self.out, replace(self, pipeline=source))
            write_arrays(self.out / "samples.npz", **job.arrays(plan))
            write_json(self.out / "metrics.json", metrics)
            pictures = job.pictures(plan)
            films = job.files(plan, self.out)
            for name, figure in pictures.items():
                ad.plots.save_figure(figure, self.out / f"{name}.png")
            films += self.frames.write(job, plan, self.out)
        show_table({**job.rows(metrics), "time": f"{1000 * seconds:.0f} ms for all candidates"})
        files = ", ".join(
            [*films, *(f"{name}.png" for name in pictures), "samples.npz", "metrics.json", "config.json"]
        )
        sys.stdout.write(f"\nwritten to {self.out}: {files}\n")
        if not bool(plan.valid[0]):
            raise AnchorDiffError(
                f"none of {self.num_samples} candidates {job.rule}; plan.png shows the least bad one"
            )
