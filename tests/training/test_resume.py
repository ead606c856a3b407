"""A run that is killed again and again ends with the bits of one that never was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from anchordiff.training import read_checkpoint, read_log

WORKER = Path(__file__).with_name("killed_worker.py")


def assert_same(a: object, b: object, *, path: str = "") -> None:
    assert type(a) is type(b), path
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for name in a:
            assert_same(a[name], b[name], path=f"{path}.{name}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), path
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, path=f"{path}[{index}]")
    elif isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, path
        assert torch.equal(a, b), path
    else:
        assert a == b, path


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes to kill them")
@pytest.mark.parametrize("precision", ["fp32", pytest.param("fp16", marks=pytest.mark.slow)])
def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path, precision: str):
    done = subprocess.run(
        [sys.executable, str(WORKER), str(tmp_path), precision],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 chosen and 6 random kills" in done.stdout

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert not list(killed.rglob("*.part"))
    assert_same(load_file(whole / "weights.safetensors"), load_file(killed / "weights.safetensors"))
    for name in ("last.pt", "best.pt", "step-00000020.pt", "step-00000040.pt", "step-00000060.pt"):
        assert_same(
            read_checkpoint(whole / "checkpoints" / name), read_checkpoint(killed / "checkpoints" / name)
        )
    for line, other in zip(read_log(whole / "log.jsonl"), read_log(killed / "log.jsonl"), strict=True):
        timeless = [{k: v for k, v in entry.items() if not k.endswith("seconds")} for entry in (line, other)]
        assert timeless[0] == timeless[1]
