"""Nothing that a public function of the kernels is given makes it read or write out of bounds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("hostile_worker.py")


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_no_access_is_out_of_bounds_and_every_refusal_is_a_value_error(tmp_path):
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(WORKER), "300"],
        capture_output=True,
        text=True,
        env=os.environ | checked,
        timeout=2900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    for line in done.stdout.splitlines():
        name, ended, refused = line.split()
        assert min(int(ended), int(refused)) > 0, name
    assert len(done.stdout.splitlines()) == 27
