import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.errors import CorruptFileError
from anchordiff.training import JsonLog, TrainStep, read_log
from anchordiff.training.logs import Window


def write(path: Path, steps: int) -> None:
    with JsonLog(path) as log:
        for step in range(1, steps + 1):
            log.write(event="train", step=step, loss=1 / step)


@given(steps=st.integers(0, 8), keep=st.integers(0, 10), torn=st.integers(0, 30))
def test_truncation_keeps_the_lines_up_to_a_step_whatever_was_torn(
    tmp_path_factory: pytest.TempPathFactory, steps: int, keep: int, torn: int
):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    write(path, steps)
    with path.open("ab") as file:
        file.write(b'{"event": "train", "step": 99, "loss": 0.1}'[:torn])
    assert [entry["step"] for entry in read_log(path)] == list(range(1, steps + 1))
    with JsonLog(path, keep_until=keep) as log:
        log.write(step=keep + 1)
    assert [entry["step"] for entry in read_log(path)] == [*range(1, min(steps, keep) + 1), keep + 1]


def test_what_json_lacks_becomes_null(tmp_path: Path):
    with JsonLog(tmp_path / "a.jsonl") as log:
        log.write(step=1, loss=math.nan, inner={"norm": math.inf, "fine": 1.0})
    line = (tmp_path / "a.jsonl").read_text()
    assert json.loads(line) == {"step": 1, "loss": None, "inner": {"norm": None, "fine": 1.0}}


def test_a_spoilt_line_is_named(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    for spoilt in ('{"step": 1}\nhello\n', '{"step": 1}\n[2]\n'):
        path.write_text(spoilt)
        with pytest.raises(CorruptFileError, match=r"a\.jsonl, line 2"):
            read_log(path)


def test_a_window_means_its_steps_and_empties():
    def step(number: int, norm: float) -> TrainStep:
        return TrainStep(
            step=number,
            loss=float(number),
            terms={"part": 2.0 * number},
            learning_rate=0.1,
            grad_norm=norm,
            skipped=math.isinf(norm),
            seconds=1.0,
            data_seconds=0.5,
        )

    window = Window()
    window.add(step(1, 4.0))
    window.add(step(2, math.inf))
    window.add(step(3, 6.0))
    assert window.take() == {
        "loss": 2.0,
        "part": 4.0,
        "grad_norm": 5.0,
        "skipped": 1.0,
        "seconds": 1.0,
        "data_seconds": 0.5,
    }
    assert window.take() == {}
