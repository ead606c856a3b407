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
FULL_DISK = """
import errno
from numba.core import caching

def full(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")

caching.IndexDataCacheFile._save_index = full
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


@pytest.mark.parametrize("damage", [b"", b"\x80\x04broken", b"\x80\x04N."])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_code_on_disk_is_made_anew(package, ending, damage):
    assert run(package) == (1, 0)
    files = list((package.parent / "cache").rglob(f"*.{ending}"))
    assert files
    for file in files:
        file.write_bytes(damage)
    assert run(package) == (1, 0)
    assert run(package) == (1, 1)


def test_where_no_code_can_be_kept_kernels_work_and_say_so(package):
    assert run(package) == (1, 0)
    (package / "inner.py").write_text(INNER.format(added=2), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK + SHOW],
        cwd=package.parent,
        env=os.environ | {"NUMBA_CACHE_DIR": str(package.parent / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["2", "0"]
    assert "the compiled kernels cannot be kept in" in done.stderr
    assert "No space left on device" in done.stderr
