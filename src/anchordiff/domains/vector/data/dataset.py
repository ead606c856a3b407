"""Recorded trajectories as training samples: windows with what is given of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from anchordiff.conditions import ArrayLike
from anchordiff.configs import config_to_json
from anchordiff.data.digests import content_digest
from anchordiff.data.indexed import HasIndices, IndexedDataset
from anchordiff.data.source import TrainingData
from anchordiff.domains.vector.condition import VectorCondition
from anchordiff.domains.vector.config import VectorEncoderConfig
from anchordiff.domains.vector.data.batch import VectorBatch
from anchordiff.domains.vector.data.config import TrajectoryConfig
from anchordiff.domains.vector.data.draws import vary
from anchordiff.domains.vector.data.episodes import Episodes
from anchordiff.domains.vector.data.files import read_episodes
from anchordiff.domains.vector.data.lerobot import read_lerobot
from anchordiff.domains.vector.data.minari import read_minari
from anchordiff.domains.vector.data.splits import held_out_episodes
from anchordiff.domains.vector.data.windows import find_windows, states_taken
from anchordiff.normalisers import Normaliser
from anchordiff.states import StateSpace


class TrajectoryDataset(IndexedDataset[VectorBatch]):
    """Windows of recorded trajectories; see `IndexedDataset` for ways to read it.

    Windows never reach over an episode's end. A sample's trajectory is what was recorded, with angles in [-π, π), and
    velocities, where the states have them, as forward differences of the states that were taken. Its condition has the
    positions at the window's ends, and the episode's context and tokens.

    `batch`, and with it a `DataLoader`, gives samples as they are. `at`, the training stream, leaves out or adds what
    the config says.

    Args:
        episodes: what the windows are pieces of.
        config: what decides the samples.
        space: what a state holds; positions alone, with the normaliser of the training episodes, if left out.

    Raises:
        ValueError: if an episode is too short, the states or an option do not fit the episodes, or the split has no
            window.

    Example:
        >>> walks = np.cumsum(np.ones((8, 20, 3), np.float32), axis=1)
        >>> dataset = TrajectoryDataset.from_arrays(walks, TrajectoryConfig(horizon=16))
        >>> len(dataset), dataset.horizon, dataset.states.dim, dataset.batch([0, 6]).condition.goal.tolist()
        (35, 16, 3, [[16.0, 16.0, 16.0], [17.0, 17.0, 17.0]])
    """

    def __init__(
        self,
        episodes: Episodes,
        config: TrajectoryConfig | None = None,
        *,
        space: StateSpace | None = None,
    ) -> None:
        self.episodes = episodes
        self.config = config or TrajectoryConfig()
        self.states = space or fit_states(episodes, self.config)
        if self.states.positions != episodes.dim:
            raise ValueError(
                f"space must have the {episodes.dim} positions of the data, found {self.states.positions}"
            )
        self.horizon = _find_horizon(episodes, self.config)
        self._check_options()
        chosen = _chosen(episodes, self.config)
        short = _short(episodes, self.config, self.horizon)
        self.skipped = int((short & chosen).sum())
        self.windows = find_windows(
            episodes.lengths,
            chosen & ~short,
            horizon=self.horizon,
            stride=self.config.stride,
            frame_skip=self.config.frame_skip,
            pad=self.config.pad,
            reverse=self.config.reverse,
        )
        if not len(self.windows):
            raise ValueError(
                f"episodes of split {self.config.split!r} must have a window of {self.horizon} states, "
                f"found {int(chosen.sum())} episodes, all of them too short"
            )
        self._starts, self._ends, self._rows = episodes.starts, episodes.ends, episodes.states
        if self.states.wraps:
            self._rows = self.states.wrap(torch.tensor(episodes.states)).numpy()
        super().__init__(
            size=len(self.windows), seed=self.config.seed, held_out=self.config.split == "held_out"
        )

    @classmethod
    def from_arrays(
        cls,
        states: ArrayLike | Sequence[ArrayLike],
        config: TrajectoryConfig | None = None,
        *,
        lengths: ArrayLike | Sequence[int] | None = None,
        context: ArrayLike | None = None,
        tokens: ArrayLike | None = None,
        visible: ArrayLike | None = None,
        space: StateSpace | None = None,
    ) -> "TrajectoryDataset":
        """Windows of trajectories in memory; see `Episodes.from_arrays`."""
        episodes = Episodes.from_arrays(
            states, lengths=lengths, context=context, tokens=tokens, visible=visible
        )
        return cls(episodes, config, space=space)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        config: TrajectoryConfig | None = None,
        *,
        space: StateSpace | None = None,
    ) -> "TrajectoryDataset":
        """Windows of trajectories in a file, .npz or .safetensors; see `read_episodes`."""
        return cls(read_episodes(path), config, space=space)

    @classmethod
    def from_minari(
        cls,
        dataset_id: str,
        config: TrajectoryConfig | None = None,
        *,
        keys: tuple[str, ...] = (),
        actions: bool = False,
        space: StateSpace | None = None,
        download: bool = False,
        progress: bool | None = None,
    ) -> "TrajectoryDataset":
        """Windows of a Minari data set; see `read_minari`."""
        episodes = read_minari(dataset_id, keys=keys, actions=actions, download=download, progress=progress)
        return cls(episodes, config, space=space)

    @classmethod
    def from_lerobot(
        cls,
        folder: str | Path,
        config: TrajectoryConfig | None = None,
        *,
        keys: tuple[str, ...] = ("observation.state",),
        space: StateSpace | None = None,
        progress: bool | None = None,
    ) -> "TrajectoryDataset":
        """Windows of a data set in LeRobot's format; see `read_lerobot`."""
        return cls(read_lerobot(folder, keys=keys, progress=progress), config, space=space)

    def at(self, slot: HasIndices) -> VectorBatch:
        """The batch of a training slot, a pure function of it; see `IndexedDataset.at` and `TrajectoryConfig`."""
        return vary(super().at(slot), slot.indices, self.config, positions=self.states.positions)

    def held_out(self) -> "TrajectoryDataset":
        """The windows of the episodes that are held out, with the same states and horizon.

        Raises:
            ValueError: if no episode is held out, or all that are have no window.
        """
        if not self.config.held_out_share:
            raise ValueError("held_out_share must be above 0 for held-out samples, found 0")
        config = replace(self.config, split="held_out", horizon=self.horizon)
        return TrajectoryDataset(self.episodes, config, space=self.states)

    def encoder_config(self) -> VectorEncoderConfig:
        """An encoder for these samples: sizes and normalisers follow from the data, all else is the default."""
        episodes, states = self.episodes, self.states
        chosen = _chosen(episodes, replace(self.config, split="train"))
        centre: tuple[float, ...] = ()
        scale: tuple[float, ...] = ()
        if episodes.context is not None:
            centre, scale = _measured(episodes.context[chosen])
        if self.config.appends_goal:
            like = torch.zeros(1)
            centre += tuple(states.centres(like)[: states.positions].tolist())
            scale += tuple(states.scales(2, like)[: states.positions].tolist())
        token_centre: tuple[float, ...] = ()
        token_scale: tuple[float, ...] = ()
        if episodes.tokens is not None:
            tokens = episodes.tokens[chosen]
            there = np.ones(tokens.shape[:2], bool) if episodes.visible is None else episodes.visible[chosen]
            token_centre, token_scale = _measured(tokens[there])
        return VectorEncoderConfig(
            positions=states.positions,
            velocities=states.velocities,
            context_size=len(centre),
            context_centre=centre,
            context_scale=scale,
            token_size=len(token_centre),
            token_centre=token_centre,
            token_scale=token_scale,
        )

    def training_data(self) -> TrainingData:
        """The training stream, held-out samples and what decides both, as `fit_keypoints` takes them.

        Held-out samples are spread evenly over all there are, and repeat where these are too few.

        Raises:
            ValueError: if the config's split is "held_out".
        """
        if self.config.split != "train":
            raise ValueError('split must be "train" for a training stream, found "held_out"')
        held_out = self.held_out() if self.config.held_out_share else None

        def samples(count: int) -> VectorBatch:
            dataset = held_out or self.held_out()
            return dataset.batch(np.linspace(0, len(dataset) - 1, count).astype(np.int64))

        settings: dict[str, Any] = {
            "windows": config_to_json(replace(self.config, horizon=self.horizon)),
            "episodes": len(self.episodes),
            "sha256": content_digest({}, self.episodes.arrays()),
        }
        return TrainingData(at=self.at, held_out=samples, settings=settings)

    def _check_options(self) -> None:
        config = self.config
        if config.way_points > self.horizon - 2:
            raise ValueError(
                f"way_points must be at most {self.horizon - 2}, the steps between the ends, "
                f"found {config.way_points}"
            )
        given = config.appends_goal or self.episodes.context is not None or self.episodes.tokens is not None
        if config.drop and not given:
            raise ValueError(f"drop must be 0 where there is neither context nor tokens, found {config.drop}")

    def _make(self, indices: Int64[np.ndarray, " batch"]) -> VectorBatch:
        windows, config = self.windows[indices], self.config
        rows = windows.rows(horizon=self.horizon, frame_skip=config.frame_skip)
        positions = torch.from_numpy(self._rows[rows])
        parts: dict[str, torch.Tensor] = {}
        if config.start:
            parts["start"] = positions[:, 0].clone()
        if config.gives_goal:
            parts["goal"] = positions[:, -1].clone()
        for name in ("context", "tokens", "visible"):
            array = getattr(self.episodes, name)
            if array is not None:
                parts[name] = torch.from_numpy(array[windows.episode])
        if config.appends_goal:
            ends = np.where(windows.backwards, self._starts[windows.episode], self._ends[windows.episode])
            goal = torch.from_numpy(self._rows[ends])
            parts["context"] = torch.cat([parts["context"], goal], dim=1) if "context" in parts else goal
        return VectorBatch(
            condition=VectorCondition(**parts) if parts else VectorCondition.empty(len(indices)),
            trajectory=self.states.with_velocities(positions),
            valid=torch.from_numpy(windows.valid(horizon=self.horizon)) if config.pad else None,
        )


def fit_states(
    episodes: Episodes,
    config: TrajectoryConfig | None = None,
    *,
    velocities: bool = False,
    angles: tuple[int, ...] = (),
    method: Normaliser = "deviation",
) -> StateSpace:
    """The states of episodes, with the normaliser that those of the training split call for; see `StateSpace.fit`.

    Args:
        episodes: whose states.
        config: says which episodes are held out.
        velocities: whether velocities follow positions.
        angles: which positions are angles, in radians.
        method: see `Normaliser`.

    Raises:
        ValueError: if an angle is not among the positions, or no episode is left for training.
    """
    training = _chosen(episodes, replace(config or TrajectoryConfig(), split="train"))
    space = StateSpace(positions=episodes.dim, velocities=velocities, angles=angles)
    return space.fit(episodes.rows_of(training), method=method)


def _measured(rows: Float[np.ndarray, "rows features"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each feature, as the states' normaliser measures them."""
    fitted = StateSpace(positions=rows.shape[1]).fit(rows)
    assert isinstance(fitted.centre, tuple)
    assert isinstance(fitted.scale, tuple)
    return fitted.centre, fitted.scale


def _chosen(episodes: Episodes, config: TrajectoryConfig) -> Bool[np.ndarray, " episodes"]:
    held_out = held_out_episodes(len(episodes), share=config.held_out_share, seed=config.split_seed)
    return held_out if config.split == "held_out" else ~held_out


def _find_horizon(episodes: Episodes, config: TrajectoryConfig) -> int:
    if config.horizon is not None:
        return config.horizon
    taken = states_taken(episodes.lengths, frame_skip=config.frame_skip)
    usable = taken[taken >= 2]
    if not len(usable):
        raise ValueError(f"episodes must have at least 2 states, found at most {taken.max()}")
    return int(usable.max() if config.pad else usable.min())


def _short(episodes: Episodes, config: TrajectoryConfig, horizon: int) -> Bool[np.ndarray, " episodes"]:
    """Episodes that give no window.

    Raises:
        ValueError: if there are some, and the config does not leave them out.
    """
    taken = states_taken(episodes.lengths, frame_skip=config.frame_skip)
    least = 2 if config.pad else horizon
    short: np.ndarray = taken < least
    if short.any() and not config.skip_short:
        episode = int(short.argmax())
        every = f" at every {config.frame_skip} steps" if config.frame_skip > 1 else ""
        ways = "skip_short=True leaves them out" + ("" if config.pad else ", pad=True pads them")
        raise ValueError(
            f"episodes must have at least {least} states{every}, found {taken[episode]} in episode {episode} "
            f"({short.sum()} of {len(episodes)} are too short; {ways})"
        )
    return short
