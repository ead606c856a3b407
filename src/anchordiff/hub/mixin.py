"""The hub's three verbs as methods."""

from pathlib import Path
from typing import Any, Self, Unpack

import torch

from anchordiff.hub.pretrained import PushOptions, from_pretrained, push_to_hub, save_pretrained


class HubMixin:
    """Gives a registered network or pipeline the methods `from_pretrained`, `save_pretrained` and `push_to_hub`."""

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        subfolder: str | None = None,
    ) -> Self:
        """Load one of this class: a bundled name, a folder or "org/repo" on the Hub.

        See `anchordiff.hub.from_pretrained` for the order in which they are tried, options and errors.
        """
        return from_pretrained(
            source,
            cls,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            subfolder=subfolder,
        )

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype | None = None) -> Path:
        """Write it into a folder; see `anchordiff.hub.save_pretrained`."""
        thing: Any = self
        return save_pretrained(thing, folder, dtype=dtype)

    def push_to_hub(self, repo_id: str, **options: Unpack[PushOptions]) -> str:
        """Upload it in one commit; see `anchordiff.hub.push_to_hub`."""
        thing: Any = self
        return push_to_hub(thing, repo_id, **options)
