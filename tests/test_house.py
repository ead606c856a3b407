"""The house: the core knows no world. What lies outside `domains` and `cli` neither imports nor names one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import anchordiff

SOURCE = Path(anchordiff.__file__).parent
WORLDS = ("domains/", "cli/", "weights/")

# Why a file may use words of a world.
MAY_NAME = {
    "__init__.py": "the package's public names are those of all rooms",
    "stages/earlier.py": "what version 0.1 saved was for mazes",
}
ROOMS = {"kernels/grid/": "search and geometry on grids"}
# The group of entry points by which domains are found, which is no module.
MAY_SAY = {"__init__.py", "plugins.py"}

_WORD = re.compile(r"(?<![A-Za-z])(?:[Ww]alls?|WALLS?|[Mm]azes?|MAZES?|[Cc]ells?|CELLS?)(?![a-z])")
_DOMAINS = "anchordiff.domains"


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


CORE = [path for path in sorted(SOURCE.rglob("*.py")) if not name(path).startswith(WORLDS)]


def without_examples(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without those of examples in docstrings: what is typed, and what it gives."""
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        inside = bare.startswith(">>>") or (inside and bare not in ("", '"""'))
        if not inside:
            yield number, line


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_core_is_looked_at():
    names = {name(path) for path in CORE}
    assert {"states.py", "judge.py", "nn/scene.py", "stages/keypoints.py", "training/stage.py"} <= names
    assert names >= set(MAY_NAME)
    assert names >= MAY_SAY


@pytest.mark.parametrize("path", CORE, ids=name)
def test_no_room_of_the_core_knows_a_domain(path):
    text = path.read_text("utf-8")
    if name(path) not in MAY_SAY:
        found = [module for module in imported(ast.parse(text)) if module.startswith(_DOMAINS)]
        assert not found
        said = [f"{number}: {line}" for number, line in without_examples(text) if f"{_DOMAINS}." in line]
        assert not said
    # How many numbers are positions only the `StateSpace` says.
    assert "[..., :2]" not in text or name(path).startswith(tuple(ROOMS))


@pytest.mark.parametrize("path", CORE, ids=name)
def test_no_room_of_the_core_speaks_of_a_maze(path):
    if name(path) in MAY_NAME or name(path).startswith(tuple(ROOMS)):
        return
    lines = without_examples(path.read_text("utf-8"))
    found = [f"{number}: {line.strip()}" for number, line in lines if _WORD.search(line)]
    assert not found


def test_the_plugins_name_no_domain_of_their_own():
    text = (SOURCE / "plugins.py").read_text("utf-8")
    assert not [module for module in imported(ast.parse(text)) if module.startswith(_DOMAINS)]


def test_what_counts_as_a_word_and_as_an_example():
    for line in ("a wall", "walls=", "wall_distance", "MazeCondition", "the maze.", "in cells", "CELLS"):
        assert _WORD.search(line), line
    for line in ("cancelled", "a parcel", "amazed", "wallpaper"):
        assert not _WORD.search(line), line
    text = "Before.\n>>> maze = 3\n>>> maze\n3 cells\n\nAfter.\n"
    assert [line for _, line in without_examples(text)] == ["Before.", "", "After."]
