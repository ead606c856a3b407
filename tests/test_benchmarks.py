"""Every benchmark runs, on little work; what it measures is not looked at."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMANDS = {
    "anchor_ablation": "--size 2 --threads 1 --json {out}/file.json",
    "method_ablation": "--size 2 --threads 1 --out {out}",
    "planning": "--horizons 64 --batches 2 --modes eager --limit 0.1 --json {out}/file.json",
    "report": "--check",
    "streaming": "--horizons 24 --json {out}/file.json",
    "symmetric_walls": "--mazes 1 --samples 2 --json {out}/file.json",
    "training": "--steps 1 --warmup 1 --batch-size 4 --json {out}/file.json",
    "video_budget": "--pixels 32 --frames 4 --num-keypoints 2 --width 64 --depth 1 --denoiser-depth 1",
    "way_points": "--size 2 --json {out}/file.json",
}
LONG = {"against", "kernels", "maze2d_ablation", "maze2d_references", "maze2d_starts"}  # minutes at the least
PARTS = {"report_method"}


def test_all_benchmarks_are_known():
    files = {path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py")}
    assert files == COMMANDS.keys() | LONG | PARTS


@pytest.mark.parametrize("name", COMMANDS)
def test_benchmarks_run(name, tmp_path):
    words = shlex.split(COMMANDS[name].format(out=tmp_path))
    file = ROOT / "benchmarks" / f"{name}.py"
    found = subprocess.run(
        [sys.executable, str(file), *words], capture_output=True, text=True, timeout=300,
        env={**os.environ, "MPLBACKEND": "agg"}, cwd=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-2000:]
    assert "--json" not in words or (tmp_path / "file.json").stat().st_size > 2
