import pytest
import torch
from torch import nn

from anchordiff.training import TrainConfig, TrainState
from anchordiff.training.state import differences


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


def test_differences_are_named_in_nested_configs():
    saved = {"train": {"steps": 3, "betas": [0.9, 0.99]}, "kind": "a", "old": 1}
    given = {"train": {"steps": 4, "betas": (0.9, 0.99)}, "kind": "a", "new": 2}
    assert differences(saved, given) == [
        "train.steps=4 (saved: 3)",
        "old='nothing' (saved: 1)",
        "new=2 (saved: 'nothing')",
    ]
    assert differences(given, given) == []


def test_another_configs_state_is_refused():
    state = TrainState(nn.Linear(1, 1), TrainConfig(steps=3)).state_dict()
    with pytest.raises(ValueError, match=r"found steps=4 \(saved: 3\)$"):
        TrainState(nn.Linear(1, 1), TrainConfig(steps=4)).load_state_dict(state)


def test_tensors_names_all_that_processes_share():
    state = TrainState(nn.BatchNorm1d(2), TrainConfig())
    assert len(list(state.tensors())) == 2 * (2 + 3)
    assert all(isinstance(value, torch.Tensor) for value in state.tensors())
