"""The documentation runs: Python blocks, documented commands, docstrings' examples, the README's tables.

Names and files that it mentions are there.
"""

import doctest
import importlib
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
import tyro

import anchordiff
from anchordiff import plugins
from anchordiff.cli._configs import flags_of, take_config
from anchordiff.nn import EncoderConfig

ROOT = Path(__file__).parent.parent
SOURCE = Path(anchordiff.__file__).parent
EXAMPLES = ROOT / "examples"
DOMAINS = ROOT / "docs" / "domains.md"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
        *ROOT.glob("docs/*.md"),
        *EXAMPLES.rglob("*.md"),
        *ROOT.glob("src/anchordiff/weights/*/README.md"),
    ]
)
# The cards of weights tell the commands that they were trained with, as they were called then.
CARDS = {page for page in PAGES if page.is_relative_to(ROOT / "src")}
# PyBullet has no wheels for some versions of Python; everything else that pages need comes with the extra "test".
NEEDED = {EXAMPLES / "arm.md": ("ompl", "pybullet")}
_FENCE = re.compile(r"^```(\S+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_NAME = re.compile(r"`{1,2}((?:anchordiff|ad)(?:\.\w+)+)")
_FILE = re.compile(r"`((?:src|docs|examples|benchmarks|tests)/[\w./-]+)`")


def blocks(page: Path, *languages: str) -> list[str]:
    """Fenced blocks, each at its own line number so that a traceback points into the page."""
    text = page.read_text("utf-8")
    found = _FENCE.finditer(text)
    return ["\n" * text[: match.start(2)].count("\n") + match[2] for match in found if match[1] in languages]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def command_class(words: list[str]) -> tuple[type, list[str]]:
    """The class that parses a command's words, and those that are its flags."""
    from anchordiff.cli import COMMANDS
    from anchordiff.cli._domains import take_domain

    found = [row for row in COMMANDS if words[: len(row[0].split())] == row[0].split()]
    assert found, f"no such command: {words}"
    command, module, cls, _ = found[0]
    kind = getattr(importlib.import_module(f"anchordiff.cli.{module}"), cls)
    flags = words[len(command.split()) :]
    if hasattr(kind, "for_domain"):
        domain, flags = take_domain(flags)
        kind = kind.for_domain(domain)
    return kind, flags


def commands(page: Path) -> list[list[str]]:
    """The words after `anchordiff` of each documented command."""
    found = []
    for block in blocks(page, "bash", "sh"):
        for line in re.split(r"\n|&&", block.replace("\\\n", " ")):
            words = shlex.split(line, comments=True)
            if "anchordiff" in words and words[0] != "pip":
                found.append(words[words.index("anchordiff") + 1 :])
    return found


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    first, *rest = dotted.split(".")
    found = importlib.import_module("anchordiff" if first == "ad" else first)
    for part in rest:
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except (AttributeError, ModuleNotFoundError):
                return False
        found = getattr(found, part)
    return True


WITH_CODE = [page for page in PAGES if blocks(page, "python", "{code-cell}")]
WITHCOMMANDS = [page for page in PAGES if page not in CARDS and commands(page)]
SOURCES = sorted(SOURCE.rglob("*.py"))
WITH_EXAMPLES = [path for path in SOURCES if re.search(r"^\s*>>> ", path.read_text("utf-8"), re.M)]


@pytest.fixture
def own_domain(tmp_path, monkeypatch):
    """The page about domains as an installed package: its blocks but the last are a module with an entry point."""
    site = tmp_path / "site"
    folder = site / "disks-1.0.dist-info"
    folder.mkdir(parents=True)
    (site / "disks.py").write_text("\n".join(blocks(DOMAINS, "python")[:-1]), "utf-8")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: disks\nVersion: 1.0\n")
    (entry,) = blocks(DOMAINS, "toml")
    named = re.search(r'(\w+) = "my_package\.(.*)"', entry)
    (folder / "entry_points.txt").write_text(f"[{plugins.DOMAINS}]\n{named[1]} = {named[2]}\n")
    monkeypatch.syspath_prepend(site)
    plugins._points.cache_clear()
    yield
    sys.modules.pop("disks", None)
    plugins._points.cache_clear()


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """An empty folder to run a page in; what it imports from folders beside it is forgotten afterwards."""
    modules, encoders = set(sys.modules), set(EncoderConfig._known)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for module in set(sys.modules) - modules:
        file = getattr(sys.modules[module], "__file__", None)
        if file is not None and Path(file).resolve().is_relative_to(EXAMPLES):
            del sys.modules[module]
    for tag in set(EncoderConfig._known) - encoders:
        if not EncoderConfig._known[tag].__module__.startswith("anchordiff."):
            del EncoderConfig._known[tag]


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
@pytest.mark.usefixtures("unchecked")  # as users run them, who may pass arrays
def test_python_blocks_run_in_order(page, own_folder):
    for package in NEEDED.get(page, ()):
        pytest.importorskip(package)
    if page.parent == EXAMPLES:  # a notebook runs where it is, beside folders of its own
        for beside in EXAMPLES.iterdir():
            if beside.is_dir():
                (own_folder / beside.name).symlink_to(beside)
    namespace: dict[str, object] = {"__name__": "__docs__"}
    for block in blocks(page, "python", "{code-cell}"):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", WITHCOMMANDS, ids=name)
def test_documented_commands_have_valid_flags(page, request):
    if page == DOMAINS:
        request.getfixturevalue("own_domain")
    for words in commands(page):
        kind, flags = command_class(words)
        file, flags = take_config(flags)
        if file is None:
            tyro.cli(kind, args=flags)
        else:  # which gives what else is needed
            known = {"--" + ".".join(flag.path).replace("_", "-") for flag in flags_of(kind)}
            assert {word for word in flags if word.startswith("--")} <= known


@pytest.mark.usefixtures("own_domain")
def test_a_domain_of_ones_own_has_all_commands(own_folder, capsys):
    from anchordiff.cli import main

    brief = ["--train.steps", "2", "--train.batch-size", "4", "--validate", "2", "--run.no-tensorboard"]
    more = {"train pipeline": brief, "generate": [], "evaluate": ["--size", "4", "--candidates", "2"]}
    for words in commands(DOMAINS):
        own = more.get(" ".join(words[: words.index("--domain")]))
        if own is not None:
            assert main([*words, *own]) == 0, capsys.readouterr().err
    assert {path.name for path in (own_folder / "runs/disks-plan").iterdir()} >= {"plan.png", "metrics.json"}
    assert "plan, 2 candidates" in (own_folder / "runs/disks-results/table.md").read_text("utf-8")


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


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_pages_name_are_there(page):
    missing = [path for path in _FILE.findall(page.read_text("utf-8")) if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_names_that_pages_mention_exist(page):
    missing = [dotted for dotted in set(_NAME.findall(page.read_text("utf-8"))) if not exists(dotted)]
    assert not missing


def test_names_that_docstrings_mention_exist():
    found = {path: set(_NAME.findall(path.read_text("utf-8"))) for path in SOURCES}
    missing = {str(path): [dotted for dotted in names if not exists(dotted)] for path, names in found.items()}
    assert not {path: names for path, names in missing.items() if names}


def test_all_pages_are_in_the_index():
    text = (ROOT / "docs" / "index.md").read_text("utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in _LINK.findall(text)}
    pages = {*ROOT.glob("docs/*.md"), *EXAMPLES.glob("*.md")} - {ROOT / "docs" / "index.md"}
    assert pages <= linked


def test_tables_are_those_of_the_result_files(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    report = importlib.import_module("report")
    for page in report.PAGES:
        text = page.read_text("utf-8")
        assert report.render(text) == text, page
    short = [report.TABLES[f"{name}_short"](report.RESULTS) for name in ("planning", "kernels")]
    assert all(any(f"| {work} |" in table for table in short) for work in report.SHORT)


def test_the_citation_is_of_this_version():
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    fields = dict(line.split(": ", 1) for line in text.splitlines() if re.match(r"[a-z-]+: ", line))
    assert fields["cff-version"] == "1.2.0"
    assert fields["version"].strip('"') == anchordiff.__version__
    assert fields["license"] == "Apache-2.0"


def test_readme_commands_are_found_by_ci():
    spec = importlib.util.spec_from_file_location("readme_command", ROOT / ".ci" / "readme_command.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "README.md").read_text("utf-8")
    assert module.find_command(text, "Plan").strip().endswith("anchordiff generate --out runs/first")
    assert module.find_command(text, "Test").strip().endswith("pytest")
