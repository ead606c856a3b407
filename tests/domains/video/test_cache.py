"""Caches of clips: what is written comes back, and what does not match is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from anchordiff.data import Slot
from anchordiff.domains.video import PixelCodec
from anchordiff.domains.video.data import ClipDataset, VideoSource, read_cache, write_cache
from anchordiff.domains.video.shape_sets import SEEN
from anchordiff.domains.video.shapes import draw_clips
from anchordiff.errors import CorruptFileError
from anchordiff.states import StateSpace


def pairs(count, seed=3):
    clips, said = draw_clips(seed, np.arange(count), SEEN)
    return [(clip, str(caption)) for clip, caption in zip(clips, said, strict=True)]


def test_what_was_encoded_comes_back(cache, tiny_codec, words):
    form, clips = read_cache(cache)
    drawn = pairs(10)
    assert (form.frames, form.rows, form.cols, form.channels, form.height, form.width) == (
        16,
        64,
        64,
        4,
        8,
        8,
    )
    assert (form.codec, form.text, form.seconds, form.token_size) == ("tiny", words.id, 2.0, words.token_size)
    assert clips.captions == tuple(caption for _, caption in drawn)
    latents = tiny_codec.encode(drawn[7][0])
    torch.testing.assert_close(clips.latents[7].float(), latents, atol=2e-3, rtol=2e-3)
    encoded = words.encode([drawn[7][1]])
    assert torch.equal(clips.tokens[7].float(), encoded.tokens[0].half().float())
    assert sorted(path.name for path in cache.iterdir() if not path.name.startswith(".")) == [
        "index.json", "shard-00000.safetensors", "shard-00001.safetensors", "shard-00002.safetensors",
    ]  # fmt: skip


def test_a_call_that_was_stopped_goes_on(tmp_path, words):
    class Stopped(Exception):
        pass

    def some():
        for number, pair in enumerate(pairs(8)):
            if number == 6:
                raise Stopped
            yield pair

    options = {"codec": PixelCodec(), "text": words, "seconds": 2.0, "source": {"set": "x"}, "shard_size": 2}
    with pytest.raises(Stopped):
        write_cache(tmp_path, some(), **options)
    assert not (tmp_path / "index.json").exists()
    first = tmp_path / "shard-00001.safetensors"
    before = first.stat().st_mtime_ns
    with pytest.raises(ValueError, match="folder must hold no clips of another source, found shard-00000"):
        write_cache(tmp_path, pairs(8), **{**options, "source": {"set": "y"}})
    (tmp_path / "shard-00002.safetensors").write_bytes(b"half of one")
    write_cache(tmp_path, pairs(8), **options)
    assert first.stat().st_mtime_ns > before or first.read_bytes()
    assert len(read_cache(tmp_path)[1]) == 8
    with pytest.raises(ValueError, match="folder must hold no cache yet"):
        write_cache(tmp_path, pairs(8), **options)


def test_clips_of_several_sizes_and_none_are_refused(tmp_path, words):
    options = {"codec": PixelCodec(), "text": words, "seconds": 2.0, "source": {}, "shard_size": 1}
    small = np.zeros((16, 32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match="clips must be of one size"):
        write_cache(tmp_path / "a", [*pairs(1), (small, "a circle")], **options)
    with pytest.raises(ValueError, match="clips must hold at least one"):
        write_cache(tmp_path / "b", [], **options)


def copied(cache: Path, place: Path) -> Path:
    place.mkdir()
    for path in cache.iterdir():
        if path.is_file():
            (place / path.name).write_bytes(path.read_bytes())
    return place


def test_damage_is_told(cache, tmp_path):
    broken = copied(cache, tmp_path / "flipped")
    shard = broken / "shard-00001.safetensors"
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"shard-00001\.safetensors is not the file that was written"):
        read_cache(broken)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=r"shard-00001\.safetensors is missing"):
        read_cache(broken)
    index = json.loads((cache / "index.json").read_text())
    for change, told in (
        ({"version": 2}, "version must be 1, found 2"),
        ({"format": {**index["format"], "frames": "many"}}, "is no index of clips"),
        ({"shards": [{}]}, "is no index of clips"),
        ({"shards": []}, "shards must hold at least one"),
    ):
        (broken / "index.json").write_text(json.dumps({**index, **change}))
        with pytest.raises(CorruptFileError, match=told):
            read_cache(broken)


def test_a_cache_that_does_not_match_is_refused(cache):
    with pytest.raises(
        ValueError, match="the clips' codec must be 'stabilityai/sd-vae-ft-mse', found 'tiny'"
    ):
        VideoSource(cache=cache, codec="stabilityai/sd-vae-ft-mse").open(states=StateSpace(), horizon=16)
    source = VideoSource(cache=cache)
    states = source.clips.layout.states()
    for wrong, horizon, told in (
        (
            StateSpace(positions=256, patches=(2, 2)),
            16,
            r"clips with patches = \(2, 2\), as the model, found \(4, 4\)",
        ),
        (StateSpace(positions=3), 16, "clips with positions = 3, as the model, found 256"),
        (states, 12, "clips with horizon = 12, as the model, found 16"),
    ):
        with pytest.raises(ValueError, match=told):
            source.open(states=wrong, horizon=horizon)


def test_some_of_training_lose_their_sentence_and_of_some_frames_are_known(cache):
    dataset = ClipDataset.open(cache, drop=0.3, known_share=0.4, seed=5)
    lost, known, first = 0, 0, 0
    for step in range(60):
        slot = Slot(step=step, batch_size=10)
        batch = dataset.at(slot)
        steps = batch.condition.is_known.any(dim=2)
        given = batch.condition.given
        lost += 0 if given is None else int((~given).sum())
        some = steps.any(dim=1)
        known += int(some.sum())
        first += int((steps.sum(dim=1) == 1).sum())
        assert bool(steps[steps.sum(dim=1) == 1][:, 0].all())
        assert torch.equal(batch.condition.known, batch.trajectory)
    assert 0.2 < lost / 600 < 0.4
    assert 0.3 < known / 600 < 0.5
    assert 0.35 < first / known < 0.65
    assert torch.equal(dataset.at(slot).condition.is_known, batch.condition.is_known)


def test_held_out_clips_are_whole_and_not_learnt_from(cache):
    source = VideoSource(cache=cache, held_out_share=0.2, drop=1.0)
    data = source.open(states=source.clips.layout.states(), horizon=16)
    held_out = data.held_out(2)
    assert held_out.condition.given is None
    learnt = torch.cat([data.at(Slot(step=step, batch_size=8)).trajectory for step in range(4)])
    assert not bool((learnt[:, None] == held_out.trajectory[None]).flatten(2).all(dim=2).any())
    assert data.settings["format"]["codec"] == "tiny"
    assert bool((~data.at(Slot(step=0, batch_size=8)).condition.given).all())
