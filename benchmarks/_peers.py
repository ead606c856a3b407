"""The planning benchmark's peer: diffusion over whole trajectories with diffusers' U-Net and schedulers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet1DModel
from torch import Tensor, nn

TRAIN_STEPS = 256


def diffuser_unet(dim: int) -> UNet1DModel:
    """The temporal U-Net of Diffuser (Janner et al. 2022) for Maze2D, with 3.68 M parameters.

    Channels 32, 128, 256 (the paper's width 32 with multipliers 1, 4, 8), convolutions of width 5, group norm
    and Mish, in the blocks that diffusers made for Diffuser's checkpoints.

    Args:
        dim: numbers a step.
    """
    channels = (32, 128, 256)
    return UNet1DModel(
        sample_size=65536,
        in_channels=dim,
        out_channels=dim,
        block_out_channels=channels,
        down_block_types=("DownResnetBlock1D",) * len(channels),
        mid_block_type="MidResTemporalBlock1D",
        up_block_types=("UpResnetBlock1D",) * (len(channels) - 1),
        out_block_type="OutConv1DBlock",
        layers_per_block=1,
        norm_num_groups=8,
        act_fn="mish",
        time_embedding_type="positional",
        use_timestep_embedding=True,
        flip_sin_to_cos=False,
        freq_shift=1,
        downsample_each_block=False,
    )


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A sampler over whole trajectories, ends pinned at each step as Diffuser does.

    Attributes:
        name: what tables call it.
        network: noise estimate of (states, time), compiled or not.
        scheduler: diffusers' scheduler, its steps set.
        start: first positions, (batch, dim).
        goal: last positions.
        horizon: steps of a trajectory.
    """

    name: str
    network: Callable[..., tuple[Tensor]]
    scheduler: DDPMScheduler | DDIMScheduler
    start: Tensor
    goal: Tensor
    horizon: int

    @property
    def steps(self) -> int:
        """Steps of a whole sampling run."""
        return len(self.scheduler.timesteps)

    @torch.inference_mode()
    def run(self, steps: int) -> Tensor:
        """Take the first `steps` steps; each does the same work."""
        x = torch.randn(*self.start.shape, self.horizon, device=self.start.device)
        for t in self.scheduler.timesteps[:steps]:
            x[:, :, 0], x[:, :, -1] = self.start, self.goal
            (noise,) = self.network(x, t, return_dict=False)
            x = self.scheduler.step(noise, t, x, return_dict=False)[0]
        return x


def make_peers(network: nn.Module, start: Tensor, goal: Tensor, *, horizon: int) -> list[Peer]:
    """Diffuser's own sampler, and the fewer steps that DDIM allows with the same network."""
    options = {"num_train_timesteps": TRAIN_STEPS, "beta_schedule": "squaredcos_cap_v2", "clip_sample": True}
    peers = []
    for name, scheduler, steps in (
        ("DDPM", DDPMScheduler(**options), TRAIN_STEPS),
        ("DDIM", DDIMScheduler(**options), 20),
    ):
        scheduler.set_timesteps(steps)
        peers.append(
            Peer(
                name=f"U-Net {name} {steps}",
                network=network,
                scheduler=scheduler,
                start=start,
                goal=goal,
                horizon=horizon,
            )
        )
    return peers
