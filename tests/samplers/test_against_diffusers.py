"""The samplers take the same steps as diffusers' schedulers, from the same network outputs."""

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
)
from torch import Tensor

from anchordiff.samplers import DDIMSampler, DDPMSampler, FlowSampler, Sampler, time_grid, to_x0
from anchordiff.schedules import Cosine, LinearBeta, Rectified, Schedule

BETAS = {"linear": LinearBeta(), "squaredcos_cap_v2": Cosine()}
NAMES = {"x0": "sample", "eps": "epsilon", "v": "v_prediction"}
# A noise prediction is divided by alpha(1) = 4.9e-5 under the cosine schedule, where ours stops at 1e-3.
CASES = [
    ("linear", "x0"),
    ("linear", "eps"),
    ("linear", "v"),
    ("squaredcos_cap_v2", "x0"),
    ("squaredcos_cap_v2", "v"),
]
cases = pytest.mark.parametrize(("betas", "prediction"), CASES)


def network(x_t: Tensor, t: Tensor) -> Tensor:
    return torch.tanh(0.7 * x_t.flip(-1) + 2.0 * t.reshape(-1, 1, 1))


def start() -> Tensor:
    return torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))


def noise_of(generator: torch.Generator):
    return lambda step, like: torch.randn(like.shape, generator=generator)


def states(sampler: Sampler, schedule: Schedule, prediction: str, noise=None) -> list[Tensor]:
    """Every state of a run, the first and the last included."""

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        return to_x0(network(x_t, t), x_t, *schedule(t), prediction)

    seen: list[Tensor] = []
    x_0 = sampler(denoise, start(), schedule, noise=noise, callback=lambda *args: seen.append(args[2]))
    return [*seen, x_0]


def expect_same(ours: list[Tensor], theirs: list[Tensor]) -> None:
    # diffusers holds its schedule as a float32 product of 1000 factors: that is what limits the agreement.
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=5e-4, atol=5e-4)


def scheduler_states(scheduler, *, generator: torch.Generator, **options: object) -> list[Tensor]:
    x_t = start()
    seen = [x_t]
    for i in scheduler.timesteps:
        raw = network(x_t, ((i + 1) / 1000).expand(len(x_t)))
        x_t = scheduler.step(raw, i, x_t, **options, generator=generator).prev_sample
        seen.append(x_t)
    return seen


@cases
@pytest.mark.parametrize(("variance", "name"), [("small", "fixed_small"), ("large", "fixed_large")])
@pytest.mark.parametrize("steps", [20, 100])
def test_ddpm(betas: str, prediction: str, variance: str, name: str, steps: int):
    scheduler = DDPMScheduler(
        beta_schedule=betas,
        prediction_type=NAMES[prediction],
        variance_type=name,
        clip_sample=False,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(steps)
    theirs = scheduler_states(scheduler, generator=torch.Generator().manual_seed(1))
    noise = noise_of(torch.Generator().manual_seed(1))
    ours = states(DDPMSampler(steps, variance=variance), BETAS[betas], prediction, noise)
    if steps < 1000 and variance == "large":
        # With skipped steps diffusers adds the large noise to the final sample as well; we never do.
        ours, theirs = ours[:-1], theirs[:-1]
    expect_same(ours, theirs)


# At eta = 1 and almost no signal, rounding decides whether diffusers takes the root of a negative number.
@cases
@pytest.mark.parametrize("eta", [0.0, 0.4, 0.999])
@pytest.mark.parametrize("steps", [5, 50])
def test_ddim_with_trailing_spacing(betas: str, prediction: str, eta: float, steps: int):
    scheduler = DDIMScheduler(
        beta_schedule=betas,
        prediction_type=NAMES[prediction],
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(steps)
    theirs = scheduler_states(scheduler, generator=torch.Generator().manual_seed(1), eta=eta)
    noise = noise_of(torch.Generator().manual_seed(1))
    expect_same(states(DDIMSampler(steps, eta=eta), BETAS[betas], prediction, noise), theirs)


def velocity(x_t: Tensor, sigma: Tensor) -> Tensor:
    """What a flow network outputs where ours gives x_0: eps - x_0 on the straight path."""
    t = sigma.expand(len(x_t))
    alpha, noise_level = Rectified()(t)
    return (x_t - to_x0(network(x_t, t), x_t, alpha, noise_level, "v")) / sigma


@pytest.mark.parametrize("spacing", ["linear", "quadratic", "sqrt"])
@pytest.mark.parametrize("sampler", [FlowSampler, DDIMSampler])
def test_flow_matching_euler(spacing: str, sampler: type[FlowSampler] | type[DDIMSampler]):
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=time_grid(20, spacing)[:-1].tolist())
    x_t = start()
    theirs = [x_t]
    for i, sigma in zip(scheduler.timesteps, scheduler.sigmas[:-1], strict=True):
        x_t = scheduler.step(velocity(x_t, sigma), i, x_t).prev_sample
        theirs.append(x_t)
    expect_same(states(sampler(20, spacing=spacing), Rectified(), "v"), theirs)


def test_flow_matching_heun():
    # On a grid of 20 training steps, 20 steps of this scheduler have our linear spacing.
    scheduler = FlowMatchHeunDiscreteScheduler(num_train_timesteps=20)
    scheduler.set_timesteps(20)
    x_t = start()
    theirs = [x_t]
    for i in scheduler.timesteps:
        at_end_of_step = scheduler.state_in_first_order
        x_t = scheduler.step(velocity(x_t, i / 20), i, x_t).prev_sample
        if not at_end_of_step or i == scheduler.timesteps[-1]:
            theirs.append(x_t)
    expect_same(states(FlowSampler(20, method="heun"), Rectified(), "v"), theirs)
