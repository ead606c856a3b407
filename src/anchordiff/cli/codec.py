"""`anchordiff train codec`."""

from dataclasses import dataclass, field
from typing import ClassVar

from anchordiff.cli._domains import with_domain
from anchordiff.cli._runs import RunFlags, check_stage_folder, report
from anchordiff.domains.video.codec_config import AutoencoderObjective, FrameAutoencoderConfig, ShapeFrames


@dataclass(frozen=True, kw_only=True)
class TrainCodec(RunFlags):
    """Train a small autoencoder of frames on moving shapes: the codec of clips where no other can be had.

    Attributes:
        data: what it is trained on.
        model: what the network is made of.
        objective: what it is trained for.
    """

    domain: ClassVar[str | None] = "video"

    data: ShapeFrames = field(default_factory=ShapeFrames)
    model: FrameAutoencoderConfig = field(default_factory=FrameAutoencoderConfig)
    objective: AutoencoderObjective = field(default_factory=AutoencoderObjective)

    @classmethod
    def for_domain(cls, name: str | None) -> type["TrainCodec"]:
        """The command; it is of one domain."""
        if name not in (None, "video"):
            raise ValueError(f"--domain must be video, or left out, for train codec, found {name}")
        return with_domain(cls, name, {})

    def fit(self) -> None:
        """Train, or go on training."""
        from anchordiff.domains.video.codec_training import fit_codec

        check_stage_folder(self.out, resume=self.resume)
        result = fit_codec(self.model, self.data, self.out, objective=self.objective, options=self.options())
        report(result, self.out)
