"""`anchordiff data particle`."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from anchordiff.configs import config_to_json
from anchordiff.data import ParticleMazeConfig, ParticleMazeDataset, write_shards
from anchordiff.hub.folders import write_json


@dataclass(frozen=True, kw_only=True)
class DataParticle:
    """Write particle-maze samples to shards on disk.

    Each shard is whole or not there. A call that was stopped goes on where it was, and several processes may
    fill one folder. Training makes its samples on the fly; shards are for other readers, or for machines
    whose processors are slow beside their GPU.

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
        began = time.perf_counter()
        dataset = ParticleMazeDataset(self.data, size=self.size)
        made = write_shards(dataset, self.out, shard_size=self.shard_size, rebuild=self.rebuild)
        settings = {"size": self.size, "shard_size": self.shard_size, "data": config_to_json(self.data)}
        write_json(self.out / "config.json", settings)
        seconds = time.perf_counter() - began
        sys.stdout.write(f"{self.size} samples in {self.out}: {made} shards made in {seconds:.1f} s\n")
