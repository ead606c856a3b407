"""A plan under `torch.compile`: no graph break, and the same result.

In a process of its own: Dynamo cannot follow the shape checks that are on in the tests.
"""

import subprocess
import sys

import torch

from anchordiff.domains.maze.value_iteration import fixed_point

PLANS = """
import warnings

import torch

import anchordiff as ad
from anchordiff.samplers import DDPMSampler, FlowSampler

warnings.filterwarnings("ignore", "Dynamo detected a call to a `functools.lru_cache`")
pipe = ad.TwoStagePipeline.from_pretrained("particle-maze")
held_out = ad.domains.maze.ParticleMazeConfig(split="held_out")
condition = ad.domains.maze.ParticleMazeDataset(held_out).batch(range(2)).condition


def plans():
    samplers = [FlowSampler(2, method="heun"), DDPMSampler(2), FlowSampler(2), FlowSampler(3)]
    return [
        pipe.generate(condition, sampler=sampler, generator=torch.Generator().manual_seed(3)).trajectory
        for sampler in samplers
    ]


expected = plans()
whole = {"backend": "eager", "fullgraph": True, "dynamic": False}
pipe.keypoints.encoder.compile(**whole)
pipe.keypoints.sample = torch.compile(pipe.keypoints.sample, **whole)
pipe.denoiser.compile(**whole)
for found, known in zip(plans(), expected, strict=True):
    torch.testing.assert_close(found, known, rtol=0, atol=1e-3)
"""


def test_encoding_and_sampling_are_one_graph_each():
    subprocess.run([sys.executable, "-c", PLANS], check=True, timeout=300)


def test_value_iteration_is_an_operator_that_torch_can_reason_about():
    distance, costs = torch.rand(1, 2, 3, 4), torch.rand(1, 8, 3, 4) + 0.1
    torch.library.opcheck(torch.ops.anchordiff.fixed_point.default, (distance, costs, 8))
    assert fixed_point(distance, costs).shape == distance.shape
