import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from anchordiff.training import Ranks, RunOptions, TrainConfig, fit, joined, read_log, train

WORKER = Path(__file__).with_name("torchrun_worker.py")


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("torchrun_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torchrun")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            WORKER,
            folder,
        ],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_both_processes_end_with_the_same_bits(folder: Path):
    first, second = (torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    written = load_file(folder / "whole" / "weights.safetensors")
    for name, value in first["model"].items():
        assert torch.equal(value, second["model"][name])
        assert torch.equal(value, written[name])
    assert first["losses"] == second["losses"]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed there")
def test_no_thread_of_the_group_outlives_it(folder: Path):
    for rank in range(2):
        threads = json.loads((folder / f"threads{rank}.json").read_text("utf-8"))
        assert threads
        assert not [name for name in threads if "gloo" in name]


def test_two_processes_with_half_the_batch_equal_one_with_all_of_it(worker, folder: Path, tmp_path: Path):
    model = worker.Branches(seed=0)
    quiet = RunOptions(log_every=5, save_every=10, progress=False, tensorboard=False)
    fit(model, worker.batches, worker.loss, worker.CONFIG, tmp_path, options=quiet)
    for name, value in load_file(folder / "whole" / "weights.safetensors").items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=0, atol=1e-5)
    # A parameter that no process used is not even decayed.
    assert torch.equal(model.idle.weight, worker.Branches(seed=0).idle.weight)
    for mine, theirs in zip(
        read_log(tmp_path / "log.jsonl"), read_log(folder / "whole" / "log.jsonl"), strict=True
    ):
        assert mine["step"] == theirs["step"]
        for name in ("loss", "double", "grad_norm", "learning_rate"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-3)


def test_the_steps_of_a_run_do_not_depend_on_its_split(worker, folder: Path):
    saved = torch.load(folder / "rank1.pt", weights_only=True)["losses"]
    config = replace(worker.CONFIG, accumulate=1)
    losses = [step.loss for step in train(worker.Branches(seed=0), worker.batches, worker.loss, config)]
    assert losses == pytest.approx(saved, rel=1e-3)


def test_one_process_alone_does_nothing_special():
    with joined(torch.device("cpu")) as ranks:
        assert ranks == Ranks(rank=0, world=1)
        assert ranks.mean(torch.tensor([3.0])).tolist() == [3.0]
        assert ranks.any(flag=True, device=torch.device("cpu"))
        ranks.barrier()
        ranks.share([])


def test_a_batch_that_cannot_be_split_is_refused(worker, monkeypatch: pytest.MonkeyPatch):
    config = TrainConfig(steps=2, batch_size=3)
    monkeypatch.setattr("anchordiff.training.loop.joined", lambda device: _Pair())
    with pytest.raises(ValueError, match="batch_size must be a multiple"):
        next(train(worker.Branches(seed=0), worker.batches, worker.loss, config))


class _Pair:
    def __enter__(self) -> Ranks:
        class Silent(Ranks):
            def share(self, tensors: object) -> None:
                pass

        return Silent(rank=0, world=2)

    def __exit__(self, *error: object) -> None:
        pass
