"""Make a Minari data set of MuJoCo's swimmer in random gaits, through Minari's own client.

MINARI_DATASETS_PATH=runs/minari python examples/minari/make_data.py
"""

import hashlib
import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import gaits
import gymnasium
import minari
import numpy as np
import tyro
from gaits import Swimmer
from numpy.typing import NDArray

from anchordiff.domains.pointmaze.data.local_minari import add_namespace, check_id, find_root, minari_root
from anchordiff.files import claimed, replacing
from anchordiff.progress import progress_bar

ENVIRONMENT: Final = "Swimmer-v5"
SHARD: Final = 20  # episodes that are simulated between two files
_KEY: Final = "anchordiff"  # of the metadata, for what decided the data

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class MakeData:
    """Simulate episodes and write them as a Minari data set, in the folder that `MINARI_DATASETS_PATH` names.

    The data set appears when it is whole. Until then its episodes lie in a hidden folder beside it, and a call that
    was stopped goes on where it was. Each episode is a function of the seed and its number.

    Attributes:
        episodes: how many.
        steps: of an episode, of 0.04 seconds each; it has one observation more.
        seed: decides all of it.
        id: of the data set.
    """

    episodes: int = 400
    steps: int = 400
    seed: int = 0
    id: str = "anchordiff/swimmer/gaits-v0"

    def execute(self) -> None:
        """Make the data set, or what is missing of it."""
        for name, least in (("episodes", 1), ("steps", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} must be at least {least}, found {getattr(self, name)}")
        check_id(self.id)
        root = find_root(None)
        if (root / self.id).exists():
            self._check_found(root)
            sys.stdout.write(f"{self.id} is there already, in {root}\n")
            return
        hidden = root / ".anchordiff" / self.id.replace("/", "__")
        hidden.mkdir(parents=True, exist_ok=True)
        with claimed(hidden / "lock") as lock:
            if lock is None:
                raise ValueError(f"--id must be free, found another process making {self.id} in {hidden}")
            parts = [self._shard(hidden, first) for first in range(0, self.episodes, SHARD)]
            self._write(hidden / "minari", parts)
            (root / self.id).parent.mkdir(parents=True, exist_ok=True)
            (hidden / "minari" / self.id).replace(root / self.id)
        add_namespace(root, self.id)
        shutil.rmtree(hidden)
        sys.stdout.write(f"{self.id}: {self.episodes} episodes of {self.steps} steps, in {root}\n")

    def _made_by(self) -> dict[str, Any]:
        """What decides the data; the same call with other versions makes other data."""
        settings = {name: value for name, value in vars(gaits).items() if name.isupper()}
        packages = {name: version(name) for name in ("gymnasium", "mujoco", "numpy")}
        return {"environment": ENVIRONMENT, **asdict(self), "gaits": _plain(settings), "versions": packages}

    def _check_found(self, root: Path) -> None:
        with minari_root(root):
            found = minari.load_dataset(self.id).storage.metadata.get(_KEY)
        if found != self._made_by():
            raise ValueError(f"--id must be free or of the same call, found {self.id} made by {found}")

    def _shard(self, folder: Path, first: int) -> list[Arrays]:
        """The episodes from a number on: read, or simulated and written."""
        made_by = self._made_by()
        path = folder / f"{first:06d}-{_digest(made_by)}.npz"
        numbers = range(first, min(first + SHARD, self.episodes))
        if not path.exists():
            shown = progress_bar(
                f"simulate from {first}", "episode", shown=None, total=len(numbers), over=numbers
            )
            made = [simulate(self.seed, number, steps=self.steps) for number in shown]
            with replacing(path) as file:
                np.savez(
                    file,
                    allow_pickle=False,
                    **{key: np.stack([each[key] for each in made]) for key in made[0]},
                )
        with np.load(path) as arrays:
            read = dict(arrays)
        return [{key: rows[place] for key, rows in read.items()} for place in range(len(numbers))]

    def _write(self, staging: Path, shards: list[list[Arrays]]) -> None:
        """Give all episodes to Minari, in a folder of its own."""
        shutil.rmtree(staging, ignore_errors=True)
        environment = gymnasium.make(ENVIRONMENT, max_episode_steps=self.steps)
        with minari_root(staging), warnings.catch_warnings():
            # Nobody's address and no link is claimed.
            warnings.filterwarnings("ignore", message=r"`(code_permalink|author_email)` is set to None")
            dataset = minari.create_dataset_from_buffers(
                self.id,
                self._buffers(shards),
                env=environment,
                eval_env=environment,
                algorithm_name="travelling waves of random gaits, followed by a PD controller",
                author="anchordiff",
                description=f"MuJoCo's swimmer in {self.episodes} episodes of random gaits that change on the way.",
                data_format="hdf5",
                requirements=[f"mujoco=={version('mujoco')}"],
            )
        environment.close()
        dataset.storage.update_metadata({_KEY: self._made_by()})

    def _buffers(self, shards: list[list[Arrays]]) -> Iterator[Any]:
        rows = [episode for shard in shards for episode in shard]
        for number, episode in enumerate(
            progress_bar("write", "episode", shown=None, total=len(rows), over=rows)
        ):
            yield minari.data_collector.EpisodeBuffer(
                id=number,
                seed=episode_seed(self.seed, number),
                terminations=np.zeros(self.steps, bool),
                truncations=np.arange(self.steps) == self.steps - 1,
                **episode,
            )


def episode_seed(seed: int, number: int) -> int:
    """What the environment of an episode is reset with."""
    return int(np.random.default_rng([seed, number, 1]).integers(2**31))


def simulate(seed: int, number: int, *, steps: int) -> Arrays:
    """One episode.

    Args:
        seed: of the data set.
        number: of the episode.
        steps: of the environment.

    Returns:
        observations (steps + 1, 8), actions (steps, 2), rewards (steps,).
    """
    environment = gymnasium.make(ENVIRONMENT, max_episode_steps=steps)
    swimmer = Swimmer(np.random.default_rng([seed, number]), dt=environment.get_wrapper_attr("dt"))
    observation, _ = environment.reset(seed=episode_seed(seed, number))
    observations, actions, rewards = [observation], [], []
    for _ in range(steps):
        actions.append(swimmer.torques(observation))
        observation, reward, *_ = environment.step(actions[-1])
        observations.append(observation)
        rewards.append(float(reward))
    environment.close()
    return {
        "observations": np.array(observations),
        "actions": np.array(actions),
        "rewards": np.array(rewards),
    }


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def _digest(made_by: dict[str, Any]) -> str:
    """What decides the data, in a few letters."""
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    tyro.cli(MakeData, description=__doc__).execute()
