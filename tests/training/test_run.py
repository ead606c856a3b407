import json
import math
import signal
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from anchordiff.data import Slot
from anchordiff.errors import CorruptFileError, TrainingError
from anchordiff.training import Draw, RunOptions, TrainConfig, fit, read_checkpoint, read_log

CONFIG = TrainConfig(steps=30, batch_size=8, warmup_steps=5, learning_rate=1e-2, ema_decay=0.9)
QUIET = RunOptions(log_every=4, save_every=10, tensorboard=False, progress=False)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_a_folder_holds_the_whole_run(toy, tmp_path: Path):
    out, model = tmp_path / "run", toy.model()
    options = replace(QUIET, keep_every=12, tensorboard=True)
    result = fit(model, toy.batches, toy.noisy_loss, CONFIG, out, settings={"kind": "toy"}, options=options)
    assert (result.step, result.finished, result.best) == (30, True, None)
    assert json.loads((out / "config.json").read_text()) == {
        "train": {**asdict(CONFIG), "betas": [0.9, 0.99]},
        "kind": "toy",
    }
    names = {path.name for path in (out / "checkpoints").iterdir()}
    assert names == {"last.pt", "step-00000012.pt", "step-00000024.pt"}
    assert list((out / "tensorboard").glob("events*"))

    lines = read_log(out / "log.jsonl")
    assert [line["step"] for line in lines] == [4, 8, 10, 12, 16, 20, 24, 28, 30]
    assert set(lines[0]) >= {
        "event",
        "loss",
        "absolute",
        "learning_rate",
        "grad_norm",
        "seconds",
        "data_seconds",
    }

    saved, written = read_checkpoint(result.checkpoint), load_file(result.weights)
    assert saved["step"] == 30
    assert set(written) == set(model.state_dict())
    for name, value in saved["ema"]["average"].items():
        assert torch.equal(value, written[name])
        assert torch.equal(value, model.state_dict()[name])
        assert not torch.equal(value, saved["model"][name])
    assert not model.training


def test_stopping_after_a_time_and_going_on_changes_nothing(toy, tmp_path: Path):
    whole = toy.model()
    fit(whole, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "whole", options=QUIET)
    hasty = replace(QUIET, max_seconds=0.0)
    for count in range(1, 4):
        result = fit(toy.model(seed=count), toy.batches, toy.noisy_loss, CONFIG, tmp_path / "parts",
                     resume=count > 1, options=hasty)  # fmt: skip
        assert (result.step, result.finished, result.weights) == (count if count > 1 else 1, False, None)
    parts = toy.model(seed=9)
    fit(parts, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "parts", resume=True, options=QUIET)
    # The first part started from seed 1, so compare with a whole run from there.
    again = toy.model(seed=1)
    fit(again, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "again", options=QUIET)
    assert same(parts, again)
    assert not same(parts, whole)


def test_a_resume_goes_back_to_the_checkpoint_and_writes_the_same_log(toy, tmp_path: Path):
    def broken(model: nn.Module, batch: dict[str, torch.Tensor], draw: Draw):
        terms = toy.noisy_loss(model, batch, draw)
        calls.append(1)
        return {**terms, "loss": terms["loss"] * (math.nan if len(calls) == 27 else 1)}

    calls: list[int] = []
    whole, parts = toy.model(), toy.model()
    fit(whole, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "whole", options=QUIET)
    with pytest.raises(TrainingError, match=r"step 27 cannot be taken.*parts/checkpoints/last\.pt"):
        fit(parts, toy.batches, broken, CONFIG, tmp_path / "parts", options=QUIET)
    assert read_log(tmp_path / "parts" / "log.jsonl")[-1]["step"] == 24
    fit(parts, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "parts", resume=True, options=QUIET)
    assert same(whole, parts)

    def timeless(name: str) -> list[dict[str, object]]:
        lines = read_log(tmp_path / name / "log.jsonl")
        return [{k: v for k, v in line.items() if not k.endswith("seconds")} for line in lines]

    assert timeless("parts") == timeless("whole")


def test_a_finished_run_gives_its_weights_again(toy, tmp_path: Path):
    first, second = toy.model(), toy.model(seed=1)
    fit(first, toy.batches, toy.noisy_loss, CONFIG, tmp_path, options=QUIET)
    result = fit(second, toy.batches, toy.noisy_loss, CONFIG, tmp_path, resume=True, options=QUIET)
    assert result.finished
    assert same(first, second)


def test_another_config_or_a_used_folder_is_refused(toy, tmp_path: Path):
    fit(
        toy.model(),
        toy.batches,
        toy.noisy_loss,
        CONFIG,
        tmp_path,
        settings={"data": {"rows": 21}},
        options=QUIET,
    )
    with pytest.raises(ValueError, match="new folder unless resume=True"):
        fit(toy.model(), toy.batches, toy.noisy_loss, CONFIG, tmp_path, options=QUIET)
    message = r"train.learning_rate=0.5 \(saved: 0.01\); data.rows=31 \(saved: 21\)"
    with pytest.raises(ValueError, match=message):
        fit(
            toy.model(),
            toy.batches,
            toy.noisy_loss,
            replace(CONFIG, learning_rate=0.5),
            tmp_path,
            resume=True,
            settings={"data": {"rows": 31}},
            options=QUIET,
        )
    (tmp_path / "checkpoints" / "last.pt").write_bytes(b"spoilt")
    with pytest.raises(CorruptFileError, match=r"last\.pt"):
        fit(toy.model(), toy.batches, toy.noisy_loss, CONFIG, tmp_path, resume=True,
            settings={"data": {"rows": 21}}, options=QUIET)  # fmt: skip


@pytest.mark.parametrize(("best_is", "expected"), [("lowest", 12), ("highest", 24)])
def test_the_best_checkpoint_is_kept(toy, tmp_path: Path, best_is: str, expected: int):
    scores = {6: 3.0, 12: 1.0, 18: 2.0, 24: 5.0, 30: 4.0}
    seen: list[bool] = []

    def evaluate(model: nn.Module, step: int) -> dict[str, float]:
        seen.append(model.training or torch.is_grad_enabled())
        return {"score": scores[step]}

    options = replace(QUIET, evaluate_every=6, best="score", best_is=best_is)
    result = fit(
        toy.model(), toy.batches, toy.noisy_loss, CONFIG, tmp_path, evaluate=evaluate, options=options
    )
    saved = read_checkpoint(tmp_path / "checkpoints" / "best.pt")
    assert saved["step"] == expected
    assert result.best == saved["best"] == scores[expected]
    assert seen == [False] * 5
    lines = [line for line in read_log(tmp_path / "log.jsonl") if line["event"] == "evaluation"]
    assert {line["step"]: line["score"] for line in lines} == scores


def test_an_unknown_best_is_refused(toy, tmp_path: Path):
    with pytest.raises(ValueError, match=r"best must be one of .*\['score'\], found 'loss'"):
        fit(toy.model(), toy.batches, toy.noisy_loss, CONFIG, tmp_path, evaluate=lambda m, s: {"score": 1.0},
            options=replace(QUIET, evaluate_every=7))  # fmt: skip
    # What was trained until then is not lost.
    assert read_checkpoint(tmp_path / "checkpoints" / "last.pt")["step"] == 7


def test_a_nan_is_never_the_best(toy, tmp_path: Path):
    scores = {10: math.nan, 20: 2.0, 30: math.nan}
    result = fit(
        toy.model(), toy.batches, toy.noisy_loss, CONFIG, tmp_path,
        evaluate=lambda m, s: {"loss": torch.tensor(scores[s])}, options=replace(QUIET, evaluate_every=10),
    )  # fmt: skip
    assert result.best == 2.0
    assert read_checkpoint(tmp_path / "checkpoints" / "best.pt")["step"] == 20


def test_ctrl_c_saves_the_step_at_hand_and_a_resume_ends_with_the_same_bits(toy, tmp_path: Path, ctrl_c):
    whole, stopped, resumed = toy.model(), toy.model(), toy.model()
    fit(whole, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "whole", options=QUIET)

    def press(model: nn.Module, step: int) -> dict[str, float]:
        if step == 13:
            ctrl_c()
        return {"loss": 1.0}

    options = replace(QUIET, evaluate_every=13)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 13; resume to go on from there"):
        fit(stopped, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "run", evaluate=press, options=options)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")["step"] == 13
    fit(resumed, toy.batches, toy.noisy_loss, CONFIG, tmp_path / "run", resume=True, options=QUIET)
    assert same(whole, resumed)


@pytest.mark.usefixtures("unchecked")
def test_bad_options_are_named():
    with pytest.raises(ValueError, match="save_every must be at least 1, found 0"):
        RunOptions(save_every=0)
    with pytest.raises(ValueError, match="best_is must be one of 'lowest', 'highest', found 'min'"):
        RunOptions(best_is="min")
    with pytest.raises(ValueError, match="max_seconds must not be negative, found -1"):
        RunOptions(max_seconds=-1)


def test_evaluating_changes_no_weight_of_a_model_with_a_frozen_part(tmp_path: Path):
    def run(folder: str, every: int | None) -> tuple[nn.Module, list[tuple[bool, bool]]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        model[1].eval()
        seen = []

        def evaluate(model: nn.Module, step: int) -> dict[str, float]:
            seen.append((model.training, model[1].training))
            return {"loss": 0.0}

        def batches(slot: Slot) -> torch.Tensor:
            return torch.randn(slot.size, 4, generator=torch.Generator().manual_seed(slot.seed(1)))

        config = TrainConfig(steps=8, batch_size=8, learning_rate=1e-2)
        options = RunOptions(tensorboard=False, progress=False, evaluate_every=every or 1000)
        fit(
            model, batches, lambda model, x, draw: (model(x) - 1).square().mean(), config, tmp_path / folder,
            evaluate=evaluate if every else None, options=options,
        )  # fmt: skip
        return model, seen

    (plain, _), (watched, seen) = run("plain", None), run("watched", 2)
    assert seen == [(False, False)] * 4
    assert int(watched[1].num_batches_tracked) == 0
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name])
