# ruff: noqa: D103
"""Tests of what the arm's networks and judge stand on: `pytest examples/arm`; they need PyBullet."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

pytest.importorskip("pybullet")

from judge import ArmJudge
from kinematics import panda
from measures import depths, measure
from stream import Varied
from tasks import draw_task
from world import ArmWorld

from anchordiff.data.slot import Slot
from anchordiff.domains.vector import TrajectoryConfig, TrajectoryDataset, VectorCondition
from anchordiff.states import StateSpace

_SEED = 7


@pytest.fixture(scope="module")
def world() -> Iterator[ArmWorld]:
    with ArmWorld() as made:
        yield made


@pytest.fixture(scope="module")
def some(world: ArmWorld) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States of three worlds, twenty each, and their spheres."""
    generator = np.random.default_rng(_SEED)
    tasks = [draw_task(world, _SEED, index) for index in range(3)]
    q = generator.uniform(world.lower, world.upper, size=(3, 20, 7)).astype(np.float32)
    tokens, there = (np.stack([getattr(task, name)() for task in tasks]) for name in ("tokens", "token_mask"))
    return torch.from_numpy(q), torch.from_numpy(tokens), torch.from_numpy(there)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_kinematics_is_that_of_pybullet(world: ArmWorld, dtype: torch.dtype) -> None:
    for q in np.random.default_rng(_SEED).uniform(world.lower, world.upper, size=(50, 7)):
        frames = np.array(world.link_frames(q.tolist()))
        pose = panda().pose(torch.tensor(q, dtype=dtype)[None])
        np.testing.assert_allclose(pose.origins[0].numpy(), frames[:, :3, 3], atol=1e-5)
        np.testing.assert_allclose(pose.axes[0].numpy(), frames[1:, :3, 2], atol=1e-5)


def test_covering_spheres_say_what_is_free_to_a_few_centimetres(world: ArmWorld) -> None:
    task = draw_task(world, _SEED, 0)
    q = np.random.default_rng(_SEED).uniform(world.lower, world.upper, size=(600, 7)).astype(np.float32)
    made = measure(q, task.tokens()[None], task.token_mask()[None])
    gap = np.minimum(made.around.min(axis=1), made.folded.min(axis=1))
    free = np.array([world.is_free(row.tolist()) for row in q])
    assert free[gap > 0.012].all()
    assert not free[gap < -0.06].any()


def test_kernel_is_the_twin_in_torch(some: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    q, spheres, there = some
    arm = panda()
    pose = arm.pose(q.double())
    around, folded = arm.to_obstacles(pose, spheres.double()[:, None], there[:, None]), arm.to_itself(pose)
    parts = [arm.slopes(pose, near, group) for near, group in ((around, arm.to_hit), (folded, arm.to_fold))]
    made = measure(q.reshape(-1, 7).numpy(), spheres.numpy(), there.numpy())
    for found, wanted in (
        (made.around, around.distance),
        (made.folded, folded.distance),
        (made.least, torch.cat([least for least, _ in parts], dim=-1)),
        (made.slopes, torch.cat([slopes for _, slopes in parts], dim=-2)),
    ):
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted.numpy(), atol=2e-4)


def test_depths_have_the_gradient_of_the_twin(some: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    q, spheres, there = some
    arm = panda()
    slow = q.double().requires_grad_()
    pose = arm.pose(slow)
    around = arm.to_obstacles(pose, spheres.double()[:, None], there[:, None]).distance
    wanted = sum(
        (deep + deep.square()).sum(dim=-1)
        for deep in ((0.01 - around).relu() / 0.05, (-0.012 - arm.to_itself(pose).distance).relu() / 0.05)
    )
    quick = q.clone().requires_grad_()
    found = depths(quick, spheres, there, margin=0.01, fold=-0.012, unit=0.05)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-3, atol=1e-3)
    (slope,) = torch.autograd.grad(wanted.sum(), slow)
    (own,) = torch.autograd.grad(found.sum(), quick)
    torch.testing.assert_close(own.double(), slope, rtol=1e-3, atol=1e-3 * float(slope.abs().max()))


def test_changed_samples_are_a_function_of_the_slot_and_stay_free(world: ArmWorld) -> None:
    tasks = [draw_task(world, _SEED, index) for index in range(12)]
    lines = np.stack([np.linspace(task.start, task.goal, 16) for task in tasks])
    kept = []
    for task, line in zip(tasks, lines, strict=True):
        world.set_spheres(task.centres, task.radii)
        kept.append(world.path_is_free(line, margin=0.02))
    rows = np.flatnonzero(kept)
    dataset = TrajectoryDataset.from_arrays(
        lines[rows],
        TrajectoryConfig(held_out_share=0.0),
        tokens=np.stack([tasks[row].tokens() for row in rows]),
        visible=np.stack([tasks[row].token_mask() for row in rows]),
        space=StateSpace(positions=7),
    )
    stream, slot = Varied(dataset=dataset), Slot(step=3, batch_size=24)
    batch, again = stream.at(slot), stream.at(slot)
    assert torch.equal(batch.trajectory, again.trajectory)
    assert batch.condition.tokens is not None
    judge = ArmJudge()
    assert judge.free(batch.condition, batch.trajectory.numpy()).mean() > 0.9


def test_judge_takes_the_shortest_that_is_free(world: ArmWorld) -> None:
    task = next(
        task
        for task in (draw_task(world, _SEED, index) for index in range(40))
        if world.path_is_free(np.stack([task.start, task.goal]))
    )
    condition = VectorCondition(
        start=torch.from_numpy(task.start)[None],
        goal=torch.from_numpy(task.goal)[None],
        tokens=torch.from_numpy(task.tokens())[None],
        visible=torch.from_numpy(task.token_mask())[None],
    )
    line = torch.lerp(
        *(torch.from_numpy(end) for end in (task.start, task.goal)), torch.linspace(0, 1, 8)[:, None]
    )
    beyond = line.clone()
    beyond[4] += 9.0
    choice = ArmJudge().choose(condition, torch.stack([beyond, line]))
    assert choice.index.tolist() == [1]
    assert choice.valid.tolist() == [True]
