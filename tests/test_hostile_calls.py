"""Whatever a public function is called with, it works or says clearly what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("hostile_calls_worker.py")


@pytest.mark.parametrize(
    ("calls", "seed"),
    [(3000, 0), pytest.param(60_000, 1, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])],
)
def test_every_refusal_is_a_clear_one(calls, seed):
    # In a process of its own, without the shape checks of these tests.
    done = subprocess.run(
        [sys.executable, str(WORKER), str(calls), str(seed)],
        capture_output=True,
        text=True,
        timeout=2900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    worked, refused, wrong = map(int, done.stdout.split())
    assert wrong == 0
    assert min(worked, refused) > calls // 100
