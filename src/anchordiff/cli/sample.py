"""`anchordiff sample keypoints`."""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch

import anchordiff as ad
from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_integer
from anchordiff.cli._output import LARGEST_SEED, check_out, write_arrays, write_settings
from anchordiff.masks import Even
from anchordiff.pipeline.config import SamplerName, make_sampler
from anchordiff.samplers import Spacing
from anchordiff.training.process import pick_device


@dataclass(frozen=True, kw_only=True)
class SampleKeypoints:
    """Draw keypoints with stage 1 alone.

    The folder gets denoising.png (the first sample step by step), samples.png (all samples, interpolated),
    samples.npz and config.json.

    Attributes:
        out: folder for the results.
        keypoints: a pipeline (bundled name, folder or "org/repo") or the folder of a run of `train
            keypoints`, finished or not.
        maze: path of a text file of a maze; by default a random held-out maze that --seed picks.
        seed: of the maze and the noise.
        num_samples: samples to draw.
        num_keypoints: anchors, evenly spaced; by default as many as trained on.
        sampler: "flow" (Euler), "heun", "ddim" or "ddpm".
        spacing: how the sampler's times lie: "linear", "quadratic" (dense near the data) or "sqrt".
        steps: steps of the sampler.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
    """

    out: Path
    keypoints: str = "particle-maze"
    maze: Path | None = None
    seed: int = 0
    num_samples: int = 8
    num_keypoints: int | None = None
    sampler: SamplerName = "flow"
    spacing: Spacing = "linear"
    steps: int = 8
    device: str | None = None

    def execute(self) -> None:
        """Draw samples and their pictures."""
        from anchordiff.domains.maze.plots import draw_denoising, draw_samples
        from anchordiff.domains.maze.tasks import held_out_task, read_task
        from anchordiff.plots import save_figure

        check_integer("--num-samples", self.num_samples)
        check_integer("--seed", self.seed, least=0, most=LARGEST_SEED, most_is="2**63 - 1")
        sampler = make_sampler(self.sampler, self.steps, self.spacing)
        if self.maze is not None and not self.maze.is_file():
            raise ValueError(
                f"--maze must be the path of a text file, found {str(self.maze)!r}, which is none"
            )
        check_out(self.out)
        device = pick_device(self.device)
        model = _load(self.keypoints).to(device)
        horizon = model.config.horizon
        if self.maze is None:
            task = held_out_task(self.seed, horizon=horizon)
        else:
            task = read_task(self.maze, start=None, goal=None, horizon=horizon)
        count = model.config.num_keypoints if self.num_keypoints is None else self.num_keypoints
        anchors = AnchorSet.from_mask(Even(count).sample(self.num_samples, horizon)).to(device)
        states: list["torch.Tensor"] = []
        times: list[float] = []

        def keep(step: int, t: float, z_t: "torch.Tensor", z_0: "torch.Tensor") -> None:
            states.append(z_t[0].cpu())
            times.append(t)

        with torch.inference_mode():
            keypoints = model.sample(
                task.condition.to(device),
                anchors,
                sampler=sampler,
                generator=torch.Generator().manual_seed(self.seed),
                callback=keep,
            ).cpu()
        write_settings(self.out, self)
        coarse = model.config.states.fill_in(keypoints, anchors.to("cpu"))
        write_arrays(self.out / "samples.npz", keypoints=keypoints, coarse=coarse, anchors=anchors.index)
        figure = draw_denoising(task.condition, [*states, keypoints[0]], times=[*times, 0.0])
        save_figure(figure, self.out / "denoising.png", dpi=110)
        save_figure(draw_samples(task.condition, coarse), self.out / "samples.png")
        sys.stdout.write(
            f"{self.num_samples} samples of {count} keypoints written to {self.out}: "
            "denoising.png, samples.png, samples.npz, config.json\n"
        )


def _load(source: str) -> "ad.KeypointDiffusion":
    """Stage 1 of a pipeline, or of a run."""
    return ad.training.load_stage(source, ad.KeypointDiffusion, name="--keypoints")
