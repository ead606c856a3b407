"""Model cards: what a repository of the Hub shows of a model."""

from collections.abc import Mapping
from typing import Final

from torch import nn

from anchordiff.configs import config_to_json
from anchordiff.hub.registry import Composite

CARD: Final = "README.md"


def make_card(thing: nn.Module | Composite) -> str:
    """A first card in Markdown, with the Hub's metadata: what it is, its sizes and settings, and how to load it.

    What it was trained on, what for, and how well it does is known to whoever trained it, and has its headings.

    Example:
        >>> import anchordiff as ad
        >>> print(make_card(ad.TwoStagePipeline.from_pretrained("particle-maze")).split("---")[1])
        <BLANKLINE>
        library_name: anchordiff
        tags:
        - trajectory-generation
        - diffusion
        - planning
        <BLANKLINE>
    """
    from huggingface_hub import ModelCardData

    data = ModelCardData(library_name="anchordiff", tags=["trajectory-generation", "diffusion", "planning"])
    name = type(thing).__name__
    networks = {"": thing} if isinstance(thing, nn.Module) else dict(thing.components)
    sizes = [
        (
            key or "weights",
            f"{type(network).__name__}, {sum(value.numel() for value in network.parameters()):,} parameters",
        )
        for key, network in networks.items()
    ]
    loader = "ad.from_pretrained" if isinstance(thing, nn.Module) else f"ad.{name}.from_pretrained"
    settings = config_to_json(thing.config)
    plain = [(key, f"`{value}`") for key, value in settings.items() if not isinstance(value, Mapping)]
    parts = [
        f"---\n{data.to_yaml()}\n---",
        f"# {name}",
        _table("part", "what it is", sizes),
        "## Settings",
        _table("setting", "value", plain),
        "## Use",
        f'```python\nimport anchordiff as ad\n\nmodel = {loader}("org/repo")  # or a folder\n```',
        "## Training and evaluation",
        "Not told yet: data, command, seed and results belong here.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(first: str, second: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {first} | {second} |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows)]
    return "\n".join(lines)
