"""Episodes whose numbers tell where they were recorded: (episode, step)."""

import numpy as np
from hypothesis import strategies as st

from anchordiff.domains.vector.data import Episodes


def told(lengths, **parts):
    """States (episode, step), so that a sample says where it comes from."""
    return Episodes.from_arrays(
        [np.stack([np.full(n, e), np.arange(n)], axis=1).astype(np.float32) for e, n in enumerate(lengths)],
        **parts,
    )


def lengths(least=1, most=30, count=12):
    return st.lists(st.integers(least, most), min_size=2, max_size=count)
