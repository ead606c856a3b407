import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.samplers.prediction import MIN_ALPHA, Prediction, add_noise, target, to_x0
from anchordiff.schedules import Cosine, LinearBeta, Rectified, Schedule

schedules = pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Rectified()], ids=repr)
predictions = pytest.mark.parametrize("prediction", ["x0", "eps", "v"])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@schedules
@predictions
@given(times=st.lists(st.floats(0.0, 0.99), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_round_trip(schedule: Schedule, prediction: Prediction, times: list[float], seed: int):
    alpha, sigma = schedule(torch.tensor(times, dtype=torch.float64))
    x_0, noise = draw(2, len(times), 3, 2, seed=seed)
    x_t = add_noise(x_0, noise, alpha, sigma)
    raw = target(x_0, noise, alpha, sigma, prediction)
    torch.testing.assert_close(to_x0(raw, x_t, alpha, sigma, prediction), x_0, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("prediction", ["x0", "v"])
def test_pure_noise_is_read_exactly(prediction: Prediction):
    alpha, sigma = Rectified()(torch.ones(2, dtype=torch.float64))
    x_0, noise = draw(2, 2, 4)
    raw = target(x_0, noise, alpha, sigma, prediction)
    assert torch.equal(to_x0(raw, noise, alpha, sigma, prediction), x_0)


def test_noise_prediction_stays_finite_in_pure_noise():
    alpha, sigma = Rectified()(torch.ones(2, dtype=torch.float64))
    x_t, raw = draw(2, 2, 4)
    torch.testing.assert_close(to_x0(raw, x_t, alpha, sigma, "eps"), (x_t - raw) / MIN_ALPHA)


def test_v_is_that_of_diffusers():
    scheduler = DDPMScheduler(num_train_timesteps=1000)
    steps = torch.tensor([0, 10, 500, 999])
    x_0, noise = draw(2, 4, 5).float()
    alpha, sigma = LinearBeta()((steps + 1) / 1000)
    expected = scheduler.get_velocity(x_0, noise, steps)
    torch.testing.assert_close(target(x_0, noise, alpha, sigma, "v"), expected, atol=1e-5, rtol=0.0)


def test_one_coefficient_serves_a_batch():
    x_0, noise = draw(2, 3, 4)
    alpha, sigma = Cosine()(torch.tensor([0.3], dtype=torch.float64))
    torch.testing.assert_close(add_noise(x_0, noise, alpha, sigma), alpha * x_0 + sigma * noise)


def test_unknown_prediction(unchecked: None):
    x, one = draw(1, 2), torch.ones(1, dtype=torch.float64)
    message = "prediction must be one of 'x0', 'eps', 'v', found 'score'"
    with pytest.raises(ValueError, match=message):
        target(x, x, one, one, "score")
    with pytest.raises(ValueError, match=message):
        to_x0(x, x, one, one, "score")
