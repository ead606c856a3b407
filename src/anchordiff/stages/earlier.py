"""What version 0.1 wrote, in today's terms."""

import torch
from jaxtyping import Float
from torch import Tensor

from anchordiff.nn.fourier import fourier_size


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
