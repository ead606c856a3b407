"""The whole way of text to video by commands: codec, cache, stages, films, tables."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imsave

from anchordiff.cli import main
from anchordiff.domains.video import AutoencoderCodec, ShapeFrames, draw_clips
from anchordiff.domains.video.data import read_cache
from anchordiff.domains.video.shape_sets import SEEN

RUN = [
    "--train.steps", "2", "--train.batch-size", "4", "--run.no-tensorboard", "--run.progress", "False",
    "--threads", "1", "--device", "cpu", "--validate", "2",
]  # fmt: skip


def succeed(*words: str | Path) -> None:
    assert main([str(word) for word in words]) == 0


def small(name: str) -> list[str]:
    return [
        f"--{name}.transformer.width", "16", f"--{name}.transformer.depth", "1", f"--{name}.transformer.heads", "2",
        f"--{name}.encoder.width", "8", f"--{name}.encoder.attention-channels", "8",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codec, a cache and a pipeline."""
    runs = tmp_path_factory.mktemp("runs")
    succeed("train", "codec", "--out", runs / "codec", *RUN, "--model.widths", "8", "8", "8")
    succeed(
        "data",
        "shapes",
        "--out",
        runs / "cache",
        "--codec",
        runs / "codec",
        "--clips",
        "12",
        "--shard-size",
        "5",
    )
    words = ["train", "pipeline", "--domain", "video", "--data.cache", runs / "cache", "--out", runs / "pipe"]
    succeed(*words, *RUN, *small("keypoints"), *small("denoiser"))
    return runs


def test_a_cache_holds_captions_that_are_learnt_from(runs):
    form, clips = read_cache(runs / "cache")
    assert len(clips) == 12
    assert form.codec == str(runs / "codec")
    assert set(clips.captions) <= {str(caption) for caption in SEEN}


def test_a_codec_knows_the_deviation_of_its_latents(runs):
    codec = AutoencoderCodec.from_pretrained(runs / "codec")
    assert codec.scale != 1.0
    pictures = (
        (127.5 * (ShapeFrames().open().held_out(256) + 1)).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    )
    assert float(codec.encode(np.ascontiguousarray(pictures)).std()) == pytest.approx(1, rel=0.1)


def test_a_codec_run_goes_on_by_its_folder_alone(runs, capsys):
    succeed("train", "codec", "--out", runs / "codec", "--resume")
    assert "finished after step 2" in capsys.readouterr().out


def test_a_sentence_becomes_films(runs, tmp_path, capsys):
    words = [
        "generate",
        "--domain",
        "video",
        "--pipeline",
        runs / "pipe",
        "--num-samples",
        "2",
        "--device",
        "cpu",
    ]
    succeed(*words, "--text", "a big red circle moves left", "--out", tmp_path / "clip")
    said = capsys.readouterr().out
    assert "clip-00.mp4, clip-01.mp4, plan.png, keyframes.png, samples.png, samples.npz" in said
    for name in ("clip-00.mp4", "clip-01.mp4", "plan.png", "keyframes.png", "samples.png"):
        assert (tmp_path / "clip" / name).stat().st_size > 500
    made = np.load(tmp_path / "clip" / "samples.npz")
    assert made["pictures"].shape == (2, 16, 64, 64, 3)
    assert made["latents"].shape == (2, 16, 4, 8, 8)
    metrics = json.loads((tmp_path / "clip" / "metrics.json").read_text())
    assert (metrics["text"], metrics["clips"], metrics["guidance"]) == ("a big red circle moves left", 2, 2.5)
    succeed(*words, "--text", "a big red circle moves left", "--film", "gif", "--out", tmp_path / "gif")
    again = np.load(tmp_path / "gif" / "samples.npz")
    assert np.array_equal(again["latents"], made["latents"])
    assert (tmp_path / "gif" / "clip-01.gif").exists()


def test_a_storyboard_is_kept(runs, tmp_path):
    clips, _ = draw_clips(0, np.arange(1))
    frames = {0: clips[0, 0], 7: clips[0, 7], 15: clips[0, 15]}
    words = []
    for number, picture in frames.items():
        imsave(tmp_path / f"{number}.png", picture)
        words += [str(number), tmp_path / f"{number}.png"]
    # A pipeline on this machine tells its domain.
    words = ["generate", "--pipeline", runs / "pipe", "--text", "a circle", "--known-frames", *words]
    succeed(*words, "--num-samples", "2", "--device", "cpu", "--out", tmp_path / "clip")
    made = np.load(tmp_path / "clip" / "samples.npz")
    latents = AutoencoderCodec.from_pretrained(runs / "codec").encode(np.stack(list(frames.values())))
    for clip in made["latents"]:
        assert np.array_equal(clip[list(frames)], latents.numpy())
    assert set(frames) <= set(made["anchors"][0].tolist())
    assert not np.array_equal(made["latents"][0, 3], made["latents"][1, 3])


def test_methods_are_compared_on_captions(runs, tmp_path, capsys):
    words = ["evaluate", "--domain", "video", "--pipeline", runs / "pipe", "--size", "4", "--timed", "1"]
    succeed(*words, "--suite", "shapes-unseen", "--out", tmp_path)
    said = capsys.readouterr().out
    told = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(told["methods"]) == [
        "the codec's own clips", "stage 1 + interpolation, guided", "pipeline, guidance 1", "pipeline, guidance 2.5",
        "key frames given + stage 2",
    ]  # fmt: skip
    # Two draws of the same captions are apart, but clips of random weights are farther.
    apart = {name: method["frechet_distance"] for name, method in told["methods"].items()}
    assert 0 < apart["the codec's own clips"] < apart["pipeline, guidance 1"]
    assert all(0 <= method["all_four"] <= 1 for method in told["methods"].values())
    assert "Frechet" in said
    assert (tmp_path / "samples.png").stat().st_size > 500


def test_two_stages_and_their_codec_are_bundled(runs, tmp_path):
    stages = ["--keypoints", runs / "pipe" / "keypoints", "--denoiser", runs / "pipe" / "denoiser"]
    succeed("bundle", *stages, "--codec", runs / "codec", "--out", tmp_path / "pipe", "--half")
    assert (tmp_path / "pipe" / "codec" / "model.safetensors").exists()
    assert (tmp_path / "pipe" / "codec" / "training" / "log.jsonl").exists()
    words = [
        "generate",
        "--domain",
        "video",
        "--pipeline",
        tmp_path / "pipe",
        "--num-samples",
        "1",
        "--device",
        "cpu",
    ]
    succeed(*words, "--text", "a small cyan square moves up", "--out", tmp_path / "clip")


def test_what_writes_films_is_missed_before_any_work(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setenv("PATH", "")
    words = ["generate", "--pipeline", runs / "pipe", "--text", "a circle", "--device", "cpu"]
    assert main([str(word) for word in [*words, "--out", tmp_path / "clip"]]) == 1
    assert "PyAV (nor the program ffmpeg) is not installed; " in capsys.readouterr().err
    assert not (tmp_path / "clip").exists()


LEARN = ["train", "keypoints", "--out", "x", "--data.cache"]
SAY = ["generate", "--out", "x", "--text"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["generate", "--out", "x"], 2, "--text"),
        ([*SAY, "a tiny circle"], 2, "found 'tiny'"),
        ([*SAY, " "], 2, "text must be a sentence"),
        ([*SAY, "a huge circle", "--pipeline", "PIPE"], 2, "found 'huge'"),
        ([*SAY, "a circle", "--pipeline", "PIPE", "--known-frames", "3", "nowhere.png"], 1, "nowhere.png"),
        (
            [*SAY, "a circle", "--pipeline", "PIPE", "--known-frames", "16", "PICTURE"],
            2,
            "the clip's last frame",
        ),
        (
            [*SAY, "a circle", "--known-frames", "1", "a", "1", "b"],
            2,
            "--known-frames must name each frame once",
        ),
        ([*SAY, "a circle", "--known-frames", "-1", "a"], 2, "--known-frames must"),
        ([*SAY, "a circle", "--film", "gif", "--fps", "60"], 2, "fps of .gif must"),
        (
            [*SAY, "a circle", "--pipeline", "particle-maze"],
            2,
            "pipeline must be one of clips",
        ),
        ([*LEARN, "nowhere"], 1, "nowhere"),
        (
            [*LEARN, "CACHE", "--data.codec", "other"],
            2,
            "codec must be 'other'",
        ),
        (
            [*LEARN, "CACHE", "--model.states.positions", "3"],
            2,
            "--model.states",
        ),
        (
            [*LEARN, "CACHE", "--model.horizon", "8"],
            2,
            "--model.horizon",
        ),
        (["evaluate", "--pipeline", "particle-maze"], 1, "pipeline must be one of clips"),
    ],
)
def test_flags_that_do_not_fit_are_refused(words, code, told, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    places = {
        "PIPE": str(runs / "pipe"),
        "CACHE": str(runs / "cache"),
        "PICTURE": str(tmp_path / "picture.png"),
    }
    imsave(tmp_path / "picture.png", np.zeros((8, 8, 3), np.uint8))
    assert main([*(places.get(word, word) for word in words), "--domain", "video"]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["data", "shapes", "--out", "x", "--codec", "nowhere"], 1, "nowhere"),
        (
            ["data", "shapes", "--out", "x", "--codec", "none", "--clips", "0"],
            2,
            "--clips must be an integer",
        ),
        (["train", "codec", "--out", "x", "--domain", "maze"], 2, "--domain must be video, or left out"),
    ],
)
def test_other_commands_say_what_is_wrong(words, code, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == code
    assert told in capsys.readouterr().err
