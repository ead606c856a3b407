"""A small convolutional autoencoder of frames: pictures to latents an eighth of their side, and back.

Notation: x is a picture in [-1, 1], z = E(x) its latent, y = D(z + τ ε) the picture that comes back, with ε ~ N(0, I).
Trained with a squared penalty on z this is a variational autoencoder (Kingma and Welling 2014) whose posterior has the
one variance τ²: latents have about unit size, and near ones mean near pictures, which is what a diffusion over them
needs.
"""

from jaxtyping import Float
from torch import Tensor, nn

from anchordiff import hub
from anchordiff.checks import check_type
from anchordiff.domains.video.codec_config import FrameAutoencoderConfig
from anchordiff.tensors import check_tensor


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


@hub.register
class FrameAutoencoder(nn.Module):
    """Pictures to latents and back; a frame at a time."""

    FACTOR = 8
    """Pixels of a picture's side that one of a latent's stands for."""

    def __init__(self, config: FrameAutoencoderConfig) -> None:
        super().__init__()
        check_type("config", config, FrameAutoencoderConfig)
        self.config = config
        first, second, third = config.widths
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, first, 3, padding=1), *self._blocks(first),
            nn.Conv2d(first, second, 4, stride=2, padding=1), *self._blocks(second),
            nn.Conv2d(second, third, 4, stride=2, padding=1), *self._blocks(third),
            nn.GroupNorm(8, third), nn.SiLU(), nn.Conv2d(third, config.latent_channels, 1),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Conv2d(config.latent_channels, third, 3, padding=1), *self._blocks(third),
            nn.Conv2d(third, 4 * second, 1), nn.PixelShuffle(2), *self._blocks(second),
            nn.Conv2d(second, 4 * first, 1), nn.PixelShuffle(2), *self._blocks(first),
            nn.GroupNorm(8, first), nn.SiLU(), nn.Conv2d(first, 12, 3, padding=1), nn.PixelShuffle(2),
        )  # fmt: skip
        self.float()  # whatever torch's default is

    def _blocks(self, width: int) -> list[nn.Module]:
        return [_Residual(width) for _ in range(self.config.blocks)]

    def encode(
        self, pictures: Float[Tensor, "batch 3 rows cols"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Latents of pictures.

        Args:
            pictures: red, green and blue in [-1, 1]; rows and columns are multiples of `FACTOR`.

        Raises:
            ValueError: if they are no such pictures.
        """
        check_tensor("pictures", pictures, "batch 3 rows cols")
        if pictures.shape[2] % self.FACTOR or pictures.shape[3] % self.FACTOR:
            raise ValueError(
                f"pictures must have rows and columns in multiples of {self.FACTOR}, found {tuple(pictures.shape[2:])}"
            )
        latents: Tensor = self.encoder(pictures)
        return latents

    def decode(
        self, latents: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 3 rows cols"]:
        """The pictures that latents stand for, in about [-1, 1].

        Raises:
            ValueError: if they have other channels.
        """
        check_tensor("latents", latents, f"batch {self.config.latent_channels} height width")
        pictures: Tensor = self.decoder(latents)
        return pictures
