"""Closed, full and poor streams, narrow terminals, signals, and two commands at once: in real processes."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anchordiff import cli, hub
from anchordiff.cli import main
from anchordiff.files import locked

COMMAND = [sys.executable, "-m", "anchordiff"]
TINY = ["--num-samples", "2", "--steps", "1", "--device", "cpu"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has other streams and signals")


def run(*words: str, shell: str = "{}", **environment: str) -> subprocess.CompletedProcess[str]:
    command = shell.format(" ".join([*COMMAND, *words]))
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        timeout=200,
        check=False,
    )


def test_a_reader_that_is_gone_is_no_error():
    done = run("--help", shell="{} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")  # the reader may be gone before or after


def test_a_full_or_closed_output_is_one_line_at_most():
    done = run("--help", shell="{} > /dev/full; echo $?")
    assert done.stdout.strip() == "1"
    assert done.stderr.startswith("anchordiff: standard output cannot be written to")
    assert done.stderr.count("\n") == 1
    done = run("--help", shell="{} >&-; echo $? >&2")
    assert done.stderr.strip() == "0"


def test_a_poor_alphabet_stops_nothing(tmp_path):
    done = run("evaluate", "--pipeline", str(tmp_path / "wé"), PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "w\\xe9" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["generate", "--sed", "1"]])
def test_a_narrow_terminal_ends(words):
    assert run(*words, COLUMNS="1").returncode in (0, 2)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["generate", "--seed", "9223372036854775808"], 2, "--seed must be at most 2**63 - 1"),
        (["generate", "--num-samples", "1000000000"], 1, "out of memory"),
        (["generate", "--horizon", "10000000000"], 2, "horizon must be at most the largest horizon"),
        (["generate", "--device", "meta"], 2, "device must name a device of this machine, found 'meta'"),
        (["generate", "--steps", "0"], 2, "steps must be an integer of at least 1, found 0"),
        (["generate", "--sampler", "euler"], 2, "sampler"),
        (["generate", "--clearance", "-1"], 2, "clearance"),
        (
            ["sample", "keypoints", "--maze", "medium"],
            2,
            "--maze must be the path of a text file, found 'medium'",
        ),
    ],
)
def test_hostile_flags_are_one_line(words, code, message, capsys, tmp_path):
    assert main([*words, "--out", str(tmp_path / "o")]) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [["--out", ""], ["--out="]])
def test_an_empty_folder_is_not_the_current_one(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", *TINY, *words]) == 2
    assert "--out must not be empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_written_into_is_left_alone(capsys, tmp_path):
    with locked(tmp_path):
        assert main(["generate", *TINY, "--out", str(tmp_path)]) == 1
        assert "is in use: another process is writing into it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_run_which_goes_on_by_its_folder_alone(number, tmp_path, capsys):
    out = tmp_path / "run"
    small = (
        "--model.transformer.width 16 --model.transformer.depth 1 --model.encoder.map-channels 4 --device cpu"
    )
    words = (
        f"train keypoints --out {out} --train.batch-size 4 --train.steps 100000 --validate 0 {small}".split()
    )
    process = subprocess.Popen(
        [*COMMAND, *words, "--run.log-every", "1", "--run.save-every", "100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    log = out / "training" / "log.jsonl"
    while not (log.is_file() and log.stat().st_size):
        assert process.poll() is None
    process.send_signal(number)
    said = process.communicate(timeout=100)[1]
    assert process.returncode == 130
    assert "resume to go on from there" in said
    told = json.loads((out / "command.json").read_text())["words"]
    assert "--train.steps" in told
    assert main(["train", "keypoints", "--out", str(out), "--resume", "--run.max-seconds", "0"]) == 0
    assert f"--out {out} --resume goes on" in capsys.readouterr().out
    assert main(["train", "keypoints", "--out", str(out), "--resume", "--train.steps", "7"]) == 2
    assert "train.steps=7 (saved: 100000)" in capsys.readouterr().err


def test_fine_tuning_starts_from_bundled_weights(tmp_path: Path):
    def train(stage: str, name: str, *flags: str) -> int:
        words = ["--train.steps", "1", "--train.batch-size", "4", "--validate", "0", "--device", "cpu"]
        return main(
            ["train", stage, "--init", "particle-maze", "--out", str(tmp_path / name), *words, *flags]
        )

    assert train("keypoints", "k") == 0
    trained = hub.from_pretrained(tmp_path / "k").config
    assert trained == hub.from_pretrained("particle-maze", subfolder="keypoints").config
    assert train("keypoints", "w", "--model.transformer.width", "64") == 2
    assert train("denoiser", "d", "--encoder", "particle-maze", "--bootstrap.keypoints", "particle-maze") == 0


def test_a_poor_alphabet_of_the_output_is_no_error(monkeypatch):
    poor = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", poor)
    monkeypatch.setattr(cli, "_dispatch", lambda words: sys.stdout.write("written to wé\n") and 0)
    assert main([]) == 0
    assert poor.buffer.getvalue() == b"written to w\\xe9\n"
    assert poor.errors == "strict"


@pytest.mark.parametrize("words", [["generate", "--help"], ["--help"]])
def test_a_closed_pipe_ends_silently(words, monkeypatch, capfd):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as gone:  # so that it is seen where the work is done
        monkeypatch.setattr(sys, "stdout", gone)
        assert main(words) == 141
    assert capfd.readouterr().err == ""
