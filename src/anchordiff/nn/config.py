"""What networks are made of, in numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from anchordiff import nn, plugins
from anchordiff.checks import check_choice, check_rules
from anchordiff.configs import exact
from anchordiff.states import StateSpace

AttentionKind = Literal["full", "factorised"]


@dataclass(frozen=True, kw_only=True)
@exact
class TransformerConfig:
    """Sizes of a `RefinementTransformer`.

    Attributes:
        width: channels of a token.
        depth: blocks.
        heads: heads of the attention among tokens.
        expansion: hidden channels of the feed-forward network over `width`.
        causal: tokens see only themselves and earlier ones.
        cross_attention: tokens attend to the scene, where the encoder gives keys.
        attention: "full" among all tokens, or "factorised": among the patches of each step, then among the steps of
            each patch. Where a step is one token they differ in nothing but that the latter has more layers.
        activation_checkpointing: recompute activations in the backward pass, for memory.

    Raises:
        ValueError: if a size is out of its range, or `width` is no multiple of 2 `heads`.
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    expansion: int = 4
    causal: bool = False
    cross_attention: bool = True
    attention: AttentionKind = "full"
    activation_checkpointing: bool = False

    def __post_init__(self) -> None:
        rules = {
            "depth": (self.depth >= 1, "be at least 1"),
            "heads": (self.heads >= 1, "be at least 1"),
            "expansion": (self.expansion >= 1, "be at least 1"),
        }
        check_choice("attention", self.attention, get_args(AttentionKind))
        check_rules(self, rules)
        if self.width < 1 or self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a positive multiple of 2 heads = {2 * self.heads}, found {self.width}"
            )


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(ABC):
    """Base of the configs of encoders; one frozen dataclass a domain, with a tag.

    A subclass has a field `domain: Literal["name"] = "name"`, by which a saved config.json is told apart, and knows the
    sizes that networks are built for. Subclasses are known as soon as their module is imported, and that happens on its
    own where an installed package offers the domain by an entry point (`anchordiff.plugins`).

    Example:
        >>> from typing import Literal
        >>> @dataclass(frozen=True, kw_only=True)
        ... class LampConfig(EncoderConfig):
        ...     domain: Literal["lamp"] = "lamp"
        ...     watts: float = 5.0
        ...     @property
        ...     def scalar_size(self):
        ...         return 1
        ...     def build(self, states):
        ...         ...
        >>> EncoderConfig.resolve({"domain": "lamp", "watts": 7.0}).__name__
        'LampConfig'
    """

    _known: ClassVar[dict[str, type[EncoderConfig]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**options)
        tag = cls.__dict__.get("domain")
        if isinstance(tag, str):
            EncoderConfig._known[tag] = cls

    @property
    @abstractmethod
    def scalar_size(self) -> int:
        """Numbers of `Scene.scalars`."""

    @property
    def look_size(self) -> int:
        """Features of `Scene.look`; 0 where there are none."""
        return 0

    @property
    def mark_size(self) -> int:
        """Features of `Scene.marks`; 0 where there are none."""
        return 0

    @property
    def attention(self) -> tuple[int, int]:
        """Channels over all heads, and heads, of `Scene.keys`; no channels where there is nothing to attend to."""
        return 0, 1

    @abstractmethod
    def build(self, states: StateSpace) -> nn.Encoder[Any, Any]:
        """An encoder of these sizes for trajectories of such states."""

    @classmethod
    def resolve(cls, data: Mapping[str, object]) -> type[EncoderConfig]:
        """The class that a config in JSON's terms is of.

        One without a tag, as version 0.1 wrote it, is of the class that has all its fields.

        Raises:
            ValueError: if no domain that is installed has such an encoder.
        """
        tag = data.get("domain")
        if isinstance(tag, str):
            if tag not in cls._known and tag in plugins.names(plugins.DOMAINS):
                plugins.load(plugins.DOMAINS, tag)
            if tag in cls._known:
                return cls._known[tag]
        else:
            for name in plugins.names(plugins.DOMAINS):
                plugins.load(plugins.DOMAINS, name)
            for known in cls._known.values():
                if data.keys() <= {f.name for f in fields(known)}:
                    return known
        offered = ", ".join(sorted({*cls._known, *plugins.names(plugins.DOMAINS)}))
        raise ValueError(f"domain must be one of {offered}, found {tag!r} with the fields {', '.join(data)}")
