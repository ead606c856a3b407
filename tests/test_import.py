import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import anchordiff

ROOT = Path(anchordiff.__file__).parent

HEAVY = {"av", "matplotlib", "gymnasium", "minari", "huggingface_hub", "diffusers", "transformers", "tyro"}

SCRIPT = """
import json, sys
import torch
before = set(sys.modules)
import anchordiff
light = set(sys.modules)
anchordiff.TwoStagePipeline, anchordiff.from_pretrained, anchordiff.Generation
print(json.dumps({"new": sorted(light - before), "used": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def seen():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def packages(modules):
    return {module.split(".")[0] for module in modules}


def test_the_import_is_light(seen):
    assert not packages(seen["new"]) & HEAVY
    own = [name for name in seen["new"] if name.split(".")[0] == "anchordiff"]
    assert own == ["anchordiff", "anchordiff.version"]


def test_using_the_pipeline_imports_nothing_heavy(seen):
    assert not packages(seen["used"]) & HEAVY
    assert "torch._dynamo" not in seen["used"]


@pytest.mark.parametrize("name", anchordiff.__all__)
def test_every_public_name_resolves(name):
    assert getattr(anchordiff, name) is not None
    assert name in dir(anchordiff)


@pytest.mark.parametrize(
    "stub", sorted(ROOT.rglob("__init__.pyi")), ids=lambda path: str(path.parent.relative_to(ROOT))
)
def test_every_name_of_a_stub_is_what_it_says(stub):
    name = ".".join(["anchordiff", *stub.parent.relative_to(ROOT).parts])
    package = import_module(name)
    for node in ast.parse(stub.read_text()).body:
        for alias in node.names:
            assert alias.asname == alias.name
            home = name if node.module is None else f"{name}.{node.module}"
            there = (
                import_module(f"{home}.{alias.name}")
                if node.module is None
                else getattr(import_module(home), alias.name)
            )
            assert getattr(package, alias.name) is there
            assert alias.name in {*package.__all__, "__version__"}


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="No anchordiff attribute Pipeline"):
        anchordiff.Pipeline  # noqa: B018


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert anchordiff.__version__ == version("anchordiff") == "0.2.0"
