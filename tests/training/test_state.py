import pytest
import torch
from torch import nn

from anchordiff.training import TrainConfig, TrainState


def test_vectors_are_not_decayed():
    state = TrainState(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), TrainConfig(weight_decay=0.3))
    decays = {
        parameter.ndim: group["weight_decay"]
        for group in state.optimizer.param_groups
        for parameter in group["params"]
    }
    assert decays == {2: 0.3, 1: 0.0}


def test_frozen_weights_are_left_out():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(requires_grad=False))
    assert len(TrainState(model, TrainConfig()).parameters) == 2
    with pytest.raises(ValueError, match="parameters that take gradients"):
        TrainState(model.requires_grad_(requires_grad=False), TrainConfig())


def test_another_configs_state_is_refused():
    state = TrainState(nn.Linear(1, 1), TrainConfig(steps=3, warmup_steps=0)).state_dict()
    with pytest.raises(ValueError, match=r"found steps=4 \(saved: 3\)$"):
        TrainState(nn.Linear(1, 1), TrainConfig(steps=4, warmup_steps=0)).load_state_dict(state)


def test_tensors_names_all_that_processes_share():
    state = TrainState(nn.BatchNorm1d(2), TrainConfig())
    assert len(list(state.tensors())) == 2 * (2 + 3)
    assert all(isinstance(value, torch.Tensor) for value in state.tensors())
