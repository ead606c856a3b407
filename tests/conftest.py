"""Set-up that every test shares: checked shapes, repeatable hypothesis runs, one thread."""

from collections.abc import Iterator

import hypothesis
import jaxtyping
import pytest
import torch

# Kernels are left out: the hook breaks inside compiled functions.
CHECKED = [
    "anchordiff.anchors",
    "anchordiff.conditions",
    "anchordiff.data",
    "anchordiff.denoiser",
    "anchordiff.evaluation",
    "anchordiff.interpolation",
    "anchordiff.keypoints",
    "anchordiff.masks",
    "anchordiff.maze",
    "anchordiff.nn",
    "anchordiff.pipeline",
    "anchordiff.samplers",
    "anchordiff.schedules",
    "anchordiff.training",
]
jaxtyping.install_import_hook(CHECKED, "beartype.beartype")

hypothesis.settings.register_profile(
    "anchordiff", deadline=None, derandomize=True, max_examples=50, database=None, print_blob=False
)
hypothesis.settings.load_profile("anchordiff")

torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A fresh generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Lift the shape checks, so that wrong arguments reach the library's own error messages."""
    jaxtyping.config.update("jaxtyping_disable", value=True)
    yield
    jaxtyping.config.update("jaxtyping_disable", value=False)
