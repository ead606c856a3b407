"""Scenes and encoders: how a saved config finds its class, and what an encoder refuses."""

from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import Tensor

from anchordiff.conditions import Condition
from anchordiff.configs import config_from_json, config_to_json
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.nn.config import EncoderConfig
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.scene import Scene
from anchordiff.states import StateSpace


@dataclass(frozen=True, kw_only=True, eq=False)
class Lamp(Condition):
    brightness: Tensor

    def check(self) -> None:
        if bool((self.brightness < 0).any()):
            raise ValueError("brightness must not be negative")


@dataclass(frozen=True, kw_only=True, eq=False)
class Bell(Lamp):
    pass


@dataclass(frozen=True, kw_only=True)
class BellConfig(EncoderConfig):
    domain: Literal["bell"] = "bell"
    loudness: float = 5.0

    @property
    def scalar_size(self) -> int:
        return 1

    def build(self, states: StateSpace) -> "BellEncoder":
        return BellEncoder(self, states)


class BellEncoder(Encoder):
    condition_type = Bell

    def forward(self, condition: Bell) -> Scene:
        raise NotImplementedError


def test_a_config_finds_its_class_by_its_tag_and_an_older_one_by_its_fields():
    for config in (BellConfig(loudness=3.0), MazeEncoderConfig(cell_channels=7)):
        saved = config_to_json(config)
        assert config_from_json(EncoderConfig, saved) == config
        del saved["domain"]
        assert config_from_json(EncoderConfig, saved) == config
    with pytest.raises(
        ValueError, match=r"domain must be one of .*bell,.* maze,.* found 'drum' with the fields"
    ):
        EncoderConfig.resolve({"domain": "drum"})


def test_without_a_word_there_is_nothing_to_look_at():
    config = BellConfig()
    assert (config.look_size, config.mark_size, config.attention) == (0, 0, (0, 1))
    assert config.build(StateSpace()).judge() is None


@pytest.mark.usefixtures("unchecked")
def test_an_encoder_refuses_what_it_cannot_read():
    encoder = BellConfig().build(StateSpace())
    encoder.check(Bell(brightness=torch.ones(2)), horizon=8)
    with pytest.raises(ValueError, match="condition must be a Bell, found Lamp"):
        encoder.check(Lamp(brightness=torch.ones(2)), horizon=8)
    with pytest.raises(ValueError, match="brightness must not be negative"):
        encoder.check(Bell(brightness=-torch.ones(2)), horizon=8)
