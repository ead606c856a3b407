"""The documentation runs: Python blocks, documented commands, docstrings' examples, the README's tables."""

import doctest
import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import tyro

import anchordiff

ROOT = Path(__file__).parent.parent
SOURCE = Path(anchordiff.__file__).parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")])
_FENCE = re.compile(r"^```(\S+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(page: Path, *languages: str) -> list[str]:
    """Fenced blocks, each at its own line number so that a traceback points into the page."""
    text = page.read_text("utf-8")
    found = _FENCE.finditer(text)
    return ["\n" * text[: match.start(2)].count("\n") + match[2] for match in found if match[1] in languages]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


WITH_CODE = [page for page in PAGES if blocks(page, "python", "{code-cell}")]
WITH_COMMANDS = [page for page in PAGES if blocks(page, "bash")]
WITH_EXAMPLES = sorted(p for p in SOURCE.rglob("*.py") if re.search(r"^\s*>>> ", p.read_text("utf-8"), re.M))


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_python_blocks_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__docs__"}
    for block in blocks(page, "python", "{code-cell}"):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_documented_commands_have_valid_flags(page):
    from anchordiff.cli import _COMMANDS

    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "anchordiff" not in words:
                continue
            words = words[words.index("anchordiff") + 1 :]
            found = [row for row in _COMMANDS if words[: len(row[0].split())] == row[0].split()]
            assert found, f"{page.name}: no such command: {line}"
            command, module, cls, _ = found[0]
            kind = getattr(importlib.import_module(f"anchordiff.cli.{module}"), cls)
            tyro.cli(kind, args=words[len(command.split()) :])


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_docstring_examples(path):
    parts = ("anchordiff", *path.relative_to(SOURCE).with_suffix("").parts)
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    result = doctest.testmod(module, report=True)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page):
    links = [link for link in _LINK.findall(page.read_text("utf-8")) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_readme_tables_are_those_of_the_result_files(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    report = importlib.import_module("report")
    text = (ROOT / "README.md").read_text("utf-8")
    assert report.render(text) == text


def test_readme_commands_are_found_by_ci():
    spec = importlib.util.spec_from_file_location("readme_command", ROOT / ".ci" / "readme_command.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "README.md").read_text("utf-8")
    assert module.find_command(text, "Plan").strip().endswith("anchordiff generate --out runs/first")
    assert module.find_command(text, "Test").strip().endswith("pytest")
