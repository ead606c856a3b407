"""From sentences to features of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import torch
from jaxtyping import Bool, Float

from anchordiff.domains.video.config import DEFAULT_TEXT
from anchordiff.errors import MissingExtraError

_WORDS: Final = "words:"


@final
@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """Sentences as features.

    Attributes:
        tokens: features of each token.
        visible: False for places that are no part of their sentence.
        pooled: features of each whole sentence.
    """

    tokens: Float[torch.Tensor, "batch places features"]
    visible: Bool[torch.Tensor, "batch places"]
    pooled: Float[torch.Tensor, "batch features"]


@runtime_checkable
class TextEncoder(Protocol):
    """What tells networks a sentence; it is not trained with them."""

    @property
    def id(self) -> str:
        """What it is called in the record of a cache, and in weights that were trained with it."""

    @property
    def token_size(self) -> int:
        """Features of a token, and of a pooled sentence."""

    def encode(self, sentences: Sequence[str]) -> EncodedText:
        """Features of sentences.

        Raises:
            ValueError: if it cannot read one.
        """


@final
class WordEncoder:
    """A fixed list of words, each told by a feature of its own and its place, 0 … 1, in its sentence.

    Nothing has to be downloaded.
    What words mean is left to the networks that read them. For data sets that say little (`moving-shapes`), and tests.

    Args:
        words: all that sentences may be made of.

    Raises:
        ValueError: if there are none, or one is there twice or holds a blank.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        if not self.words or len(set(self.words)) < len(self.words):
            raise ValueError(f"words must be different ones, at least one, found {words!r}")
        if bad := [word for word in self.words if not word or word.split() != [word]]:
            raise ValueError(f"words must hold no blanks, found {bad[0]!r}")
        self._places = {word: place for place, word in enumerate(self.words)}

    @property
    def id(self) -> str:
        """The words, so that the encoder can be made of it again; see `open_text`."""
        return f"{_WORDS}{' '.join(self.words)}"

    @property
    def token_size(self) -> int:
        """One for each word, and one for the place in the sentence."""
        return len(self.words) + 1

    def encode(self, sentences: Sequence[str]) -> EncodedText:
        """Words as features; see `TextEncoder.encode`."""
        parts = [sentence.split() for sentence in sentences]
        for sentence, words in zip(sentences, parts, strict=True):
            if unknown := [word for word in words if word not in self._places]:
                raise ValueError(
                    f"sentences must be made of the words {', '.join(self.words)}, found {unknown[0]!r} in {sentence!r}"
                )
            if not words:
                raise ValueError("sentences must have at least one word, found an empty one")
        most = max(map(len, parts))
        tokens = torch.zeros(len(parts), most, self.token_size)
        visible = torch.zeros(len(parts), most, dtype=torch.bool)
        for row, words in enumerate(parts):
            for place, word in enumerate(words):
                tokens[row, place, self._places[word]] = 1.0
                tokens[row, place, -1] = place / max(len(words) - 1, 1)
                visible[row, place] = True
        return EncodedText(tokens=tokens, visible=visible, pooled=tokens.sum(dim=1))


@final
class CLIPTextEncoder:
    """CLIP's text model (Radford et al. 2021), by transformers.

    Args:
        model: a `CLIPTextModel`.
        tokenizer: that goes with it.
        name: what it is called in records.
    """

    def __init__(self, model: Any, tokenizer: Any, *, name: str) -> None:  # noqa: ANN401
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.name = name

    @classmethod
    def from_pretrained(cls, source: str | Path = DEFAULT_TEXT, **options: Any) -> CLIPTextEncoder:  # noqa: ANN401
        """Load the model from a folder or the Hub.

        Args:
            source: folder, or id on the Hub.
            options: of transformers' `from_pretrained`, as `revision` and `local_files_only`.

        Raises:
            MissingExtraError: if transformers is not installed.
            OSError: as transformers, where there is no such model.
        """
        try:
            from transformers import CLIPTextModel, CLIPTokenizer
        except ModuleNotFoundError as error:
            raise MissingExtraError("transformers", "video") from error
        model = CLIPTextModel.from_pretrained(source, **options)
        return cls(model, CLIPTokenizer.from_pretrained(source, **options), name=str(source))

    @property
    def id(self) -> str:
        """Where it is from."""
        return self.name

    @property
    def token_size(self) -> int:
        """Channels of the model."""
        size: int = self.model.config.hidden_size
        return size

    @torch.no_grad()
    def encode(self, sentences: Sequence[str]) -> EncodedText:
        """The last hidden states, and that of the end of a sentence; longer sentences are cut."""
        read = self.tokenizer(list(sentences), padding=True, truncation=True, return_tensors="pt").to(
            self.model.device
        )
        made = self.model(**read)
        return EncodedText(
            tokens=made.last_hidden_state.float(),
            visible=read["attention_mask"].bool(),
            pooled=made.pooler_output.float(),
        )


def open_text(source: str | Path) -> TextEncoder:
    """The text encoder of that id: "words:" and the words, or a folder or an id on the Hub of a CLIP model.

    Example:
        >>> open_text("words:a ball falls").token_size
        4
    """
    if str(source).startswith(_WORDS):
        return WordEncoder(str(source).removeprefix(_WORDS).split())
    return CLIPTextEncoder.from_pretrained(source)
