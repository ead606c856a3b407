"""Codecs: pictures to latents and back, with real models of diffusers that are built, saved and loaded here."""

import json

import numpy as np
import pytest
import torch

from anchordiff import from_pretrained, save_pretrained
from anchordiff.data import Slot
from anchordiff.domains.video import (
    AutoencoderObjective,
    ClipLayout,
    DiffusersCodec,
    FrameAutoencoder,
    FrameAutoencoderConfig,
    PixelCodec,
    ShapeFrames,
    VideoCodec,
    open_codec,
)
from anchordiff.domains.video.codec import AutoencoderCodec
from anchordiff.training import Draw

TINY = FrameAutoencoderConfig(widths=(8, 8, 16))


def pictures(count=3, rows=32, cols=48, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, rows, cols, 3), np.uint8)


def test_pixels_come_back_as_they_were():
    codec = PixelCodec()
    latents = codec.encode(pictures())
    assert latents.shape == (3, 3, 32, 48)
    assert float(latents.abs().max()) <= 1.0
    assert np.array_equal(codec.decode(latents), pictures())
    assert isinstance(codec, VideoCodec)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tiny real models of diffusers on disk."""
    from diffusers import AutoencoderKL, AutoencoderTiny

    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("diffusers")
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4, scaling_factor=0.3,
    ).save_pretrained(place / "kl")  # fmt: skip
    AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1), latent_channels=4, scaling_factor=2.0,
    ).save_pretrained(place / "tiny")  # fmt: skip
    return place


@pytest.mark.parametrize(("name", "scale"), [("kl", 0.3), ("tiny", 2.0)])
def test_autoencoders_of_diffusers_are_scaled_as_their_config_says(folder, name, scale):
    codec = open_codec(str(folder / name))
    assert isinstance(codec, DiffusersCodec)
    assert isinstance(codec, VideoCodec)
    assert (codec.channels, codec.factor, codec.id) == (4, 2, str(folder / name))
    given = pictures()
    latents = codec.encode(given)
    assert latents.shape == (3, 4, 16, 24)
    x = torch.from_numpy(given).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        raw = codec.model.encode(x)
        raw = raw.latent_dist.mean if name == "kl" else raw.latents
        expected = codec.model.decode(raw).sample
    torch.testing.assert_close(latents, scale * raw, atol=1e-4, rtol=1e-4)
    back = codec.decode(latents)
    assert back.shape == given.shape
    assert back.dtype == np.uint8
    wanted = ((expected.clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    assert np.abs(back.astype(float) - wanted).max() <= 1  # where rounding decides


def test_a_config_of_another_class_is_refused(folder, tmp_path):
    config = json.loads((folder / "kl" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "_class_name": "UNet2DModel"}))
    with pytest.raises(
        ValueError, match="source must hold one of AutoencoderKL, AutoencoderTiny, found UNet2DModel"
    ):
        DiffusersCodec.from_pretrained(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"source must hold a config\.json"):
        open_codec(str(tmp_path / "empty"))


def test_our_own_autoencoder_is_saved_and_opened(tmp_path):
    torch.manual_seed(0)
    config = FrameAutoencoderConfig(widths=(8, 8, 16), scale=0.5)
    model = FrameAutoencoder(config)
    save_pretrained(model, tmp_path / "codec")
    assert from_pretrained(tmp_path / "codec", FrameAutoencoder).config == config
    codec = open_codec(tmp_path / "codec")
    assert isinstance(codec, AutoencoderCodec)
    latents = codec.encode(pictures())
    assert latents.shape == (3, 4, 4, 6)
    with torch.no_grad():
        raw = model.eval().encode(torch.from_numpy(pictures()).permute(0, 3, 1, 2) / 127.5 - 1)
    torch.testing.assert_close(latents, raw / 0.5, atol=1e-5, rtol=1e-5)
    few = AutoencoderCodec(model, name="few", scale=0.5, batch_size=2)
    torch.testing.assert_close(few.encode(pictures()), latents, atol=1e-5, rtol=1e-5)
    assert np.abs(few.decode(latents).astype(int) - codec.decode(latents)).max() <= 1


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_picture_is_refused(tiny_codec):
    for bad, told in (
        (np.zeros((2, 32, 32, 3)), "pictures must be a uint8 array"),
        (np.zeros((0, 32, 32, 3), np.uint8), "pictures must hold at least one"),
        (
            np.zeros((2, 30, 32, 3), np.uint8),
            r"pictures must have rows and columns in multiples of 8, found \(30, 32\)",
        ),
    ):
        with pytest.raises(ValueError, match=told):
            tiny_codec.encode(bad)
    with pytest.raises(
        ValueError, match=r"latents must be a floating-point tensor of shape \(n, 4, height, width\)"
    ):
        tiny_codec.decode(torch.zeros(1, 3, 4, 4))
    with pytest.raises(ValueError, match="widths must be positive multiples of 8"):
        FrameAutoencoderConfig(widths=(8, 8, 12))
    with pytest.raises(ValueError, match="config must be a FrameAutoencoderConfig"):
        FrameAutoencoder(None)


def test_the_autoencoder_learns_pictures():
    torch.manual_seed(0)
    model, objective = FrameAutoencoder(TINY), AutoencoderObjective(noise=0.05)
    shown = ShapeFrames(seed=4).open().held_out(4)
    assert shown.shape == (4, 3, 64, 64)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for step in range(80):
        terms = objective(model, shown, Draw(step=step, generator=torch.Generator().manual_seed(step)))
        optimiser.zero_grad()
        terms["loss"].backward()
        optimiser.step()
        losses.append(float(terms["error"]))
    assert losses[-1] < 0.2 * losses[0]


def test_frames_of_a_slot_are_a_pure_function_of_it():
    slot = Slot(step=1, batch_size=6)  # frames 6 to 11: two of clip 1, four of clip 2
    frames = ShapeFrames(seed=1, frames=4)
    assert torch.equal(frames.at(slot), frames.at(slot))
    assert not torch.equal(frames.at(slot), ShapeFrames(seed=2, frames=4).at(slot))
    grounds = frames.at(slot)[:, :, 0, 0]
    assert torch.equal(grounds[0], grounds[1])
    assert torch.equal(grounds[2], grounds[5])
    assert not torch.equal(grounds[1], grounds[2])


@pytest.mark.parametrize("patch_size", [1, 2, 4])
def test_latents_lie_in_states_patch_by_patch_and_come_back(patch_size):
    layout = ClipLayout(channels=3, height=4, width=8, patch_size=patch_size)
    latents = torch.randn(2, 5, 3, 4, 8, generator=torch.Generator().manual_seed(0))
    states, space = layout.to_states(latents), layout.states()
    assert states.shape == (2, 5, space.dim)
    assert torch.equal(layout.to_latents(states), latents)
    tokens = space.tokens(states).view(2, 5, *layout.patches, -1)
    row, col = layout.patches[0] - 1, layout.patches[1] - 1
    corner = latents[:, :, :, row * patch_size :, col * patch_size :].flatten(2)
    assert torch.equal(tokens[:, :, row, col], corner)


@pytest.mark.usefixtures("unchecked")
def test_layouts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="height must be a multiple of patch_size = 2, found 5"):
        ClipLayout(channels=4, height=5, width=8)
    layout = ClipLayout(channels=4, height=8, width=8)
    with pytest.raises(ValueError, match=r"latents must be .* of shape \(batch, steps, 4, 8, 8\)"):
        layout.to_states(torch.zeros(1, 2, 4, 8, 4))
    with pytest.raises(ValueError, match=r"states must be .* of shape \(batch, steps, 256\)"):
        layout.to_latents(torch.zeros(1, 2, 255))
