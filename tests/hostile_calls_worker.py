"""Calls public functions with arguments of all kinds, and tells of every error that is not a clear refusal.

    python hostile_calls_worker.py CALLS SEED

Each call is a good one but for one or two of its arguments. It may work, or raise a `ValueError` or an error of the
library's own; nothing else. Prints how many calls worked and how many were refused.
"""

import math
import random
import sys
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch

import anchordiff as ad
from anchordiff import masks, samplers, schedules
from anchordiff.domains import maze, vector
from anchordiff.domains.vector.data import TrajectoryConfig, TrajectoryDataset
from anchordiff.errors import AnchorDiffError
from anchordiff.training import (
    Bootstrap,
    DenoiserObjective,
    KeypointObjective,
    RunOptions,
    TrainConfig,
    training_masks,
)

GENERATOR = torch.Generator().manual_seed(0)


def values() -> list[Any]:
    """What nobody would want to be called with."""
    numbers = [
        -1,
        0,
        1,
        2**70,
        -(2**63),
        1.5,
        math.nan,
        math.inf,
        -math.inf,
        True,
        False,
        3 + 4j,
        Fraction(1, 2),
    ]
    things = [None, "x", b"x", "cpu", "flow", object(), lambda *_, **__: 0, masks.Even(3), torch.Generator()]
    collections: list[Any] = [[], [[]], {}, (), set(), (0, 1), (1, 2, 3), range(3)]
    arrays = [
        np.float64(1.0), np.int64(3), np.array(3), np.zeros(0), np.zeros((2, 2)), np.zeros((1, 3, 2)),
        np.full((1, 3, 2), np.nan), np.zeros((3, 3), ">f4"), np.array([object()]), np.zeros((2, 3, 4), complex),
        np.zeros((2, 5), np.uint8), np.array(["a"]),
    ]  # fmt: skip
    tensors = [
        torch.tensor(1.0), torch.zeros(0), torch.zeros(2), torch.zeros(2, 2), torch.zeros(1, 3, 2),
        torch.full((2, 4, 2), math.nan), torch.zeros(2, 4, 2, dtype=torch.int64), torch.tensor([[0, 2]]),
        torch.zeros(2, 4, 2, dtype=torch.complex64), torch.ones(2, 5, 5, dtype=torch.bool),
        torch.zeros(2, 4, dtype=torch.uint8), torch.zeros(2, 3, 4, 5), torch.zeros(1, 2, 2, device="meta"),
        torch.zeros(2, 2).to_sparse(), torch.zeros(2, 4, 2, dtype=torch.float16),
    ]  # fmt: skip
    return [*numbers, *things, *collections, *arrays, *tensors]


def sampled(kind: Callable[..., samplers.Sampler], schedule: schedules.Schedule) -> Callable[..., Any]:
    """A sampler that is made and called."""
    return lambda x_1, **options: kind(**options)(lambda x_t, t: 0 * x_t, x_1, schedule)


def calls() -> dict[str, tuple[Callable[..., Any], list[Any], dict[str, Any]]]:
    """Good calls: a function, its arguments in order, and those by name."""
    pipe = ad.from_pretrained("particle-maze")
    room = ad.Maze.from_text("#####\n#...#\n#.#.#\n#...#\n#####")
    ends = torch.tensor([[1.5, 1.5]]), torch.tensor([[3.5, 3.5]])
    condition = ad.MazeCondition.from_arrays(room.walls[None], *ends)
    anchors = ad.AnchorSet(torch.tensor([[0, 2, 5]]), horizon=6)
    plane, moving = ad.StateSpace(positions=2), ad.StateSpace(positions=2, velocities=True, angles=(0,))
    episodes = [np.random.default_rng(0).normal(size=(20, 2)) for _ in range(5)]
    recorded = TrajectoryDataset.from_arrays(episodes, TrajectoryConfig(horizon=8))
    particles = maze.ParticleMazeDataset(maze.ParticleMazeConfig(rows=9, cols=9, min_l1=3), size=10)
    keypoints, x = torch.randn(1, 3, 2), torch.randn(2, 8, 2)
    encoder = ad.MazeEncoderConfig(map_channels=4, cell_channels=4, attention_channels=8)
    stage = ad.KeypointDiffusionConfig(
        encoder=encoder, transformer=ad.TransformerConfig(width=8, depth=1, heads=2)
    )
    way = torch.zeros(1, 6, 2)
    options = {"steps": 1, "horizon": 32, "anchors": 4, "generator": GENERATOR}
    return {
        "AnchorSet": (ad.AnchorSet, [torch.tensor([[0, 2]])], {"horizon": 3}),
        "AnchorSet.from_mask": (ad.AnchorSet.from_mask, [torch.ones(1, 4, dtype=torch.bool)], {}),
        "AnchorSet.gather": (anchors.gather, [way], {}),
        "AnchorSet.repeat": (anchors.repeat, [2], {}),
        "interpolate": (ad.interpolate, [keypoints, anchors], {"method": "linear"}),
        "with_velocity": (ad.with_velocity, [x], {}),
        "StateSpace": (
            ad.StateSpace, [],
            {"positions": 2, "velocities": False, "angles": (), "patches": None, "scale": 1.0, "pace": 4},
        ),
        "StateSpace.fit": (plane.fit, [np.random.default_rng(0).normal(size=(5, 2))], {"method": "deviation"}),
        "StateSpace.fill_in": (moving.fill_in, [torch.randn(1, 3, 4), anchors], {}),
        "StateSpace.resample": (moving.resample, [torch.randn(2, 8, 4), 5], {}),
        "StateSpace.with_velocities": (moving.with_velocities, [x], {}),
        "StateSpace.difference": (moving.difference, [x, x], {}),
        "StateSpace.wrap": (moving.wrap, [torch.randn(2, 8, 4)], {}),
        "Maze": (ad.Maze, [np.ones((3, 3), bool)], {}),
        "Maze.from_text": (ad.Maze.from_text, ["###\n#.#\n###"], {}),
        "Maze.shortest_path": (room.shortest_path, [(1.5, 1.5), (3.5, 3.5)], {"connectivity": 8, "clearance": 0.2}),
        "Maze.is_free": (room.is_free, [np.array([[1.5, 1.5]])], {"radius": 0.0}),
        "Maze.collides": (room.collides, [np.array([[1.5, 1.5], [3.5, 1.5]])], {"radius": 0.0}),
        "MazeCondition.from_arrays": (ad.MazeCondition.from_arrays, [room.walls[None], *ends], {}),
        "MazeJudge": (ad.MazeJudge, [], {"clearance": 0.0}),
        "VectorCondition.check": (
            lambda **parts: ad.VectorCondition(**parts).check(), [],
            {
                "start": torch.zeros(2, 2), "goal": torch.zeros(2, 2), "known": torch.zeros(2, 8, 2),
                "is_known": torch.zeros(2, 8, 2, dtype=torch.bool), "context": torch.zeros(2, 3),
                "tokens": torch.zeros(2, 4, 3), "visible": torch.ones(2, 4, dtype=torch.bool),
            },
        ),
        "generate": (
            pipe.generate, [condition],
            {
                **options, "num_samples": 2, "sampler": None, "clamp": "endpoints", "clamp_dims": "position",
                "level": 1, "walk": False, "guidance": None, "batch_size": 2, "callback": None,
            },
        ),
        "plan": (pipe.plan, [condition], {**options, "candidates": 2, "judge": None}),
        "plan of a maze": (pipe.plan, [room, (1.5, 1.5), (3.5, 3.5)], {"candidates": 2, "steps": 1}),
        "is_success": (maze.is_success, [condition, way], {"radius": 0.0, "reach": 0.1}),
        "collision_rate": (maze.collision_rate, [condition, way], {"radius": 0.0}),
        "diversity": (maze.diversity, [torch.zeros(1, 3, 6, 2)], {}),
        "ways": (maze.ways, [condition, torch.zeros(1, 3, 6, 2)], {}),
        "wall_distance": (maze.wall_distance, [torch.ones(1, 5, 5, dtype=torch.bool), way], {}),
        "path_length": (maze.path_length, [x], {}),
        "length_ratio": (maze.length_ratio, [x, x], {}),
        "smoothness": (maze.smoothness, [x], {}),
        "find_suite": (maze.find_suite, ["particle-21"], {}),
        "ParticleMazeConfig": (
            maze.ParticleMazeConfig, [],
            {
                "kind": "random", "rows": 9, "cols": 9, "density": (0.1, 0.2), "min_l1": 3, "horizon": 16, "dim": 2,
                "expert": "smooth", "clearance": 0.2, "seed": 0, "split": "train",
            },
        ),
        "SymmetricWallConfig": (maze.SymmetricWallConfig, [], {"side": 21, "horizon": 16, "dim": 2, "seed": 0}),
        "ParticleMazeDataset.batch": (particles.batch, [[0, 1]], {}),
        "TrajectoryConfig": (
            TrajectoryConfig, [],
            {"horizon": 8, "stride": 1, "frame_skip": 1, "goal": "window", "drop": 0.0, "way_points": 0, "seed": 0},
        ),
        "TrajectoryDataset.from_arrays": (TrajectoryDataset.from_arrays, [episodes], {}),
        "TrajectoryDataset.batch": (recorded.batch, [[0, 1]], {}),
        "TrainConfig": (
            TrainConfig, [],
            {"steps": 5, "batch_size": 4, "learning_rate": 1e-3, "warmup_steps": 1, "precision": "fp32"},
        ),
        "RunOptions": (RunOptions, [], {"log_every": 1, "save_every": 1, "best": "loss", "max_seconds": 1.0}),
        "Bootstrap": (Bootstrap, [], {"start": 0.0, "end": 0.5, "warmup_steps": 5, "tolerance": 1.0}),
        "KeypointObjective": (KeypointObjective, [], {"repeats": 1, "masks": None, "terms": {}}),
        "DenoiserObjective": (DenoiserObjective, [], {"sparsest_share": 0.5, "keypoint_noise": 0.1, "horizons": (8,)}),
        "training_masks": (training_masks, [4], {"even_share": 0.5}),
        "TransformerConfig": (ad.TransformerConfig, [], {"width": 32, "depth": 1, "heads": 4, "causal": False}),
        "MazeEncoderConfig": (ad.MazeEncoderConfig, [], {"map_channels": 4, "cell_channels": 4, "attention_heads": 2}),
        "VectorEncoderConfig": (vector.VectorEncoderConfig, [], {"positions": 2, "context_size": 1, "width": 8}),
        "KeypointDiffusionConfig": (
            ad.KeypointDiffusionConfig, [],
            {"encoder": encoder, "states": plane, "horizon": 16, "num_keypoints": 4, "schedule": "rectified"},
        ),
        "InterpDenoiserConfig": (
            ad.InterpDenoiserConfig, [],
            {"encoder": encoder, "states": plane, "horizon": 16, "num_levels": 2, "growth": "doubling"},
        ),
        "PipelineConfig": (ad.PipelineConfig, [], {"horizon": 16, "num_keypoints": 4, "steps": 2, "sampler": "flow"}),
        "KeypointDiffusion": (ad.KeypointDiffusion, [stage], {}),
        "TwoStagePipeline": (ad.TwoStagePipeline, [pipe.keypoints, pipe.denoiser, pipe.config], {"judge": None}),
        "from_pretrained": (ad.from_pretrained, ["particle-maze"], {"subfolder": None, "revision": None}),
        "CostGuidance": (ad.CostGuidance, [lambda x: x.sum((1, 2))], {"weight": 1.0}),
        "ClassifierFreeGuidance": (ad.ClassifierFreeGuidance, [2.0], {}),
        "FunctionJudge": (ad.FunctionJudge, [lambda x, _: (x[:, 0, 0] > 0, x[:, 0, 0])], {}),
        "Even": (lambda count: masks.Even(count).sample(2, 8), [4], {}),
        "Even.sample": (masks.Even(3).sample, [2, 8], {"generator": GENERATOR}),
        "Random.sample": (masks.Random(3).sample, [2, 8], {"generator": GENERATOR, "taken": None}),
        "Stride": (masks.Stride, [2], {}),
        "Spaced": (lambda spacing: masks.Spaced(spacing).sample(2, 8), [3], {}),
        "MaxGap": (masks.MaxGap, [3, 4], {}),
        "MaxGap.sample": (masks.MaxGap(4, 4).sample, [2, 12], {}),
        "Mixture": (masks.Mixture, [[(0.5, masks.Even(3)), (0.5, masks.Even(4))]], {}),
        "Jittered": (masks.Jittered, [masks.Even(4), 1], {}),
        "Nested": (masks.Nested, [masks.Even(3), 2], {"growth": "doubling"}),
        "Nested.sample": (masks.Nested(masks.Even(3), 2).sample, [2, 16], {}),
        "Optimal": (lambda *parts: masks.Optimal(*parts).sample(1, 8), [3, torch.randn(1, 8, 2)], {}),
        "TopScore": (lambda *parts: masks.TopScore(*parts).sample(1, 8), [3, torch.randn(1, 8)], {}),
        "FlowSampler": (
            sampled(samplers.FlowSampler, schedules.Rectified()), [x],
            {"steps": 2, "method": "euler", "spacing": "linear"},
        ),
        "DDIMSampler": (sampled(samplers.DDIMSampler, schedules.Cosine()), [x], {"steps": 2, "eta": 0.0}),
        "DDPMSampler": (sampled(samplers.DDPMSampler, schedules.Cosine()), [x], {"steps": 2}),
        "make_schedule": (schedules.make_schedule, ["rectified"], {}),
        "Cosine": (schedules.Cosine(), [torch.rand(3)], {}),
        "LinearBeta": (schedules.LinearBeta, [], {"beta_start": 1e-4, "train_steps": 1000}),
    }  # fmt: skip


def main(count: int, seed: int) -> int:
    """Make the calls; returns how many ended otherwise than they may."""
    warnings.simplefilter("ignore")
    draw, good, pool = random.Random(seed), calls(), values()
    for function, args, named in good.values():
        function(*args, **named)
    worked = refused = wrong = 0
    for _ in range(count):
        name = draw.choice(list(good))
        function, args, named = good[name]
        args, named = list(args), dict(named)
        slots = [*range(len(args)), *named]
        changed = {
            slot: draw.choice(pool) for slot in draw.sample(slots, min(len(slots), draw.choice((1, 1, 2))))
        }
        for slot, value in changed.items():
            if isinstance(slot, int):
                args[slot] = value
            else:
                named[slot] = value
        try:
            function(*args, **named)
            worked += 1
        except (ValueError, AnchorDiffError):
            refused += 1
        except FileNotFoundError:
            refused += name == "from_pretrained"
            wrong += name != "from_pretrained"
        except Exception as error:  # noqa: BLE001
            wrong += 1
            told = {slot: repr(value)[:80] for slot, value in changed.items()}
            sys.stderr.write(f"{name}: {type(error).__name__} {str(error)[:100]!r} for {told}\n")
    sys.stdout.write(f"{worked} {refused} {wrong}\n")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(*map(int, sys.argv[1:3])), 1))
