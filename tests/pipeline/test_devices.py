"""The same seed means the same plan on every device, in any precision that training uses."""

import copy

import pytest
import torch

from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.training import TrainConfig, train
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective

GPU = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))
DEVICES = pytest.mark.parametrize("device", ["cpu", GPU])


@DEVICES
def test_a_seed_means_the_same_plan_and_trace(pipe, condition, device):
    here = pipe.generate(condition, num_samples=2, generator=torch.Generator().manual_seed(3))
    moved = copy.deepcopy(pipe).to(device)
    there = moved.generate(
        condition.to(device), num_samples=2, return_trace=True, generator=torch.Generator().manual_seed(3)
    )
    assert there.trajectory.device.type == there.trace.keypoints.device.type == device
    torch.testing.assert_close(there.trajectory.cpu(), here.trajectory, atol=1e-2, rtol=0)
    plan = moved.plan(condition.to(device), candidates=3, generator=torch.Generator().manual_seed(3))
    assert plan.valid.device.type == device


@DEVICES
@pytest.mark.parametrize("sampler", ["flow", "heun", "ddim", "ddpm"])
def test_samplers_and_generators_of_the_device(pipe, condition, device, sampler):
    moved = copy.deepcopy(pipe).to(device)
    seeded = [torch.Generator(device).manual_seed(5) for _ in range(2)]
    first, again = (
        moved.generate(condition.to(device), sampler=sampler, walk=True, generator=g) for g in seeded
    )
    assert torch.equal(first.trajectory, again.trajectory)


@DEVICES
def test_the_first_blocks_stay_on_the_device(pipe, device):
    short = copy.deepcopy(pipe.keypoints).to(device).first_blocks(1)
    assert {p.device.type for p in short.parameters()} == {device}


@DEVICES
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("stage", ["keypoints", "denoiser"])
def test_both_stages_train_in_every_precision(new_pipeline, device, precision, stage):
    data = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=11, min_l1=4, horizon=32), geodesic=True)
    model = getattr(new_pipeline(), stage).to(device).train()
    objective = KeypointObjective() if stage == "keypoints" else DenoiserObjective()
    config = TrainConfig(steps=3, batch_size=4, precision=precision, warmup_steps=0)
    steps = list(train(model, lambda slot: data.batch(slot.indices), objective, config))
    assert len(steps) == 3
    assert all(step.loss > 0 for step in steps)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
