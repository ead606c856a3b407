import os
import subprocess
import sys
from pathlib import Path

import pytest

from anchordiff.kernels import _jit

INNER = """
from package._jit import kernel

@kernel()
def inner(x):
    return x + {added}
"""
OUTER = """
from package._jit import kernel
from package.inner import inner

@kernel()
def outer(x):
    return inner(x)
"""
SHOW = "from package.outer import outer; print(outer(0), sum(outer.stats.cache_hits.values()))"


@pytest.fixture
def package(tmp_path):
    """A folder of kernels, one of which calls the other."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_jit.py").write_text(Path(_jit.__file__).read_text("utf-8"), "utf-8")
    (folder / "inner.py").write_text(INNER.format(added=1), "utf-8")
    (folder / "outer.py").write_text(OUTER, "utf-8")
    return folder


def run(package, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=package.parent,
        env=os.environ | {"NUMBA_CACHE_DIR": str(package.parent / "cache")} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(map(int, done.stdout.split()))


def test_code_on_disk_is_used_until_a_callee_changes(package):
    assert run(package) == (1, 0)
    assert run(package) == (1, 1)
    (package / "inner.py").write_text(INNER.format(added=2), "utf-8")
    assert run(package) == (2, 0)


def test_a_stamp_tells_names_and_contents_of_sources(tmp_path):
    def stamp(**files):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content, "utf-8")
        return _jit.source_stamp(tmp_path)

    stamps = [
        stamp(a_py="x", b_py="y"),
        stamp(a_py="xy", b_py=""),
        stamp(a_py="x", c_py="y"),
        stamp(a_py="x"),
    ]
    assert len(set(stamps)) == 4
    assert stamp(b_py="y", a_py="x", a_txt="z") == stamps[0]
