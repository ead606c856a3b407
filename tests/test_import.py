import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import anchordiff

HEAVY = ("matplotlib", "gymnasium", "minari", "huggingface_hub", "diffusers", "transformers", "tqdm", "tyro")

SCRIPT = """
import json, sys, time
import torch
before, start = set(sys.modules), time.perf_counter()
import anchordiff
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "new": sorted(set(sys.modules) - before)}))
"""


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_import_is_light():
    seen = json.loads(run(SCRIPT))
    assert seen["seconds"] < 0.4
    for name in HEAVY:
        assert not [module for module in seen["new"] if module.split(".")[0] == name]


def test_using_the_pipeline_needs_no_optional_package():
    code = "import json, sys, anchordiff as ad; ad.TwoStagePipeline, ad.from_pretrained, ad.Generation;"
    modules = set(json.loads(run(code + "print(json.dumps(sorted(sys.modules)))")))
    assert not modules & {"matplotlib", "gymnasium", "minari", "huggingface_hub", "tyro"}


@pytest.mark.parametrize("name", anchordiff.__all__)
def test_every_public_name_resolves(name):
    assert getattr(anchordiff, name) is not None
    assert name in dir(anchordiff)


def test_names_for_readers_of_types_are_the_names_at_run_time():
    tree = ast.parse(Path(anchordiff.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.asname: node.module for node in block.body for alias in node.names}
    homes = anchordiff._HOMES | dict.fromkeys(anchordiff._MODULES, "anchordiff")
    assert typed == homes
    assert set(anchordiff.__all__) == {*homes, "__version__"}


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'Pipeline'"):
        anchordiff.Pipeline  # noqa: B018


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert anchordiff.__version__ == version("anchordiff") == "0.1.0"
