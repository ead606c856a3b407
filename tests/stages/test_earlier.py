"""What version 0.1 saved, in today's terms; and how a domain of one's own is found again by its tag."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from anchordiff.conditions import Condition
from anchordiff.configs import config_from_json, config_to_json
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.domains.vector import VectorEncoderConfig
from anchordiff.errors import CorruptFileError
from anchordiff.hub import from_pretrained, save_pretrained
from anchordiff.hub.layout import digests_of
from anchordiff.judge import FunctionJudge, Judge
from anchordiff.nn.config import EncoderConfig, TransformerConfig
from anchordiff.nn.embeddings import ContextEmbedding
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.earlier import pad_scalar
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

BODY = TransformerConfig(width=16, depth=1, heads=2)


@given(scalars=st.integers(2, 7), octaves=st.integers(1, 6), data=st.data())
def test_a_scalar_that_is_new_changes_nothing(scalars, octaves, data):
    place = data.draw(st.integers(0, scalars - 1))
    random = torch.Generator().manual_seed(0)
    old = ContextEmbedding(scalars - 1, 8, octaves=octaves).double()
    new = ContextEmbedding(scalars, 8, octaves=octaves).double()
    weights = old.state_dict()
    weights["network.0.weight"] = pad_scalar(
        weights["network.0.weight"], scalars, place=place, octaves=octaves
    )
    new.load_state_dict(weights)
    values = torch.randn(5, scalars - 1, generator=random, dtype=torch.float64)
    for extra in (0.0, 0.7, -300.0):
        column = torch.full((5, 1), extra, dtype=torch.float64)
        fed = torch.cat([values[:, :place], column, values[:, place:]], dim=1)
        torch.testing.assert_close(new(fed), old(values), atol=1e-12, rtol=1e-12)
    padded = weights["network.0.weight"]
    assert sorted(padded[padded != 0].tolist()) == sorted(old.network[0].weight.flatten().tolist())
    # What has the wanted size is returned as it is.
    assert pad_scalar(padded, scalars, place=place, octaves=octaves) is padded


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_scalar_has_a_place(place):
    old, new = ContextEmbedding(2, 4, octaves=2), ContextEmbedding(3, 4, octaves=2)
    weights = old.state_dict()
    weights["network.0.weight"] = pad_scalar(weights["network.0.weight"], 3, place=place, octaves=2)
    new.load_state_dict(weights)
    fed = torch.tensor([[0.3, 0.5, 0.9]])
    others = [i for i in range(3) if i != place]
    torch.testing.assert_close(new(fed), old(fed[:, others]))
    assert not torch.allclose(new(fed), old(fed[:, [(i + 1) % 3 for i in others]]), atol=1e-3)


def tell_digests(folder: Any, index: Any) -> None:
    """Let an index tell the digests of files that were changed on purpose."""
    data = json.loads(index.read_text())
    index.write_text(json.dumps({**data, "_sha256": digests_of(folder, list(data["_sha256"]))}))


def old_weights(model: InterpDenoiser, path: Any) -> None:
    """Save as 0.1 did: its stage 2 was fed one scalar less of the maze than today's is offered."""
    save_pretrained(model, path)
    from safetensors.torch import load_file, save_file

    file = path / "model.safetensors"
    weights = load_file(file)
    name = "context.network.0.weight"
    scalars, octaves = 3 + model.config.encoder.scalar_size, model.context.octaves
    keep = [i for i in range(scalars) if i != scalars - 3]
    plain, waves = weights[name][:, :scalars], weights[name][:, scalars:]
    waves = waves.unflatten(1, (2, scalars, octaves))[:, :, keep].flatten(1)
    weights[name] = torch.cat([plain[:, keep], waves], dim=1).contiguous()
    save_file(weights, file)
    tell_digests(path, path / "config.json")


def test_weights_of_a_stage_2_that_was_fed_a_scalar_less_load(tmp_path, tiny_denoiser, roughen, mazes):
    model = roughen(tiny_denoiser())
    name, octaves = "context.network.0.weight", model.context.octaves
    scalars = 3 + model.config.encoder.scalar_size
    with torch.no_grad():  # as if the scalar had never been read
        weight = model.state_dict()[name]
        waves = weight[:, scalars:].unflatten(1, (2, scalars, octaves))
        weight[:, scalars - 3] = 0.0
        waves[:, :, scalars - 3] = 0.0
    old_weights(model, tmp_path)
    loaded = from_pretrained(tmp_path, InterpDenoiser)
    condition = mazes(2)
    x_s = torch.lerp(condition.start[:, None], condition.goal[:, None], torch.linspace(0, 1, 16)[:, None])
    from anchordiff.anchors import AnchorSet
    from anchordiff.masks import Even

    anchors = AnchorSet.from_mask(Even(4).sample(2, 16))
    level = torch.tensor([2, 1])
    with torch.no_grad():
        assert torch.equal(loaded(x_s, level, anchors, condition), model(x_s, level, anchors, condition))


def earlier(
    config: KeypointDiffusionConfig | InterpDenoiserConfig, *, dim: int, tagged: bool
) -> dict[str, Any]:
    """A config of mazes as 0.1 wrote it."""
    saved: dict[str, Any] = config_to_json(config)
    states = saved.pop("states")
    saved["dim"] = dim
    if "num_levels" in saved:
        saved["num_anchors"] = saved.pop("num_keypoints")
    else:
        saved["scale"] = states["scale"]
    if not tagged:
        del saved["encoder"]["domain"]
    return saved


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("dim", [2, 4])
@pytest.mark.parametrize("kind", [KeypointDiffusionConfig, InterpDenoiserConfig])
def test_configs_of_0_1_load(kind, dim, tagged):
    scale = 1.5 if kind is KeypointDiffusionConfig else 2.0
    states = StateSpace(velocities=dim == 4, keypoint_velocities=dim == 4, scale=scale)
    encoder = MazeEncoderConfig(cell_channels=8, value_iteration=False)
    config = kind(states=states, encoder=encoder, num_keypoints=5, horizon=24)
    saved = json.loads(json.dumps(earlier(config, dim=dim, tagged=tagged)))
    before = json.dumps(saved)
    assert config_from_json(kind, saved) == config
    assert json.dumps(saved) == before
    assert kind.upgrade(config_to_json(config)) == config_to_json(config)


def test_a_whole_folder_of_0_1_loads(tmp_path, tiny_keypoints):
    model = tiny_keypoints(states=StateSpace(scale=1.5))
    save_pretrained(model, tmp_path)
    path = tmp_path / "config.json"
    saved = json.loads(path.read_text())
    head = {name: saved.pop(name) for name in ("_class_name", "anchordiff_version")}
    path.write_text(json.dumps(head | earlier(model.config, dim=2, tagged=False)))
    loaded = from_pretrained(tmp_path, KeypointDiffusion)
    assert loaded.config == model.config
    path.write_text(json.dumps(head | earlier(model.config, dim=2, tagged=False) | {"dim": 3}))
    with pytest.raises(CorruptFileError, match=r"config\.json .*dim must be 2 or 4, found 3"):
        from_pretrained(tmp_path, KeypointDiffusion)


def test_a_config_that_is_old_and_new_is_neither():
    saved = config_to_json(KeypointDiffusionConfig(encoder=MazeEncoderConfig())) | {"dim": 2}
    with pytest.raises(ValueError, match=r"config\.dim is not a field of KeypointDiffusionConfig"):
        config_from_json(KeypointDiffusionConfig, saved)


def test_pipelines_count_keypoints_under_either_name():
    saved: dict[str, Any] = config_to_json(PipelineConfig(num_keypoints=5))
    saved["num_anchors"] = saved.pop("num_keypoints")
    assert config_from_json(PipelineConfig, saved) == PipelineConfig(num_keypoints=5)


# A domain of one's own: a lamp whose brightness is to follow a line, told its level.


@dataclass(frozen=True, kw_only=True, eq=False)
class Light(Condition):
    """How bright a lamp is to be in the end."""

    level: Tensor

    def check(self) -> None:
        if not bool(((self.level >= 0) & (self.level <= 1)).all()):
            raise ValueError(f"level must lie in [0, 1], found {self.level.tolist()}")


@dataclass(frozen=True, kw_only=True, eq=False)
class LightScene(Scene):
    """The level as a scalar, and as the last state."""

    level: Tensor
    states: StateSpace

    def frame(self, times: Tensor, *, horizon: int) -> Frame:
        values = self.level.new_zeros(len(self.level), horizon, 1)
        values[:, -1, 0] = self.level
        mask = torch.zeros_like(values, dtype=torch.bool)
        mask[:, -1] = True
        copies = self.copies_in(len(times), "times")
        return Frame.known(
            values.repeat_interleave(copies, dim=0),
            mask.repeat_interleave(copies, dim=0),
            times,
            states=self.states,
        )


@dataclass(frozen=True, kw_only=True)
class LightEncoderConfig(EncoderConfig):
    """One layer."""

    domain: Literal["light-of-tests"] = "light-of-tests"
    gain: float = 2.0

    @property
    def scalar_size(self) -> int:
        return 3

    def build(self, states: StateSpace) -> "LightEncoder":
        return LightEncoder(self, states)


class LightEncoder(Encoder[Light, LightScene]):
    """Scalars by one layer."""

    condition_type = Light

    def __init__(self, config: LightEncoderConfig, states: StateSpace) -> None:
        super().__init__(config, states)
        self.gain = config.gain
        self.layer = nn.Linear(1, 3)

    def forward(self, condition: Light) -> LightScene:
        level = condition.level
        nothing = level.new_zeros(len(level), 1, 0, 0)
        scalars = self.layer(self.gain * level[:, None])
        return LightScene(keys=nothing, values=nothing, scalars=scalars, level=level, states=self.states)

    def judge(self) -> Judge:
        return FunctionJudge(lambda x, light: (x[:, 0, 0] >= 0, (x[:, 0, 0] - light.level).abs()))


@pytest.fixture
def lamp(roughen) -> TwoStagePipeline:
    torch.manual_seed(0)
    shared: dict[str, Any] = {
        "encoder": LightEncoderConfig(gain=3.0), "states": StateSpace(positions=1), "horizon": 10, "transformer": BODY
    }  # fmt: skip
    keypoints = KeypointDiffusion(KeypointDiffusionConfig(**shared, num_keypoints=4))
    denoiser = InterpDenoiser(InterpDenoiserConfig(**shared, num_keypoints=4))
    return TwoStagePipeline(roughen(keypoints), roughen(denoiser))


def test_a_domain_of_ones_own_is_saved_and_found_by_its_tag(lamp, tmp_path):
    lamp.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "keypoints" / "config.json").read_text())
    assert saved["encoder"] == {"domain": "light-of-tests", "gain": 3.0}
    loaded = TwoStagePipeline.from_pretrained(tmp_path)
    assert isinstance(loaded.keypoints.encoder, LightEncoder)
    assert loaded.keypoints.config == lamp.keypoints.config
    light = Light(level=torch.tensor([0.25, 0.75]))
    plans = [
        pipe.plan(light, candidates=5, generator=torch.Generator().manual_seed(0)) for pipe in (lamp, loaded)
    ]
    assert torch.equal(plans[0].trajectory, plans[1].trajectory)
    assert torch.equal(plans[0].trajectory[:, -1, 0], light.level)
    # Its judge came along.
    first = plans[0].generation.trajectory[:, 0, 0].view(2, 5)
    cost = (first - light.level[:, None]).abs().where(first >= 0, torch.inf)
    fine = plans[0].valid
    assert torch.equal(fine, (first >= 0).any(dim=1))
    assert torch.equal(plans[0].index[fine], cost.argmin(dim=1)[fine])
    with pytest.raises(ValueError, match=r"level must lie in \[0, 1\], found \[2.0\]"):
        loaded.generate(Light(level=torch.tensor([2.0])))


def test_a_tag_that_no_one_offers_is_named(lamp, tmp_path):
    lamp.save_pretrained(tmp_path)
    path = tmp_path / "keypoints" / "config.json"
    path.write_text(path.read_text().replace("light-of-tests", "light-of-others"))
    tell_digests(tmp_path, tmp_path / "model_index.json")
    message = (
        r"domain must be one of .*light-of-tests, maze, mazes, pointmaze, vector.*, found 'light-of-others'"
    )
    with pytest.raises(CorruptFileError, match=message):
        TwoStagePipeline.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "data", [{"domain": "nowhere"}, {"domain": 3, "lumens": 1}, {"lumens": 1.0}, {"gain": 1.0, "lumens": 2.0}]
)
def test_what_is_no_encoder_is_refused(data):
    with pytest.raises(ValueError, match=r"domain must be one of .*maze.*, found .* with the fields .*"):
        EncoderConfig.resolve(data)


def test_tags_find_all_installed_encoders():
    for config in (MazeEncoderConfig(), VectorEncoderConfig(), LightEncoderConfig()):
        saved = config_to_json(config)
        assert EncoderConfig.resolve(saved) is type(config)
        assert config_from_json(EncoderConfig, saved) == config
    # Fields tell apart what has no tag.
    assert EncoderConfig.resolve({"gain": 1.0}) is LightEncoderConfig
    assert EncoderConfig.resolve({"token_size": 3}) is VectorEncoderConfig
    with pytest.raises(ValueError, match=r"config\.gain must be float, found 'much'"):
        config_from_json(EncoderConfig, {"domain": "light-of-tests", "gain": "much"})
