"""Recorded trajectories as a choice of settings: where they lie, and which samples are taken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

from anchordiff.checks import check_choice
from anchordiff.configs import exact
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains.vector import data
from anchordiff.domains.vector.data.config import TrajectoryConfig
from anchordiff.normalisers import Normaliser
from anchordiff.states import StateSpace

_STATE = ("observation.state",)


@dataclass(frozen=True, kw_only=True)
@exact
class VectorSource(Source):
    """Training data of vectors: exactly one of `path`, `minari` and `lerobot` says where they lie.

    Attributes:
        path: file of trajectories, .npz or .safetensors; see `read_episodes`.
        minari: id of a Minari data set that is local, such as "D4RL/door/human-v2"; see `read_minari`.
        lerobot: folder of a data set in LeRobot's format v3; see `read_lerobot`.
        keys: which observations make up a state, one after another; those of Minari all if left out, of LeRobot
            observation.state.
        actions: append the action that was taken to each state.
        windows: which pieces become samples.
        angles: which numbers of a state are angles, in radians.
        velocities: whether velocities, forward differences, follow a state.
        normaliser: how the scale of each number is measured.

    Raises:
        ValueError: if there is not exactly one place, or a setting does not fit it.
    """

    path: Path | None = None
    minari: str | None = None
    lerobot: Path | None = None
    keys: tuple[str, ...] = ()
    actions: bool = False
    windows: TrajectoryConfig = field(default_factory=TrajectoryConfig)
    angles: tuple[int, ...] = ()
    velocities: bool = False
    normaliser: Normaliser = "deviation"

    def __post_init__(self) -> None:
        places = {name: getattr(self, name) for name in ("path", "minari", "lerobot")}
        given = {name: str(place) for name, place in places.items() if place is not None}
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(places)} must be given, found {given or 'none'}")
        if self.path is not None and (self.keys or self.actions):
            raise ValueError("keys and actions must be left out with path: a file holds states as they are")
        check_choice("normaliser", self.normaliser, get_args(Normaliser))

    @cached_property
    def episodes(self) -> data.Episodes:
        """All that is recorded; read once.

        Raises:
            FileNotFoundError: if it is not there.
            ValueError: if it holds no numbers, or not those of `keys`.
            CorruptFileError: if a file is not what it should be.
            MissingExtraError: if a package is missing that reads it.
        """
        if self.path is not None:
            return data.read_episodes(self.path)
        if self.minari is not None:
            return data.read_minari(self.minari, keys=self.keys, actions=self.actions)
        assert self.lerobot is not None
        keys = (self.keys or _STATE) + (("action",) if self.actions else ())
        return data.read_lerobot(self.lerobot, keys=keys)

    def dataset(self) -> data.TrajectoryDataset:
        """The samples, with states that have the normaliser of the training episodes.

        Raises:
            ValueError: as for `TrajectoryDataset`, and all that `episodes` raises.
        """
        space = data.fit_states(
            self.episodes,
            self.windows,
            velocities=self.velocities,
            angles=self.angles,
            method=self.normaliser,
        )
        return data.TrajectoryDataset(self.episodes, self.windows, space=space)

    def open(self, *, states: StateSpace, horizon: int) -> TrainingData:
        """The data for a model of such states and that horizon; see `Source.open`.

        Raises:
            ValueError: if the data do not fit the model, and all that `episodes` raises.
        """
        asked = {
            "positions": self.episodes.dim,
            "velocities": self.velocities,
            "angles": tuple(sorted(self.angles)),
        }
        has = {
            "positions": states.positions,
            "velocities": states.velocities,
            "angles": tuple(sorted(states.angles)),
        }
        for name, found in asked.items():
            if found != has[name]:
                raise ValueError(
                    f"states of the data must have {name} = {has[name]}, as the model, found {found}"
                )
        if self.windows.horizon not in (None, horizon):
            raise ValueError(
                f"windows.horizon must be that of the model, {horizon}, found {self.windows.horizon}"
            )
        config = replace(self.windows, horizon=horizon)
        return data.TrajectoryDataset(self.episodes, config, space=states).training_data()
