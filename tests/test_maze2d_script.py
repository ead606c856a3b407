"""`examples/maze2d.sh`, on little data and few steps: from nothing to six scores, and again from where it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "examples" / "maze2d.sh"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_from_nothing_to_scores_and_a_second_call_goes_on(tmp_path):
    sizes = {"DATA_STEPS": "20000", "TRAIN_STEPS": "3", "EPISODES": "1"}
    folders = {
        "OUT": tmp_path / "out",
        "MINARI_DATASETS_PATH": tmp_path / "minari",
        "XDG_CACHE_HOME": tmp_path,
    }
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        **sizes,
        **{name: str(folder) for name, folder in folders.items()},
        "PATH": path,
    }
    for simulated in (20000, 0):
        done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.count(f"20000, {simulated} of them simulated now") == 3
        assert done.stdout.count("finished after step 3") == 2
    for maze in ("umaze", "medium", "large"):
        for task in ("single", "multi"):
            scores = tmp_path / "out" / "scores" / f"{maze}-{task}" / "evaluation.json"
            assert json.loads(scores.read_text())["agents"]["waypoint controller"]["success"] == 1.0
