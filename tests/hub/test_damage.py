"""Files that are not what was saved, and things that would not load again."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
from folder_tools import assert_same_weights, edit, unseal
from huggingface_hub import ModelCard
from torch import nn

import anchordiff
from anchordiff import hub
from anchordiff.errors import CorruptFileError
from anchordiff.hub import from_pretrained, save_pretrained
from anchordiff.hub.layout import digests_of
from anchordiff.schedules import Rectified, make_schedule
from anchordiff.training import RunOptions, TrainConfig, fit

FILES = ("config.json", "model.safetensors")


def test_a_flipped_bit_is_seen(pipe, keypoints, tmp_path):
    pipe.save_pretrained(tmp_path / "pipe")
    save_pretrained(keypoints, tmp_path / "network")
    for path in (*tmp_path.rglob("model.safetensors"), *(tmp_path / "pipe").rglob("config.json")):
        content = path.read_bytes()
        place = len(content) - 30
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(CorruptFileError, match=rf"{re.escape(str(path))} is not the file that was saved"):
            from_pretrained(tmp_path / path.relative_to(tmp_path).parts[0])
        path.write_bytes(content)
    assert_same_weights(keypoints, from_pretrained(tmp_path / "network"))


def test_folders_without_digests_load(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    unseal(tmp_path)
    assert_same_weights(pipe.keypoints, from_pretrained(tmp_path).keypoints)


def test_bundled_weights_tell_their_digests():
    for name in hub.bundled_names():
        folder = Path(anchordiff.__file__).parent / "weights" / name
        told = json.loads((folder / "model_index.json").read_text())["_sha256"]
        assert sorted(told) == [f"{part}/{file}" for part in ("denoiser", "keypoints") for file in FILES]
        assert told == digests_of(folder, list(told))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["transformer"].update(width=10**18, heads=1),
        lambda d: d["transformer"].update(width=10**12, heads=1),
        lambda d: d["transformer"].update(depth=10**6),
        lambda d: d["transformer"].update(depth=10**18),
        lambda d: d["states"].update(positions=10**15),
        lambda d: d["encoder"].update(width=10**12),
    ],
)
def test_absurd_sizes_are_refused_before_anything_is_built(keypoints, tmp_path, change):
    save_pretrained(keypoints, tmp_path)
    edit(tmp_path / "config.json", change)
    with pytest.raises(CorruptFileError, match=r"config\.json"):
        from_pretrained(tmp_path)


@pytest.mark.parametrize("levels", [10**9, 65])
def test_levels_have_steps_to_lose(tiny_denoiser, tmp_path, levels, unchecked):
    save_pretrained(tiny_denoiser(horizon=64), tmp_path)
    edit(tmp_path / "config.json", lambda data: data.update(num_levels=levels))
    with pytest.raises(CorruptFileError, match=f"num_levels must lie in 1 ... horizon, found {levels}"):
        from_pretrained(tmp_path)


def test_nested_json_is_no_recursion_error(keypoints, tmp_path):
    save_pretrained(keypoints, tmp_path)
    (tmp_path / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(CorruptFileError, match=r"config.json is not JSON"):
        from_pretrained(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_named_pipe_is_no_file(keypoints, tmp_path, name):
    save_pretrained(keypoints, tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises((CorruptFileError, FileNotFoundError)):
        from_pretrained(tmp_path)


def test_what_its_config_would_not_make_is_not_saved(pipe, keypoints, tmp_path, unchecked):
    whole = tmp_path / "whole"
    keypoints.schedule = Rectified()
    with pytest.raises(
        ValueError, match=r"schedule must be what the config makes, Cosine\(.*found Rectified"
    ):
        save_pretrained(keypoints, whole)
    with pytest.raises(ValueError, match="schedule must be what the config makes"):
        pipe.save_pretrained(whole)
    keypoints.schedule = make_schedule("cosine")
    encoder = keypoints.encoder
    keypoints.encoder = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"encoder must be what the config makes, which is .*, found Linear"):
        save_pretrained(keypoints, whole)
    keypoints.encoder = encoder
    save_pretrained(keypoints, whole)


def test_a_network_and_a_pipeline_do_not_share_a_folder(pipe, keypoints, tmp_path):
    pipe.save_pretrained(tmp_path / "pipe")
    with pytest.raises(
        ValueError, match=r"folder must not hold a pipeline for a KeypointDiffusion, found .*index"
    ):
        save_pretrained(keypoints, tmp_path / "pipe")
    save_pretrained(keypoints, tmp_path / "network")
    with pytest.raises(ValueError, match="folder must not hold a network for a TwoStagePipeline"):
        pipe.save_pretrained(tmp_path / "network")


def test_what_a_killed_save_left_is_removed(pipe, tmp_path):
    (tmp_path / ".saving-abc").mkdir()
    (tmp_path / ".saving-abc" / "model.safetensors").write_bytes(b"half")
    pipe.save_pretrained(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_weights_are_float32_whatever_the_default(keypoints, tmp_path):
    save_pretrained(keypoints, tmp_path)
    torch.set_default_dtype(torch.float64)
    try:
        loaded = from_pretrained(tmp_path)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}
    assert_same_weights(keypoints, loaded)


def test_a_run_of_fit_says_how_to_load_it(tmp_path):
    model = nn.Linear(1, 1)
    options = RunOptions(tensorboard=False, progress=False)
    fit(
        model,
        lambda slot: torch.ones(slot.size, 1),
        lambda model, x, draw: model(x).square().mean(),
        TrainConfig(steps=2, batch_size=2),
        tmp_path,
        options=options,
    )
    with pytest.raises(ValueError, match=r"holds a training run.*save_pretrained.*weights\.safetensors"):
        from_pretrained(tmp_path)


def test_a_card_says_what_it_is_and_stays(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.library_name == "anchordiff"
    assert "ad.TwoStagePipeline.from_pretrained" in card.text
    assert f"{sum(value.numel() for value in pipe.denoiser.parameters()):,} parameters" in card.text
    (tmp_path / "README.md").write_text("# Mine\n")
    pipe.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Mine\n"
