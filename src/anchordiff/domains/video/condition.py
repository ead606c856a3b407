"""What a clip is generated for: a sentence, and frames that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from jaxtyping import Bool, Float

from anchordiff.checks import check_type
from anchordiff.conditions import Condition
from anchordiff.domains.video.text import TextEncoder
from anchordiff.tensors import check_tensor


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TextCondition(Condition):
    """Sentences as a text encoder tells them, with known frames where there are any.

    Attributes:
        tokens: features of each token of a sentence.
        visible: False for places that are no part of their sentence.
        pooled: features of the whole sentence.
        given: False where the sentence is left out, for classifier-free guidance; none where all are given.
        known: clips whose frames are known where `is_known` says so, as states (latents).
        is_known: which numbers of `known` are.

    Example:
        >>> from anchordiff.domains.video.text import WordEncoder
        >>> encoder = WordEncoder(("a", "ball", "falls"))
        >>> condition = TextCondition.from_text(["a ball falls", "a ball"], encoder)
        >>> condition.tokens.shape, condition.visible.tolist()
        (torch.Size([2, 3, 4]), [[True, True, True], [True, True, False]])
    """

    tokens: Float[torch.Tensor, "batch places features"]
    visible: Bool[torch.Tensor, "batch places"]
    pooled: Float[torch.Tensor, "batch features"]
    given: Bool[torch.Tensor, " batch"] | None = None
    known: Float[torch.Tensor, "batch horizon dim"] | None = None
    is_known: Bool[torch.Tensor, "batch horizon dim"] | None = None

    @classmethod
    def from_text(cls, sentences: Sequence[str] | str, encoder: TextEncoder) -> TextCondition:
        """A condition for each sentence.

        Args:
            sentences: one or several.
            encoder: that the weights were trained with.

        Raises:
            ValueError: if there is no sentence, or the encoder cannot read one.
        """
        sentences = [sentences] if isinstance(sentences, str) else list(sentences)
        for sentence in sentences:
            check_type("sentences", sentence, str)
        if not sentences:
            raise ValueError("sentences must hold at least one, found none")
        encoded = encoder.encode(sentences)
        return cls(tokens=encoded.tokens, visible=encoded.visible, pooled=encoded.pooled)

    @classmethod
    def make(cls, *parts: Any) -> TextCondition:  # noqa: ANN401
        """A condition from sentences and a text encoder; see `from_text`.

        Raises:
            ValueError: if there are other parts than these.
        """
        if len(parts) != 2:
            told = ", ".join(type(part).__name__ for part in parts)
            raise ValueError(
                f"condition must be a TextCondition, or sentences and a text encoder, found {told}"
            )
        return cls.from_text(*parts)

    def with_frames(
        self, known: Float[torch.Tensor, "batch horizon dim"], steps: Bool[torch.Tensor, "batch horizon"]
    ) -> TextCondition:
        """The condition with known frames: a first picture, key frames of a storyboard.

        Args:
            known: states of a clip for each sentence; only those of known steps are read.
            steps: True where a frame is known.

        Raises:
            ValueError: if the shapes do not fit.
        """
        check_tensor("known", known, "batch horizon dim")
        check_tensor("steps", steps, "batch horizon", "boolean")
        if known.shape[:2] != steps.shape:
            raise ValueError(
                f"steps must have the shape {tuple(known.shape[:2])}, found {tuple(steps.shape)}"
            )
        changed = replace(self, known=known, is_known=steps[..., None].expand_as(known).clone())
        changed.check()
        return changed

    def check(self) -> None:
        """Refuse shapes that do not fit each other and numbers that are not finite; see `Condition.check`."""
        for name, axes, kind in (
            ("tokens", "batch places features", "floating"),
            ("visible", "batch places", "boolean"),
            ("pooled", "batch features", "floating"),
            ("given", "batch", "boolean"),
            ("known", "batch horizon dim", "floating"),
            ("is_known", "batch horizon dim", "boolean"),
        ):
            value = getattr(self, name)
            if value is None and name in ("given", "known", "is_known"):
                continue
            check_tensor(name, value, axes, kind)  # type: ignore[arg-type]
            if len(value) != len(self.tokens):
                raise ValueError(
                    f"{name} must have {len(self.tokens)} elements, as tokens, found {len(value)}"
                )
        if self.visible.shape != self.tokens.shape[:2]:
            raise ValueError(
                f"visible must have the shape {tuple(self.tokens.shape[:2])} of tokens, "
                f"found {tuple(self.visible.shape)}"
            )
        if (self.known is None) != (self.is_known is None):
            missing = "is_known" if self.is_known is None else "known"
            raise ValueError(f"known and is_known must be given together, found no {missing}")
        there = [("tokens", self.tokens, self.visible[..., None]), ("pooled", self.pooled, None)]
        if self.known is not None and self.is_known is not None:
            if self.known.shape != self.is_known.shape:
                raise ValueError(
                    f"is_known must have the shape {tuple(self.known.shape)}, found {tuple(self.is_known.shape)}"
                )
            there.append(("known", self.known, self.is_known))
        for name, values, where in there:
            bad = ~values.isfinite() if where is None else ~values.isfinite() & where
            if bool(bad.any()):
                raise ValueError(
                    f"{name} must be finite, found NaN or infinity at {bad.nonzero()[0].tolist()}"
                )

    def without_guided(self) -> TextCondition:
        """The condition without its sentence; see `Condition.without_guided`."""
        return self.without_text(torch.ones(len(self), dtype=torch.bool, device=self.device))

    def without_text(self, where: Bool[torch.Tensor, " batch"]) -> TextCondition:
        """The condition without the sentences of some elements."""
        given = ~where if self.given is None else self.given & ~where
        return replace(self, given=given)

    def known_steps(self, horizon: int) -> Bool[torch.Tensor, "batch horizon"] | None:
        """Frames that are known; see `Condition.known_steps`."""
        if self.known is None or self.is_known is None:
            return None
        if self.known.shape[1] != horizon:
            raise ValueError(
                f"known must have the horizon {horizon} of the call, found {self.known.shape[1]}"
            )
        return self.is_known.any(dim=2)
