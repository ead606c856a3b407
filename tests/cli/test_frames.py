"""`generate --save-frames … --film …`: pictures of candidates on their way."""

import sys

import numpy as np
import pytest
from PIL import Image

from anchordiff.cli import main
from anchordiff.domains.vector import VectorEncoderConfig
from anchordiff.domains.video.films import film_info
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

QUICK = ["generate", "--num-samples", "2", "--steps", "4", "--device", "cpu"]


def generate(out, *words):
    assert main([*QUICK, "--out", str(out), *map(str, words)]) in (0, 1)
    return out


def names(out):
    return sorted(path.relative_to(out).as_posix() for path in (out / "frames").rglob("*.png"))


def test_one_picture_a_step_of_each_candidate_and_a_film_of_the_plan(tmp_path, capsys):
    out = generate(
        tmp_path / "plan", "--save-frames", "diffusion", "--frames-stride", 2, "--frames-include-stage2",
        "--film", "mp4", "--fps", 5,
    )  # fmt: skip
    steps = [0, 2, 3, 4]
    assert names(out) == [
        f"frames/sample_{sample:04d}/step_{step:04d}.png" for sample in (0, 1) for step in steps
    ]
    sizes = set()
    for name in names(out):
        with Image.open(out / name) as image:
            sizes.add(image.size)
    assert len(sizes) == 1
    info = film_info(out / "diffusion.mp4")
    assert info.seconds == pytest.approx(len(steps) / 5, abs=0.01)
    assert "frames, diffusion.mp4" in capsys.readouterr().out


@pytest.mark.parametrize("world", [["--maze", "umaze", "--horizon", "24"], []], ids=["metres", "cells"])
def test_a_film_without_pictures(tmp_path, world):
    out = generate(tmp_path / "plan", *world, "--film", "gif")
    assert not (out / "frames").exists()
    with Image.open(out / "diffusion.gif") as image:
        assert image.n_frames == 4


def test_trajectories_of_numbers_have_steps_too(tmp_path):
    stage = {
        "states": StateSpace(positions=3), "horizon": 16, "num_keypoints": 4,
        "encoder": VectorEncoderConfig(positions=3),
        "transformer": TransformerConfig(width=16, depth=1, heads=2),
    }  # fmt: skip
    stages = (
        KeypointDiffusion(KeypointDiffusionConfig(**stage)),
        InterpDenoiser(InterpDenoiserConfig(**stage)),
    )
    folder = TwoStagePipeline(*stages).save_pretrained(tmp_path / "pipe")
    np.savez(tmp_path / "c.npz", start=np.zeros(3, np.float32), goal=np.ones(3, np.float32))
    words = ["--domain", "vector", "--pipeline", folder, "--condition", tmp_path / "c.npz"]
    out = generate(tmp_path / "numbers", *words, "--save-frames", "diffusion", "--film", "gif")
    assert len(names(out)) == 8
    assert (out / "diffusion.gif").exists()


def test_a_causal_pipeline_is_drawn_chunk_by_chunk(tmp_path, tiny_keypoints, tiny_denoiser, capsys):
    body = TransformerConfig(width=16, depth=1, heads=2, causal=True)
    folder = TwoStagePipeline(tiny_keypoints(), tiny_denoiser(transformer=body)).save_pretrained(
        tmp_path / "p"
    )
    words = ["--pipeline", folder, "--save-frames", "chunks", "--frames-chunk", 5, "--film", "gif"]
    out = generate(tmp_path / "plan", *words)
    assert names(out) == [f"frames/sample_{n:04d}/step_{k:04d}.png" for n in (0, 1) for k in range(4)]
    with Image.open(out / "chunks.gif") as image:
        assert image.n_frames == 4
    # The bundled one is not causal.
    assert main([*QUICK, "--save-frames", "chunks", "--out", str(tmp_path / "no")]) == 2
    told = capsys.readouterr().err
    assert "--save-frames must be diffusion where stage 2 is not causal, found chunks" in told
    assert not (tmp_path / "no").exists()


def test_of_clips_the_film_is_the_clip(tmp_path):
    words = ["--pipeline", "moving-shapes", "--text", "a big red circle moves left"]
    out = generate(tmp_path, *words, "--save-frames", "diffusion", "--frames-stride", 3, "--film", "gif")
    assert len(names(out)) == 4
    assert sorted(path.name for path in out.glob("*.gif")) == ["clip-00.gif", "clip-01.gif"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--frames-stride", "2"], "--frames-stride must be left out without --save-frames and --film"),
        (
            ["--frames-include-stage2"],
            "--frames-include-stage2 must be left out without --save-frames and --film",
        ),
        (["--film", "gif", "--frames-stride", "0"], "--frames-stride must be an integer of at least 1"),
        (["--film", "gif", "--fps", "0"], "--fps must be a finite number of more than 0"),
        (["--film", "avi"], "--film"),
        (["--save-frames", "steps"], "--save-frames"),
        (["--frames-chunk", "4"], "--frames-chunk must be left out without --save-frames chunks"),
        (
            ["--save-frames", "chunks", "--frames-include-stage2"],
            "--frames-include-stage2 must be left out of --save-frames chunks",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, words, told, capsys):
    assert main([*QUICK, "--out", str(tmp_path / "no"), *words]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_film_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setenv("PATH", "")
    assert main([*QUICK, "--out", str(tmp_path / "no"), "--film", "mp4"]) == 1
    assert "PyAV (nor the program ffmpeg) is not installed" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
