from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from anchordiff.errors import CorruptFileError
from anchordiff.training import (
    TrainConfig,
    TrainState,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
    train,
)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("ema_decay", [0.99, None])
def test_a_run_goes_on_from_a_checkpoint_with_the_same_bits(
    toy, tmp_path: Path, precision: str, ema_decay: float
):
    config = TrainConfig(steps=20, batch_size=8, accumulate=2, precision=precision, ema_decay=ema_decay)
    whole = TrainState(toy.model(), config)
    losses = [step.loss for step in train(whole.model, toy.batches, toy.noisy_loss, config, state=whole)]

    first = TrainState(toy.model(), config)
    for step in train(first.model, toy.batches, toy.noisy_loss, config, state=first):
        if step.step == 9:
            save_checkpoint(tmp_path / "a.pt", first)
    torch.rand(3)  # what others draw from the global generator must not matter
    second = TrainState(toy.model(seed=1), config)
    load_checkpoint(tmp_path / "a.pt", second)
    assert second.step == 9
    rest = [step.loss for step in train(second.model, toy.batches, toy.noisy_loss, config, state=second)]

    assert rest == losses[9:]
    for mine, other in zip(whole.tensors(), second.tensors(), strict=True):
        assert torch.equal(mine, other)
    assert whole.scaler.state_dict() == second.scaler.state_dict()
    assert str(whole.optimizer.state_dict()) == str(second.optimizer.state_dict())


def test_a_spoilt_file_is_named(tmp_path: Path):
    path = tmp_path / "a.pt"
    save_checkpoint(path, TrainState(nn.Linear(1, 1), TrainConfig()))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"fp32")] ^= 1
    for spoilt in (b"", b"hello", b"spoilt", whole[: len(whole) // 2], bytes(flipped)):
        path.write_bytes(spoilt)
        with pytest.raises(CorruptFileError, match=r"a\.pt"):
            read_checkpoint(path)
    torch.save({"weights": 1}, path)
    with pytest.raises(CorruptFileError, match="not a checkpoint of this version"):
        read_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "none.pt")


class Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("harm"),))


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Harmful()}, tmp_path / "a.pt")
    with pytest.raises(CorruptFileError):
        read_checkpoint(tmp_path / "a.pt")
    assert not Path("harm").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_run_moves_between_cpu_and_gpu(toy, tmp_path: Path, precision: str):
    config = TrainConfig(steps=30, batch_size=8, precision=precision, warmup_steps=0)
    for part, device in enumerate(["cpu", "cuda", "cpu"]):
        state = TrainState(toy.model().to(device), config)
        if part:
            load_checkpoint(tmp_path / "a.pt", state)
        for step in train(state.model, toy.batches, toy.exact_loss, config, state=state):
            if step.step == 10 * (part + 1):
                save_checkpoint(tmp_path / "a.pt", state)
                break
    assert state.step == 30


def test_whatever_is_damaged_in_a_file_is_told_as_such(toy, tmp_path):
    path = tmp_path / "last.pt"
    save_checkpoint(path, TrainState(toy.model(), TrainConfig(steps=12)))
    whole, random = path.read_bytes(), np.random.default_rng(0)
    messages = []
    for number in range(200):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 4)):
            content[place] ^= 1 << int(random.integers(8))
        path.write_bytes(content[: random.integers(len(whole))] if number % 4 == 0 else content)
        try:
            load_checkpoint(path, TrainState(toy.model(), TrainConfig(steps=12)))
        except CorruptFileError as error:
            messages.append(str(error))
    assert len(messages) > 150
    assert all(str(path) in message for message in messages)
