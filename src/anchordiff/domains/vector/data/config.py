"""What decides the samples that are taken from recorded trajectories."""

from dataclasses import dataclass
from typing import Literal, get_args

from anchordiff.checks import check_choice, check_integer, check_rules
from anchordiff.configs import exact

Split = Literal["train", "held_out"]
"""Samples to learn from, or those of episodes that training never sees."""

Goal = Literal["window", "episode"]
"""Where a sample's goal is taken from: the last state of its window, or that of its whole episode."""


@dataclass(frozen=True, kw_only=True)
@exact
class TrajectoryConfig:
    """What decides every sample of a `TrajectoryDataset`, beside the episodes.

    A sample is a window: `horizon` states of one episode, each `frame_skip` recorded steps after the one before.

    With the goal `window` the last state of the window is the condition's `goal`, which pins the end of what is
    generated. With the goal `episode` the window ends before that is reached, so nothing is pinned; the positions of
    the episode's last state are appended to `context` instead, in their own units, and so has a user of the trained
    model to append them. (Of a window read backwards, `reverse`, that is the episode's first state.)

    Training sees only a part of what is known of some samples, so that a model can do without: `drop`, `drop_ends` and
    `way_points` say how often. These are drawn in the training stream alone (`TrajectoryDataset.at`), for each sample
    anew from its place in the stream and `seed`. Samples by index, and with them all that are held out, are whole:
    they are measured again and again, and two measurements should differ by the model alone.

    Attributes:
        horizon: states of a sample; none for as many as every episode has (as the longest one has, with `pad`).
        stride: recorded steps from the beginning of a window to that of the next one in the same episode.
        frame_skip: every so manyth recorded step is taken.
        goal: where the goal is taken from.
        start: whether the first position is given.
        end: whether the goal is given.
        pad: fill up episodes that are too short by repeating their last state; `valid` tells what is data.
        skip_short: leave out episodes that are too short; otherwise they are an error.
        reverse: take each window backwards, too, for data that make sense in reversed time (positions alone).
        drop: share of samples without context and tokens, for classifier-free guidance.
        drop_ends: share of samples without a start, and of those without a goal, independent of each other.
        way_points: most random steps between the ends whose positions are given, too.
        way_point_share: share of samples with way points, where there are any.
        split: "held_out" is for evaluation; training refuses it.
        held_out_share: of the episodes that are held out, at least one of them; 0 for none.
        split_seed: of the draw of held-out episodes; not `seed`, so that all orders share a split.
        seed: of the order of training, and of what is drawn in it.

    Raises:
        ValueError: if a value is out of its range.
    """

    horizon: int | None = None
    stride: int = 1
    frame_skip: int = 1
    goal: Goal = "window"
    start: bool = True
    end: bool = True
    pad: bool = False
    skip_short: bool = False
    reverse: bool = False
    drop: float = 0.0
    drop_ends: float = 0.0
    way_points: int = 0
    way_point_share: float = 0.5
    split: Split = "train"
    held_out_share: float = 0.05
    split_seed: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("goal", self.goal, get_args(Goal))
        check_choice("split", self.split, get_args(Split))
        if self.horizon is not None:
            check_integer("horizon", self.horizon, least=2)
        for name, least in (
            ("stride", 1),
            ("frame_skip", 1),
            ("way_points", 0),
            ("split_seed", 0),
            ("seed", 0),
        ):
            check_integer(name, getattr(self, name), least=least)
        rules = {
            name: (0.0 <= getattr(self, name) <= 1.0, "lie in [0, 1]")
            for name in ("drop", "drop_ends", "way_point_share")
        }
        check_rules(self, {**rules, "held_out_share": (0.0 <= self.held_out_share < 1.0, "lie in [0, 1)")})
        if self.drop_ends and not self.start and not self.gives_goal:
            raise ValueError(f"drop_ends must be 0 where no end is given, found {self.drop_ends}")

    @property
    def gives_goal(self) -> bool:
        """Whether samples have their last position as a goal."""
        return self.end and self.goal == "window"

    @property
    def appends_goal(self) -> bool:
        """Whether the episode's last position is a part of the context."""
        return self.end and self.goal == "episode"
