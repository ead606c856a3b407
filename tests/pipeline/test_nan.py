"""NaN in a network is an error, not an endless loop."""

import pytest
import torch

import anchordiff as ad


def test_nan_in_the_encoder_is_told(pipe, new_pipeline, condition):
    broken = new_pipeline(seed=1)
    with torch.no_grad():
        broken.keypoints.encoder.value_iteration.linear.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match="costs must be positive, found nan"):
        broken.generate(condition)
    assert isinstance(pipe.generate(condition), ad.Generation)
