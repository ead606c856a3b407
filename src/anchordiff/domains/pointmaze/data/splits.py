"""Which episodes are for training and which are held out."""

import numpy as np
from jaxtyping import Bool

from anchordiff.checks import check_integer


def held_out_episodes(count: int, *, share: float, block: int, seed: int) -> Bool[np.ndarray, " episodes"]:
    """Draw held-out episodes, in blocks of neighbours, so that windows across cuts find room on both sides.

    Args:
        count: number of episodes.
        share: of the blocks that are held out, in [0, 1); at least one block where it is above 0.
        block: episodes in a block; the last one may be shorter.
        seed: of the draw.

    Returns:
        True for held-out episodes.

    Raises:
        ValueError: if a value is out of its range, or nothing would be left for training.

    Example:
        >>> held_out_episodes(6, share=0.3, block=2, seed=0).sum()
        np.int64(2)
    """
    check_integer("count", count)
    check_integer("block", block)
    check_integer("seed", seed, least=0)
    if not 0.0 <= share < 1.0:
        raise ValueError(f"share must lie in [0, 1), found {share}")
    blocks = -(-count // block)
    taken = 0 if share == 0.0 else max(1, round(share * blocks))
    if taken >= blocks:
        raise ValueError(
            f"share must leave a block for training, found {share} of {blocks} blocks of {block} episodes"
        )
    chosen = np.random.default_rng(seed).permutation(blocks)[:taken]
    return np.isin(np.arange(count) // block, chosen)
