"""What version 0.1 wrote, in today's terms."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from anchordiff.nn.embeddings import fourier_size


def upgrade_config(data: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a stage that 0.1 saved: positions on a plane, with or without velocities; K by another name."""
    new = dict(data)
    if "states" not in new and "dim" in new:
        dim = new.pop("dim")
        if dim not in (2, 4):
            raise ValueError(f"dim must be 2 or 4, found {dim!r}")
        states = {"positions": 2, "velocities": dim == 4}
        new["states"] = states | ({"scale": new.pop("scale")} if "scale" in new else {})
    if "num_anchors" in new and "num_keypoints" not in new:
        new["num_keypoints"] = new.pop("num_anchors")
    return new


def pad_scalar(
    weight: Float[Tensor, "width features"], scalars: int, *, place: int, octaves: int
) -> Float[Tensor, "width more"]:
    """The first layer of a `ContextEmbedding` that was fed one scalar less, for one that is fed all of them.

    The new scalar has no weight, so that the layer computes what it computed.

    Args:
        weight: of the layer; returned as it is where it has the wanted size.
        scalars: how many the layer is to be fed.
        place: of the one that is new.
        octaves: of the features of each scalar.
    """
    if weight.shape[1] != fourier_size(scalars - 1, octaves=octaves):
        return weight
    plain, waves = weight[:, : scalars - 1], weight[:, scalars - 1 :].reshape(-1, 2, scalars - 1, octaves)
    empty = weight.new_zeros(len(weight), 2, 1, octaves)
    waves = torch.cat([waves[:, :, :place], empty, waves[:, :, place:]], dim=2)
    plain = torch.cat([plain[:, :place], empty[:, 0, :, 0], plain[:, place:]], dim=1)
    return torch.cat([plain, waves.flatten(1)], dim=1)
