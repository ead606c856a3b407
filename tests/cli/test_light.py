"""Help and checks of flags import no torch, and what works afterwards has all of it."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import contextlib, io, json, sys
from anchordiff.cli import main
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    code = main(sys.argv[1:])
packages = ("torch._C", "torch.nn", "matplotlib", "huggingface_hub", "minari", "gymnasium")
heavy = [name for name in packages if name in sys.modules]
print(json.dumps({"code": code, "heavy": heavy, "said": said.getvalue()}))
"""

DOMAINS = ("maze", "mazes", "pointmaze", "vector", "video")
OF_DOMAINS = ("generate", "evaluate", "train keypoints", "train denoiser", "train pipeline")
COMMANDS = (
    *(f"{name} --domain {domain}" for name in OF_DOMAINS for domain in DOMAINS),
    *(
        "sample keypoints",
        "bundle",
        "train codec",
        "data particle",
        "data pointmaze",
        "data shapes",
        "config",
    ),
    *(f"data didemo {name}" for name in ("fetch", "download", "precompute")),
)


def run(words):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words.split()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    done = run(f"{command} --help")
    assert done["code"] == 0
    assert "usage: anchordiff" in done["said"]
    assert done["heavy"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train keypoints --out x --train.stepss 4", "--train.steps?"),
        ("train keypoints --out x --model.transformer.width 7", "width must be"),
        ("train denoiser --out x --objective.horizons 1", "horizons must"),
        ("generate --out x --steps 0", "steps must be"),
        ("generate --domain vector --out x --low a", "low"),
        ("evaluate --domain pointmaze --maze umaze --task single --size 100000", "--size must lie in"),
        ("sample keypoints --out x --spacing none", "--spacing"),
        ("bundle --out x", "--keypoints"),
        ("train keypoints --config nowhere.yml.old", "--config must end in"),
    ],
)
def test_wrong_flags(words, told):
    done = run(words)
    assert done["code"] == 2
    assert told in done["said"]
    assert done["heavy"] == []


WORK = """
import sys
from anchordiff.cli._deferred import defer_torch
assert "torch" not in sys.modules
defer_torch()
import torch
assert "torch._C" not in sys.modules
{first}
import torch
from torch import nn
assert sys.modules["torch"] is torch and torch.nn is nn and type(torch).__name__ == "module"
assert torch.ones(2).sum().item() == 2 and torch.nn.functional.relu(torch.tensor(-1.0)).item() == 0
defer_torch()
assert sys.modules["torch"] is torch and torch.ones(1).item() == 1
"""


@pytest.mark.parametrize(
    "first", ["import torch.nn.functional", "torch.float32", "from torch import Tensor", "import einops"]
)
def test_torch_comes_when_it_is_asked_for(first):
    done = subprocess.run(
        [sys.executable, "-c", WORK.format(first=first)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
