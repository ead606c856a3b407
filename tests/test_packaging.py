"""Metadata: every direct dependency is pinned, extras resolve, the typed marker and the version are there."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import anchordiff

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    found = {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}
    return found - {"anchordiff"}


def test_constraints_pin_every_direct_dependency_and_nothing_else():
    extras = PROJECT["optional-dependencies"]
    direct = names(PROJECT["dependencies"]).union(*(names(extras[extra]) for extra in extras))
    pins = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            package, version = line.split("==")
            pins[normal(package)] = version
    assert set(pins) == direct
    assert pins["torch"] == "2.13.0"


def test_extras_and_version():
    assert {"test", "bench", "dev"} <= set(PROJECT["optional-dependencies"])
    assert f"## [{anchordiff.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_package_is_typed():
    assert files("anchordiff").joinpath("py.typed").is_file()


def test_files_are_short():
    paths = [p for folder in ("src", "tests", "benchmarks") for p in (ROOT / folder).rglob("*.py")]
    long = {str(p.relative_to(ROOT)): n for p in paths if (n := len(p.read_text("utf-8").splitlines())) > 350}
    assert not long
