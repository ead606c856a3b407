"""A shard's file whose digest is right although it is no shard."""

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.numpy import save

from anchordiff.data.digests import content_digest
from anchordiff.domains.maze import (
    ParticleMazeConfig,
    ParticleMazeDataset,
    ShardedParticleDataset,
    write_shards,
)
from anchordiff.errors import CorruptFileError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header, arrays: header.update(place="3"), "is corrupt"),
        (lambda header, arrays: header.update(place='{"size": 1}'), "is corrupt"),
        (lambda header, arrays: header.update(config="[]"), "is corrupt"),
        (lambda header, arrays: header.pop("config"), "is corrupt"),
        (
            lambda header, arrays: arrays.pop("goal"),
            "it holds positions, start, walls instead of goal, positions",
        ),
        (
            lambda header, arrays: arrays.update(start=arrays["start"][:2]),
            r"start must have the shape \(8, 2\)",
        ),
    ],
)
def test_a_shard_of_other_content_is_corrupt_though_its_digest_is_right(
    tmp_path: Path, change: Callable[..., object], message: str
) -> None:
    write_shards(
        ParticleMazeDataset(ParticleMazeConfig(rows=7, cols=7, min_l1=2, horizon=16), size=8),
        tmp_path,
        shard_size=8,
    )
    path = next(tmp_path.iterdir())
    with safe_open(path, framework="numpy") as file:
        header = {name: value for name, value in file.metadata().items() if name != "sha256"}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header, arrays)
    path.write_bytes(save(arrays, metadata={**header, "sha256": content_digest(header, arrays)}))
    with pytest.raises(CorruptFileError, match=message):
        ShardedParticleDataset(tmp_path).batch(range(2))
