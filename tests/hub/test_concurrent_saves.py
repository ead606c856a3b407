"""Several processes at one folder, and saves that are killed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from anchordiff.errors import CorruptFileError
from anchordiff.hub import from_pretrained

SAVES = """
import sys, torch
from pathlib import Path
from anchordiff.hub import from_pretrained
pipe = from_pretrained(Path(sys.argv[1]))
for value in (*pipe.keypoints.parameters(), *pipe.denoiser.parameters()):
    value.data.fill_(float(sys.argv[3]))
print("ready", flush=True)
while True:
    pipe.save_pretrained(sys.argv[2])
"""


def fill(pipe, number):
    """Give every weight one value, so that weights of two saves are told apart."""
    with torch.no_grad():
        for network in pipe.components.values():
            for value in network.parameters():
                value.fill_(number)


def numbers(pipe):
    return {
        value
        for network in pipe.components.values()
        for parameter in network.parameters()
        for value in parameter.detach().unique().tolist()
    }


def test_readers_beside_writers_see_one_save(pipe, tmp_path):
    fill(pipe, 0.5)
    shared = pipe.save_pretrained(tmp_path / "shared")
    command = [sys.executable, "-c", SAVES, str(pipe.save_pretrained(tmp_path / "first")), str(shared)]
    writers = [
        subprocess.Popen([*command, value], stdout=subprocess.PIPE, text=True) for value in ("0.25", "0.75")
    ]
    try:
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for _ in range(60):
            try:
                assert len(numbers(from_pretrained(shared))) == 1
            except (CorruptFileError, FileNotFoundError):
                continue
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            writer.stdout.close()
    # Whatever was killed in the middle, the next save makes the folder whole.
    pipe.save_pretrained(shared)
    assert numbers(from_pretrained(shared)) == {0.5}


@pytest.mark.parametrize("moved", range(5))
def test_a_save_that_is_killed_while_files_move_mixes_nothing(pipe, tmp_path, monkeypatch, moved):
    fill(pipe, 0.25)
    pipe.save_pretrained(tmp_path)
    fill(pipe, 0.5)
    replace, calls = Path.replace, []

    def dying(self, target):
        if not self.name.endswith(".part"):
            calls.append(self)
            if len(calls) > moved:
                raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(KeyboardInterrupt):
        pipe.save_pretrained(tmp_path)
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError, match=r"must hold model_index.json"):
        from_pretrained(tmp_path)
