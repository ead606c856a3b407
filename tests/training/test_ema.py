import pytest
import torch
from torch import nn

from anchordiff.training import EMA


def test_it_follows_the_recurrence():
    model = nn.Linear(3, 2)
    ema = EMA(model, decay=0.9, warmup=4.0)
    expected = model.weight.detach().double()
    for n in range(60):
        with torch.no_grad():
            model.weight.normal_(generator=torch.Generator().manual_seed(n))
        ema.update(model)
        decay = min(0.9, (1 + n) / (4 + n))
        expected = decay * expected + (1 - decay) * model.weight.detach().double()
    torch.testing.assert_close(ema.average["weight"].double(), expected, rtol=0, atol=1e-6)


def test_constant_weights_are_a_fixed_point():
    model = nn.Linear(3, 2)
    ema = EMA(model, decay=0.99)
    for _ in range(20):
        ema.update(model)
    assert torch.equal(ema.average["weight"], model.weight)


def test_small_changes_survive_in_half_precision_models():
    model = nn.Linear(1, 1).bfloat16()
    nn.init.constant_(model.weight, 1.0)
    ema = EMA(model, decay=0.999, warmup=1.0)
    nn.init.constant_(model.weight, 1.5)
    ema.update(model)
    assert ema.average["weight"].dtype == torch.float32
    assert ema.average["weight"].item() == pytest.approx(1.0005, abs=1e-6)
    with ema.applied(model):
        assert model.weight.dtype == torch.bfloat16


def test_buffers_are_copied():
    model = nn.BatchNorm1d(2)
    ema = EMA(model, decay=0.9)
    model(torch.randn(8, 2))
    ema.update(model)
    assert torch.equal(ema.buffers["running_mean"], model.running_mean)
    assert ema.buffers["num_batches_tracked"] == 1


def test_applied_gives_the_own_weights_back_even_after_an_error():
    model = nn.Linear(2, 2)
    ema = EMA(model, decay=0.9)
    with torch.no_grad():
        model.weight.add_(1.0)
    own = model.weight.detach().clone()

    def fail():
        with ema.applied(model):
            assert torch.equal(model.weight, ema.average["weight"])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(model.weight, own)


def test_it_goes_on_from_a_saved_state():
    model = nn.Linear(2, 2)
    ema, other = EMA(model, decay=0.9), EMA(nn.Linear(2, 2), decay=0.9)
    ema.update(model)
    other.load_state_dict(ema.state_dict())
    with torch.no_grad():
        model.weight.add_(1.0)
    ema.update(model)
    other.update(model)
    assert torch.equal(ema.average["weight"], other.average["weight"])
    assert ema.updates == other.updates == 2


def test_another_models_state_is_refused():
    ema = EMA(nn.Linear(2, 2), decay=0.9)
    with pytest.raises(ValueError, match="must hold the model's own tensors"):
        ema.load_state_dict(EMA(nn.Linear(2, 2, bias=False), decay=0.9).state_dict())
    with pytest.raises(ValueError, match=r"must have shape \(2, 2\), found \(2, 3\)"):
        ema.load_state_dict(EMA(nn.Linear(3, 2), decay=0.9).state_dict())
