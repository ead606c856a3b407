"""This process among those of a `torchrun`: its device, and whether it is the one that speaks."""

from __future__ import annotations

import os
import sys

import torch


def pick_device(name: str | None) -> torch.device:
    """The named device; by default and for "cuda" this process's GPU among those of a `torchrun`, or the CPU.

    Raises:
        ValueError: if there is no such device.
    """
    if name == "cuda" or (name is None and torch.cuda.is_available()):
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if name is None:
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()  # which a device without memory, as "meta", cannot do
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device must name a device of this machine, found {name!r} ({reason})") from error
    return device


def is_first() -> bool:
    """Whether this is process 0 of a `torchrun`, or the only one: it writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Tell people what happens, once."""
    if is_first():
        sys.stdout.write(text)
