"""What installed packages add: names, imports, and that nothing is imported before it is asked for."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from anchordiff import plugins
from anchordiff.domains.domain import Domain, domain_names, find_domain
from anchordiff.hub import registry
from anchordiff.hub.registry import find_class
from anchordiff.nn.config import EncoderConfig
from anchordiff.stages.keypoints import KeypointDiffusion

# A module of another package, with a domain's encoder and a network.
FOREIGN = """
from dataclasses import dataclass
from typing import Literal
from torch import nn
from anchordiff import hub
from anchordiff.domains.maze.domain import MAZE
from anchordiff.nn.config import EncoderConfig

@dataclass(frozen=True, kw_only=True)
class KilnEncoderConfig(EncoderConfig):
    domain: Literal["kiln"] = "kiln"
    degrees: float = 900.0

    @property
    def scalar_size(self):
        return 1

    def build(self, states):
        raise NotImplementedError

@dataclass(frozen=True, kw_only=True)
class KilnConfig:
    width: int = 2

@hub.register
class KilnNetwork(nn.Linear):
    def __init__(self, config: KilnConfig) -> None:
        super().__init__(config.width, config.width)
        self.config = config

DOMAIN = MAZE
NO_DOMAIN = 3
"""


@pytest.fixture
def kiln(tmp_path, monkeypatch):
    """An installed package with a domain, one that is none, and a network."""
    (tmp_path / "kiln_of_tests.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(tmp_path)
    found = plugins._points
    added = {
        plugins.DOMAINS: {"kiln": "kiln_of_tests:DOMAIN", "nothing": "kiln_of_tests:NO_DOMAIN"},
        plugins.CLASSES: {"KilnNetwork": "kiln_of_tests:KilnNetwork"},
    }

    def points(group: str) -> dict[str, EntryPoint]:
        own = {name: EntryPoint(name=name, value=value, group=group) for name, value in added[group].items()}
        return found(group) | own

    monkeypatch.setattr(plugins, "_points", points)
    yield
    sys.modules.pop("kiln_of_tests", None)
    EncoderConfig._known.pop("kiln", None)
    registry._REGISTERED.pop("KilnNetwork", None)


def test_the_librarys_own_domains_and_classes_are_entry_points():
    assert set(plugins.names(plugins.DOMAINS)) >= {"maze", "pointmaze", "vector"}
    classes = {"InterpDenoiser", "KeypointDiffusion", "TwoStagePipeline"}
    assert set(plugins.names(plugins.CLASSES)) >= classes
    assert plugins.load(plugins.CLASSES, "KeypointDiffusion") is KeypointDiffusion
    for name in domain_names():
        domain = find_domain(name)
        assert isinstance(domain, Domain)
        assert domain.name == name
        assert domain.summary
        # What every domain tells, and a command asks for.
        for config in (domain.keypoints, domain.denoiser):
            assert config.encoder.build(config.states).config == config.encoder
        assert all(term.weight >= 0 for term in (domain.keypoint_terms | domain.denoiser_terms).values())
        assert domain.request.__dataclass_fields__
        assert domain.benchmark.__dataclass_fields__


def test_a_name_that_no_one_offers():
    with pytest.raises(KeyError):
        plugins.load(plugins.DOMAINS, "nowhere")
    with pytest.raises(ValueError, match=r"domain must be one of .*maze, .*vector.*, found 'nowhere'"):
        find_domain("nowhere")
    with pytest.raises(ValueError, match=r"class name must be one of .*TwoStagePipeline.*, found 'Nobody'"):
        find_class("Nobody")


@pytest.mark.usefixtures("kiln")
def test_another_packages_domain_is_found_when_it_is_asked_for():
    assert "kiln" in domain_names()
    assert "kiln_of_tests" not in sys.modules
    assert EncoderConfig.resolve({"domain": "kiln", "degrees": 1.0}).__name__ == "KilnEncoderConfig"
    assert find_domain("kiln") is find_domain("maze")
    with pytest.raises(ValueError, match="the entry point 'nothing' must be a Domain, found 3"):
        find_domain("nothing")


@pytest.mark.usefixtures("kiln")
def test_another_packages_network_is_found_by_its_name():
    assert "kiln_of_tests" not in sys.modules
    assert find_class("KilnNetwork").__module__ == "kiln_of_tests"


def test_looking_up_names_imports_neither_torch_nor_a_domain():
    code = (
        "import sys\n"
        "from anchordiff import plugins\n"
        "assert 'vector' in plugins.names(plugins.DOMAINS)\n"
        "assert not [m for m in sys.modules if m == 'torch' or m.startswith('anchordiff.domains')]\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
