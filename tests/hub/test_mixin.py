"""The hub's verbs as methods of stages and pipelines."""

import pytest
import torch

from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion


def test_a_stage_is_saved_and_loaded_as_its_class(tiny_keypoints, tiny_denoiser, tmp_path):
    for name, model in (("k", tiny_keypoints()), ("d", tiny_denoiser())):
        folder = model.save_pretrained(tmp_path / name, dtype=torch.float16)
        loaded = type(model).from_pretrained(folder)
        assert type(loaded) is type(model)
        assert loaded.config == model.config
        for key, value in model.state_dict().items():
            assert torch.equal(loaded.state_dict()[key], value.half().float())
    with pytest.raises(ValueError, match="source must hold something of class InterpDenoiser"):
        InterpDenoiser.from_pretrained(tmp_path / "k")


def test_a_stage_of_a_pipeline_is_loaded_alone():
    stage = KeypointDiffusion.from_pretrained("particle-maze", subfolder="keypoints")
    pipeline = TwoStagePipeline.from_pretrained("particle-maze")
    assert stage.config == pipeline.keypoints.config
    assert all(map(torch.equal, stage.parameters(), pipeline.keypoints.parameters()))
