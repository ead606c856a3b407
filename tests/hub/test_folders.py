import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from folder_tools import assert_same_weights, edit, edit_weights, unseal
from safetensors.torch import load_file
from torch import nn

import anchordiff
from anchordiff.errors import CorruptFileError
from anchordiff.hub import from_pretrained, register, registry, save_pretrained
from anchordiff.hub.registry import find_class
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.keypoints import KeypointDiffusion

FILES = ("config.json", "model.safetensors")


def test_a_pipeline_returns_as_it_was(pipe, tmp_path):
    assert pipe.save_pretrained(tmp_path / "pipe") == tmp_path / "pipe"
    loaded = TwoStagePipeline.from_pretrained(tmp_path / "pipe")
    assert loaded.config == pipe.config
    for name, network in pipe.components.items():
        again = loaded.components[name]
        assert again.config == network.config
        assert not again.training
        assert_same_weights(network, again)


def test_the_layout(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    parts = ["README.md", "denoiser/config.json", "denoiser/model.safetensors"]
    parts += ["keypoints/config.json", "keypoints/model.safetensors", "model_index.json"]
    assert files == parts
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "TwoStagePipeline"
    assert index["anchordiff_version"] == anchordiff.__version__
    assert index["components"] == {"keypoints": "KeypointDiffusion", "denoiser": "InterpDenoiser"}
    config = json.loads((tmp_path / "keypoints" / "config.json").read_text())
    assert config["_class_name"] == "KeypointDiffusion"
    assert config["anchordiff_version"] == anchordiff.__version__
    assert config["transformer"]["heads"] == 2


def test_one_network(keypoints, pipe, tmp_path):
    save_pretrained(keypoints, tmp_path)
    loaded = from_pretrained(tmp_path, KeypointDiffusion)
    assert_same_weights(keypoints, loaded)
    with pytest.raises(
        ValueError, match="must hold something of class TwoStagePipeline, found KeypointDiffusion in"
    ):
        TwoStagePipeline.from_pretrained(tmp_path)
    pipe.save_pretrained(tmp_path / "pipe")
    assert type(from_pretrained(tmp_path / "pipe")) is TwoStagePipeline
    assert_same_weights(keypoints, from_pretrained(tmp_path / "pipe", subfolder="keypoints"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_for_storage_alone(keypoints, tmp_path, dtype):
    save_pretrained(keypoints, tmp_path / "half", dtype=dtype)
    save_pretrained(keypoints, tmp_path / "full")
    stored = load_file(tmp_path / "half" / "model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {dtype}
    loaded = from_pretrained(tmp_path / "half")
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    assert_same_weights(keypoints, loaded, rtol=1e-2, atol=1e-3)
    sizes = [(tmp_path / kind / "model.safetensors").stat().st_size for kind in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]


def test_loading_leaves_the_random_state_alone(keypoints, tmp_path):
    save_pretrained(keypoints, tmp_path)
    state = torch.get_rng_state()
    from_pretrained(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_loaded_again_is_not_saved(keypoints, tmp_path, unchecked):
    with pytest.raises(ValueError, match="dtype must be one of"):
        save_pretrained(keypoints, tmp_path, dtype=torch.int8)
    with pytest.raises(ValueError, match=r"class name must be one of .*found 'Linear'"):
        save_pretrained(nn.Linear(2, 2), tmp_path)
    with torch.no_grad():
        keypoints.transformer.to_tokens.weight[0, 0] = 1e6
    with pytest.raises(ValueError, match=r"transformer.to_tokens.weight must be finite in torch.float16"):
        save_pretrained(keypoints, tmp_path, dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(widht=3), r"config.widht is not a field of KeypointDiffusionConfig"),
        (lambda d: d["transformer"].update(deep=3), r"config.transformer.deep is not a field"),
        (lambda d: d.update(horizon="64"), r"config.horizon must be int, found '64'"),
        (lambda d: d.update(schedule="sine"), r"config.schedule must be one of 'linear_beta', 'cosine'"),
        (lambda d: d.update(_class_name="Diffuser"), r"_class_name: class name must be .*found 'Diffuser'"),
        (lambda d: d.pop("_class_name"), r"_class_name.*found 'None'"),
        (lambda d: d["states"].update(scales=3), r"config.states.scales is not a field of StateSpace"),
        (lambda d: d["encoder"].update(domain="kitchen"), r"domain must be one of .*maze.*found 'kitchen'"),
        (lambda d: d["encoder"].update(cells=3), r"config.encoder.cells is not a field of MazeEncoderConfig"),
        (lambda d: d["transformer"].update(width=64), r"must have the shape .* found"),
        (
            lambda d: d["transformer"].update(depth=2),
            r"transformer.blocks.1.to_look.weight is missing; .*more",
        ),
    ],
)
def test_configs_that_do_not_fit(keypoints, tmp_path, change, message):
    save_pretrained(keypoints, tmp_path)
    edit(tmp_path / "config.json", change)
    with pytest.raises(CorruptFileError, match=message):
        from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("transformer.to_tokens.bias"), "transformer.to_tokens.bias is missing"),
        (lambda w: w.update(extra=torch.zeros(1)), "extra is not a weight of the network"),
        (
            lambda w: w.update({"transformer.to_tokens.bias": torch.zeros(3)}),
            r"transformer.to_tokens.bias must have the shape \(32,\), found \(3,\)",
        ),
        (
            lambda w: w.update({"transformer.to_tokens.bias": torch.zeros(32, dtype=torch.int64)}),
            "transformer.to_tokens.bias must be torch.float32, found torch.int64",
        ),
        (
            lambda w: w.update({"transformer.to_tokens.bias": torch.zeros(32, dtype=torch.float64)}),
            "transformer.to_tokens.bias must be torch.float32, found torch.float64",
        ),
        (
            lambda w: w["transformer.to_tokens.bias"][1:2].fill_(float("nan")),
            "transformer.to_tokens.bias must be finite, found NaN or infinity",
        ),
        (
            lambda w: w.update({"transformer.to_tokens.bias": torch.full((32,), torch.inf).half()}),
            "transformer.to_tokens.bias must be finite, found NaN or infinity",
        ),
    ],
)
def test_weights_that_do_not_fit(keypoints, tmp_path, change, message):
    save_pretrained(keypoints, tmp_path)
    edit_weights(tmp_path / "model.safetensors", change)
    with pytest.raises(CorruptFileError, match=message):
        from_pretrained(tmp_path)


def test_weights_that_an_upgrade_cannot_read_are_named(pipe, tmp_path):
    save_pretrained(pipe.denoiser, tmp_path)
    edit_weights(
        tmp_path / "model.safetensors",
        lambda w: w.update({"context.network.0.weight": torch.zeros(3)}),
    )
    with pytest.raises(
        CorruptFileError, match=r"context.network.0.weight must have the shape .* found \(3,\)"
    ):
        from_pretrained(tmp_path)


def test_a_shared_encoder_is_shared_again(pipe, tiny_denoiser, tmp_path):
    config = pipe.keypoints.config
    denoiser = tiny_denoiser(
        horizon=64,
        num_keypoints=5,
        states=config.states,
        encoder=config.encoder,
        transformer=config.transformer,
    )
    denoiser.encoder.load_state_dict(pipe.keypoints.encoder.state_dict())
    alike = TwoStagePipeline(pipe.keypoints, denoiser)
    assert not TwoStagePipeline.from_pretrained(alike.save_pretrained(tmp_path / "a")).config.shared_encoder
    denoiser.encoder = pipe.keypoints.encoder
    one = TwoStagePipeline(pipe.keypoints, denoiser)
    loaded = TwoStagePipeline.from_pretrained(one.save_pretrained(tmp_path / "b"))
    assert loaded.config == one.config
    assert loaded.config.shared_encoder


def test_broken_files_are_named(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    unseal(tmp_path)
    weights = tmp_path / "denoiser" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptFileError, match=r"denoiser.model.safetensors is not a whole safetensors file"):
        from_pretrained(tmp_path)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=r"denoiser.model.safetensors is missing"):
        from_pretrained(tmp_path)
    weights.write_bytes(content)
    (tmp_path / "keypoints" / "config.json").write_text("{")
    with pytest.raises(CorruptFileError, match=r"keypoints.config.json is not JSON"):
        from_pretrained(tmp_path)
    (tmp_path / "keypoints" / "config.json").write_text("[]")
    with pytest.raises(CorruptFileError, match="must hold a JSON object, found list"):
        from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["components"].update({"../keypoints": "KeypointDiffusion"}),
            "components must map names",
        ),
        (lambda d: d["components"].update(keypoints="InterpDenoiser"), "must hold the InterpDenoiser"),
        (lambda d: d["components"].pop("denoiser"), "denoiser"),
        (lambda d: d.update(config=3), "config must be an object, found 3"),
        (lambda d: d.update(config=None), "config must be an object, found None"),
        (lambda d: d["config"].update(sampler="ode"), "config.sampler must be one of"),
        (lambda d: d["config"].update(num_keypoints=100), "num_keypoints must be at most horizon"),
        (lambda d: d.update(_class_name="KeypointDiffusion"), "KeypointDiffusion is not a pipeline"),
        (lambda d: d.update(more=1), "more is not a key of model_index.json"),
    ],
)
def test_an_index_that_does_not_fit(pipe, tmp_path, change, message):
    pipe.save_pretrained(tmp_path)
    edit(tmp_path / "model_index.json", change)
    with pytest.raises(CorruptFileError, match=message):
        from_pretrained(tmp_path)


def test_other_files_stay_and_none_is_left_half_written(pipe, tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("card")
    pipe.save_pretrained(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    replace, left = Path.replace, [2]

    def fail_at_third(self, target):
        if left[0] == 0:
            raise OSError("disk full")
        left[0] -= 1
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_third)
    with pytest.raises(OSError, match="disk full"):
        pipe.save_pretrained(tmp_path)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_files_have_ordinary_permissions(keypoints, tmp_path):
    save_pretrained(keypoints, tmp_path)
    (tmp_path / "other").touch()
    wanted = (tmp_path / "other").stat().st_mode
    assert {(tmp_path / name).stat().st_mode for name in os.listdir(tmp_path)} == {wanted}  # noqa: PTH208


@dataclass(frozen=True, kw_only=True)
class LayersConfig:
    sizes: tuple[int, ...] = (3, 4)
    names: tuple[str, float] | None = None


class Layers(nn.Module):
    def __init__(self, config: LayersConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(*config.sizes)
        self.register_buffer("count", torch.tensor([3]))


def test_a_class_of_ones_own(tmp_path):
    register(Layers)
    model = Layers(LayersConfig(sizes=(5, 2), names=("a", 0.5)))
    save_pretrained(model, tmp_path, dtype=torch.float16)
    loaded = from_pretrained(tmp_path)
    assert type(loaded) is Layers
    assert loaded.config == model.config
    assert loaded.config.sizes == (5, 2)
    assert loaded.count.dtype == torch.int64
    assert find_class("Layers") is Layers


def test_names_cannot_be_taken_over(unchecked, monkeypatch):
    impostor = type("KeypointDiffusion", (Layers,), {})
    with pytest.raises(ValueError, match="'KeypointDiffusion', which is taken"):
        register(impostor)
    # Nor may the name of a class whose module is not imported yet.
    monkeypatch.setattr(registry, "_REGISTERED", {})
    with pytest.raises(ValueError, match="'KeypointDiffusion', which is taken"):
        register(impostor)
    monkeypatch.undo()
    register(type("Impostor", (Layers,), {}))
    with pytest.raises(ValueError, match="'Impostor', which is taken"):
        register(type("Impostor", (Layers,), {"__module__": "elsewhere"}))
    with pytest.raises(ValueError, match="registered KeypointDiffusion, found another class"):
        save_pretrained(impostor(LayersConfig()), "unused")
    with pytest.raises(ValueError, match="Linear must take a parameter config"):
        register(nn.Linear)
