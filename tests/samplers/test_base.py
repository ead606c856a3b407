import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from anchordiff.samplers import DDIMSampler, DDPMSampler, ElementNoise, FlowSampler, Sampler, time_grid
from anchordiff.schedules import Cosine, LinearBeta, Rectified, Schedule

SAMPLERS = [
    DDPMSampler(6),
    DDPMSampler(6, variance="large", spacing="quadratic"),
    DDIMSampler(6),
    DDIMSampler(6, eta=0.7, spacing="sqrt"),
    FlowSampler(6),
    FlowSampler(6, method="heun"),
]
samplers = pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
schedules = pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Rectified()], ids=repr)


def denoise(x_t: Tensor, t: Tensor) -> Tensor:
    """A denoiser without meaning, whose output depends on all of its input."""
    return torch.tanh(0.7 * x_t.flip(-1) + t.reshape(-1, 1, 1))


def start(batch: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(batch, 5, 2, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(steps=st.integers(1, 50), spacing=st.sampled_from(["linear", "quadratic", "sqrt"]))
def test_times_fall_from_one_to_zero(steps: int, spacing: str):
    times = time_grid(steps, spacing)
    assert times.shape == (steps + 1,)
    assert times[0] == 1.0
    assert times[-1] == 0.0
    assert (times.diff() < 0.0).all()
    power = {"linear": 1.0, "quadratic": 0.5, "sqrt": 2.0}[spacing]
    torch.testing.assert_close(times.pow(power), torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64))


@samplers
@schedules
def test_known_entries_are_exact(sampler: Sampler, schedule: Schedule, generator: torch.Generator):
    known = start(3, seed=1)

    def project(x_0: Tensor) -> Tensor:
        x_0 = x_0.clone()
        x_0[:, [0, -1]] = known[:, [0, -1]]
        return x_0

    estimates = []
    x_0 = sampler(
        denoise,
        start(3),
        schedule,
        project=project,
        generator=generator,
        callback=lambda step, t, x_t, x_0: estimates.append(x_0),
    )
    for value in [x_0, *estimates]:
        assert torch.equal(value[:, [0, -1]], known[:, [0, -1]])
    assert x_0.isfinite().all()


@schedules
@pytest.mark.parametrize("sampler", [DDIMSampler(6), FlowSampler(6, method="heun")], ids=repr)
def test_state_of_known_entries_is_their_value_plus_noise(sampler: Sampler, schedule: Schedule):
    known, x_1, states = 2.5, start(2, dtype=torch.float64), []
    sampler(
        denoise,
        x_1,
        schedule,
        project=lambda x_0: torch.full_like(x_0, known),
        callback=lambda step, t, x_t, x_0: states.append((t, x_t)),
    )
    alpha_1, sigma_1 = schedule(torch.ones((), dtype=torch.float64))
    for t, x_t in states:
        alpha, sigma = schedule(torch.tensor(t, dtype=torch.float64))
        torch.testing.assert_close(x_t, alpha * known + sigma * (x_1 - alpha_1 * known) / sigma_1)


@samplers
@schedules
def test_batch_split_does_not_matter(sampler: Sampler, schedule: Schedule):
    x_1 = start(5, dtype=torch.float64)
    whole = sampler(denoise, x_1, schedule, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    parts = [sampler(denoise, part, schedule, generator=generator) for part in (x_1[:2], x_1[2:])]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0.0, atol=1e-14)
    noise = ElementNoise.draw(5, generator=torch.Generator().manual_seed(3))
    one = sampler(denoise, x_1[4:], schedule, noise=ElementNoise(noise.seeds[4:]))
    torch.testing.assert_close(one, whole[4:], rtol=0.0, atol=1e-14)


@samplers
def test_generator_decides_alone(sampler: Sampler):
    x_1 = start(2)
    first, again, other = (
        sampler(denoise, x_1, Cosine(), generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert torch.equal(first, other) is not sampler.is_stochastic


@samplers
def test_global_randomness_is_left_alone(sampler: Sampler, generator: torch.Generator):
    before = torch.random.get_rng_state()
    sampler(denoise, start(2), Cosine(), generator=generator)
    assert torch.equal(torch.random.get_rng_state(), before)


@samplers
def test_callback_sees_every_step(sampler: Sampler, generator: torch.Generator):
    seen = []
    x_1 = start(2)
    x_0 = sampler(denoise, x_1, Rectified(), generator=generator, callback=lambda *args: seen.append(args))
    assert [step for step, *_ in seen] == list(range(sampler.steps))
    assert [t for _, t, *_ in seen] == time_grid(sampler.steps, sampler.spacing)[:-1].tolist()
    assert torch.equal(seen[0][2], x_1)
    assert torch.equal(seen[-1][3], x_0)
    for _, t, x_t, x_0 in seen:
        torch.testing.assert_close(x_0, denoise(x_t, torch.full((2,), t)))


@samplers
@schedules
def test_a_single_step_is_one_estimate(sampler: Sampler, schedule: Schedule):
    sampler = type(sampler)(1)
    assert torch.equal(sampler(denoise, start(2), schedule), denoise(start(2), torch.ones(2)))


@samplers
def test_data_in_one_point_is_found(sampler: Sampler, generator: torch.Generator):
    x_0 = sampler(lambda x_t, t: torch.full_like(x_t, 3.0), start(2), LinearBeta(), generator=generator)
    assert torch.equal(x_0, torch.full_like(x_0, 3.0))


@schedules
@pytest.mark.parametrize("spacing", ["linear", "quadratic", "sqrt"])
def test_euler_is_deterministic_ddim(schedule: Schedule, spacing: str):
    x_1 = start(2, dtype=torch.float64)
    euler = FlowSampler(9, spacing=spacing)(denoise, x_1, schedule)
    torch.testing.assert_close(euler, DDIMSampler(9, spacing=spacing)(denoise, x_1, schedule))


@schedules
@pytest.mark.parametrize("spacing", ["linear", "quadratic", "sqrt"])
def test_full_eta_is_ancestral(schedule: Schedule, spacing: str):
    x_1, noise = start(2, dtype=torch.float64), ElementNoise(torch.tensor([5, 6]))
    ancestral = DDPMSampler(9, spacing=spacing)(denoise, x_1, schedule, noise=noise)
    implicit = DDIMSampler(9, eta=1.0, spacing=spacing)(denoise, x_1, schedule, noise=noise)
    torch.testing.assert_close(implicit, ancestral)


@samplers
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_dtypes(sampler: Sampler, dtype: torch.dtype, generator: torch.Generator):
    times = []

    def recorded(x_t: Tensor, t: Tensor) -> Tensor:
        times.append(t)
        return denoise(x_t, t).to(x_t.dtype)

    x_0 = sampler(recorded, start(2, dtype=dtype), Cosine(), generator=generator)
    assert x_0.dtype == dtype
    expected = torch.float64 if dtype == torch.float64 else torch.float32
    assert all(t.dtype == expected and t.shape == (2,) for t in times)


@samplers
def test_gradients_flow(sampler: Sampler, generator: torch.Generator):
    x_1 = start(1).requires_grad_()
    sampler(denoise, x_1, Cosine(), generator=generator).sum().backward()
    assert x_1.grad is not None
    assert x_1.grad.isfinite().all()
    assert x_1.grad.abs().max() > 0.0


@samplers
def test_empty_batch(sampler: Sampler, generator: torch.Generator):
    assert sampler(denoise, start(0), Cosine(), generator=generator).shape == (0, 5, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DDIMSampler(0), "steps must be an integer of at least 1, found 0"),
        (lambda: DDPMSampler(2.5), "steps must be an integer, found 2.5"),
        (lambda: FlowSampler(steps=True), "steps must be an integer, found True"),
        (lambda: FlowSampler(3, spacing="cubic"), "'linear', 'quadratic', 'sqrt', found 'cubic'"),
        (lambda: DDIMSampler(3, eta=1.5), r"eta must be in \[0, 1\], found 1.5"),
        (lambda: DDIMSampler(3, eta=float("nan")), r"eta must be in \[0, 1\], found nan"),
        (lambda: DDPMSampler(3, variance="huge"), "variance must be one of 'small', 'large', found 'huge'"),
        (lambda: FlowSampler(3, method="rk4"), "method must be one of 'euler', 'heun', found 'rk4'"),
    ],
)
def test_construction_errors(make, message: str, unchecked: None):
    with pytest.raises(ValueError, match=message):
        make()


class Reversed(Schedule):
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return t, 1.0 - t


def test_call_errors(generator: torch.Generator, unchecked: None):
    sampler, x_1, schedule = DDPMSampler(3), start(2), Cosine()
    with pytest.raises(
        ValueError,
        match=r"x_1 must be a floating-point tensor of shape \(batch, ...\), found torch.int64 \(2, 1\)",
    ):
        sampler(denoise, torch.zeros(2, 1, dtype=torch.int64), schedule)
    with pytest.raises(ValueError, match=r"found torch.float32 \(\)"):
        sampler(denoise, torch.zeros(()), schedule)
    with pytest.raises(ValueError, match="generator and noise must not be given together"):
        sampler(denoise, x_1, schedule, generator=generator, noise=ElementNoise.draw(2))
    with pytest.raises(ValueError, match=r"denoise must return .* \(2, 5, 2\), found \(2, 5, 1\)"):
        sampler(lambda x_t, t: x_t[..., :1], x_1, schedule)
    with pytest.raises(ValueError, match=r"project must return .* \(2, 5, 2\), found \(2, 4, 2\)"):
        sampler(denoise, x_1, schedule, project=lambda x_0: x_0[:, 1:])
    with pytest.raises(ValueError, match=r"alpha 1 and sigma 0 at t = 0, found 0.0 and 1.0"):
        sampler(denoise, x_1, Reversed())
