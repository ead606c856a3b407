import math

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.schedules import Cosine, LinearBeta, Rectified, Schedule, make_schedule

ALL = [LinearBeta(), Cosine(), Rectified(), LinearBeta(beta_start=1e-3, beta_end=0.1, train_steps=200)]
GRID = (torch.arange(1000, dtype=torch.float64) + 1.0) / 1000.0

schedules = pytest.mark.parametrize("schedule", ALL, ids=repr)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@dtypes
@pytest.mark.parametrize(
    ("schedule", "name"), [(LinearBeta(), "linear"), (Cosine(), "squaredcos_cap_v2")], ids=repr
)
def test_grid_is_that_of_diffusers(schedule: Schedule, name: str, dtype: torch.dtype):
    reference = DDPMScheduler(beta_schedule=name, num_train_timesteps=1000).alphas_cumprod
    alpha, sigma = schedule(GRID.to(dtype))
    # The reference is a float32 product of 1000 factors: about 1e-6 is what it can be trusted to.
    torch.testing.assert_close(alpha.square(), reference.to(dtype), atol=1e-6, rtol=0.0)
    torch.testing.assert_close(sigma.square(), 1.0 - reference.to(dtype), atol=1e-6, rtol=0.0)


def test_linear_beta_matches_the_exact_product():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha, _ = LinearBeta()(GRID)
    torch.testing.assert_close(alpha.square(), torch.cumprod(1.0 - betas, 0), atol=0.0, rtol=3e-8)


def test_linear_beta_with_other_ends_matches_the_exact_product():
    betas = torch.linspace(1e-3, 0.1, 200, dtype=torch.float64)
    alpha, _ = ALL[3]((torch.arange(200, dtype=torch.float64) + 1.0) / 200.0)
    torch.testing.assert_close(alpha.square(), torch.cumprod(1.0 - betas, 0), atol=0.0, rtol=1e-5)


def test_cosine_matches_the_exact_product():
    level = torch.cos((torch.arange(1001, dtype=torch.float64) / 1000 + 0.008) / 1.008 * math.pi / 2).square()
    betas = (1.0 - level[1:] / level[:-1]).clamp(max=0.999)
    alpha, _ = Cosine()(GRID)
    torch.testing.assert_close(alpha.square(), torch.cumprod(1.0 - betas, 0), atol=0.0, rtol=1e-9)


@schedules
@dtypes
def test_ends(schedule: Schedule, dtype: torch.dtype):
    alpha, sigma = schedule(torch.tensor([0.0, 1.0], dtype=dtype))
    assert alpha[0] == 1.0
    assert sigma[0] == 0.0
    assert 0.0 <= alpha[1] < 0.01
    torch.testing.assert_close(sigma[1], torch.ones((), dtype=dtype), atol=1e-4, rtol=0.0)


@schedules
@dtypes
def test_noise_share_rises_everywhere(schedule: Schedule, dtype: torch.dtype):
    alpha, sigma = schedule(torch.linspace(0.0, 1.0, 2001, dtype=dtype))
    assert alpha.isfinite().all()
    assert sigma.isfinite().all()
    assert (sigma.diff() >= 0.0).all()
    assert (alpha.diff() <= 0.0).all()
    assert ((sigma / (alpha + sigma)).diff() > 0.0).all()


@pytest.mark.parametrize("schedule", [ALL[0], ALL[1], ALL[3]], ids=repr)
def test_variance_is_preserved(schedule: Schedule):
    alpha, sigma = schedule(torch.linspace(0.0, 1.0, 501, dtype=torch.float64))
    torch.testing.assert_close(alpha.square() + sigma.square(), torch.ones(501, dtype=torch.float64))


@schedules
@given(t=st.floats(min_value=2.0**-20, max_value=1.0, width=32))
def test_float32_keeps_its_digits(schedule: Schedule, t: float):
    single = torch.stack(schedule(torch.tensor(t, dtype=torch.float32))).double()
    double = torch.stack(schedule(torch.tensor(t, dtype=torch.float64)))
    # 1 - t rounds to a multiple of 6e-8, which is all that float32 can know of alpha near t = 1.
    torch.testing.assert_close(single, double, rtol=2e-6, atol=2e-7)
    torch.testing.assert_close(single[1], double[1], rtol=2e-6, atol=0.0)


@schedules
@given(shape=st.lists(st.integers(0, 3), max_size=3))
def test_any_shape(schedule: Schedule, shape: list[int]):
    t = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    alpha, sigma = schedule(t)
    assert alpha.shape == sigma.shape == t.shape
    for index in range(t.numel()):
        one = schedule(t.flatten()[index])
        torch.testing.assert_close(alpha.flatten()[index], one[0])
        torch.testing.assert_close(sigma.flatten()[index], one[1])


def test_result_does_not_share_memory_with_t():
    t = torch.tensor([0.25])
    _, sigma = Rectified()(t)
    sigma.zero_()
    assert t.item() == 0.25


@pytest.mark.parametrize(
    ("name", "schedule"), [("linear_beta", LinearBeta()), ("cosine", Cosine()), ("rectified", Rectified())]
)
def test_make_schedule(name: str, schedule: Schedule):
    assert make_schedule(name) == schedule


def test_make_schedule_names_the_choices(unchecked: None):
    message = "name must be one of 'linear_beta', 'cosine', 'rectified', found 'vp'"
    with pytest.raises(ValueError, match=message):
        make_schedule("vp")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta_start": 0.0}, "0 < beta_start <= beta_end < 0.5, found 0.0 and 0.02"),
        ({"beta_end": 0.5}, "found 0.0001 and 0.5"),
        ({"beta_start": 0.1}, "found 0.1 and 0.02"),
        ({"train_steps": 1}, "train_steps must be at least 2, found 1"),
        ({"train_steps": 20}, "beta_start must be at least half a step"),
    ],
)
def test_linear_beta_errors(arguments: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        LinearBeta(**arguments)
