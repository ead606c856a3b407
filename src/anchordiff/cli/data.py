"""`anchordiff data particle`, `data pointmaze` and `data shapes`."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

from anchordiff.checks import check_integer
from anchordiff.cli._output import LARGEST_SEED, check_out, show_table, working
from anchordiff.configs import config_to_json
from anchordiff.domains import maze
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.domains.pointmaze import data
from anchordiff.domains.pointmaze.data.generation import Flavour, GenerationConfig, MazeName
from anchordiff.files import write_json


@dataclass(frozen=True, kw_only=True)
class DataParticle:
    """Write particle-maze samples to shards on disk.

    Each shard is whole or not there. A call that was stopped goes on where it was, and several processes may
    fill one folder. Training makes its samples on the fly; shards are for other programs and loops of one's own.

    Attributes:
        out: folder of the shards.
        size: number of samples.
        shard_size: samples a shard.
        rebuild: replace shards that are corrupt or of another config, instead of stopping.
        data: what decides the samples.
    """

    out: Path
    size: int = 100_000
    shard_size: int = 16_384
    rebuild: tyro.conf.FlagCreatePairsOff[bool] = False
    data: ParticleMazeConfig = field(default_factory=ParticleMazeConfig)

    def execute(self) -> None:
        """Write what is missing."""
        check_out(self.out)
        began = time.perf_counter()
        dataset = maze.ParticleMazeDataset(self.data, size=self.size)
        made = maze.write_shards(dataset, self.out, shard_size=self.shard_size, rebuild=self.rebuild)
        settings = {"size": self.size, "shard_size": self.shard_size, "data": config_to_json(self.data)}
        write_json(self.out / "config.json", settings)
        seconds = time.perf_counter() - began
        sys.stdout.write(f"{self.size} samples in {self.out}: {made} shards made in {seconds:.1f} s\n")


@dataclass(frozen=True, kw_only=True)
class DataShapes:
    """Draw clips of moving shapes with their captions, and write their latents for training.

    A call that was stopped goes on where it was. Captions whose words are to be put together anew are left out.

    Attributes:
        out: folder of the cache.
        codec: what makes latents of pictures: "none" for pixels, or the folder of a codec.
        clips: how many.
        seed: of what is drawn.
        shard_size: clips a shard.
        threads: threads on the CPU.
    """

    out: Path
    codec: str
    clips: int = 12_000
    seed: int = 0
    shard_size: int = 500
    threads: int | None = None

    def execute(self) -> None:
        """Write what is missing."""
        for name in ("clips", "shard_size"):
            check_integer(f"--{name.replace('_', '-')}", getattr(self, name))
        check_integer("--seed", self.seed, least=0, most=LARGEST_SEED, most_is="2**63 - 1")
        if self.threads is not None:
            check_integer("--threads", self.threads)
            torch.set_num_threads(self.threads)
        check_out(self.out)
        from anchordiff.domains.video.shape_cache import write_shapes

        began = time.perf_counter()
        with working():
            form = write_shapes(
                self.out, codec=self.codec, clips=self.clips, seed=self.seed, shard_size=self.shard_size
            )
        show_table(
            {
                "clips": f"{self.clips} of {form.frames} frames, {form.rows}×{form.cols}",
                "latents": f"{form.channels}×{form.height}×{form.width}, {form.codec}",
                "folder": str(self.out),
                "seconds": f"{time.perf_counter() - began:.1f}",
            }
        )


@dataclass(frozen=True, kw_only=True)
class DataPointmaze:
    """Make a PointMaze data set with MuJoCo, in the place of Minari's published one.

    A call that was stopped goes on where it was, and ends with the same data. Minari reads the result:
    `MINARI_DATASETS_PATH=<out>`, then `minari.load_dataset(<dataset id>)`.

    Attributes:
        maze: of D4RL's Maze2D.
        steps: of the stream, at 100 Hz; the published sets have 1000000.
        flavour: paths of depth-first search and actions as they come, as in the published sets (`dfs`), or shortest
            paths of Q-iteration and clipped actions, as in D4RL's (`qiter`).
        out: folder of Minari data sets; by default Minari's own, which `MINARI_DATASETS_PATH` names.
        dataset_id: by default anchordiff/pointmaze/<maze>-<flavour>-v0.
        noise: standard deviation of the noise on actions.
        seed: of everything that is drawn.
    """

    maze: MazeName = "medium"
    steps: int = 1_000_000
    flavour: Flavour = "qiter"
    out: Path | None = None
    dataset_id: str | None = None
    noise: float = 0.5
    seed: int = 0

    def execute(self) -> None:
        """Make the data set, or what is missing of it."""
        began = time.perf_counter()
        config = GenerationConfig(
            maze=self.maze, steps=self.steps, flavour=self.flavour, noise=self.noise, seed=self.seed
        )
        made = data.generate(config, self.out, dataset_id=self.dataset_id)
        show_table(
            {
                "data set": made.dataset_id,
                "folder": str(made.path),
                "steps": f"{made.steps}, {made.made} of them simulated now",
                "episodes": f"{made.episodes}",
                "steps each": f"{made.steps / made.episodes:.1f} in the mean, {made.longest} at most",
                "seconds": f"{time.perf_counter() - began:.1f}",
            }
        )
