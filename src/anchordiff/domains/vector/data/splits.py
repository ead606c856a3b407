"""Which episodes are held out."""

import numpy as np
from jaxtyping import Bool


def held_out_episodes(count: int, *, share: float, seed: int) -> Bool[np.ndarray, " count"]:
    """Draw the episodes that training never sees.

    Args:
        count: number of episodes.
        share: of them that are held out, in [0, 1); at least one where it is above 0.
        seed: of the draw.

    Returns:
        True for held-out episodes.

    Raises:
        ValueError: if nothing would be left for training.

    Example:
        >>> held_out_episodes(6, share=0.3, seed=0).sum()
        np.int64(2)
    """
    taken = 0 if share == 0.0 else max(1, round(share * count))
    if taken >= count:
        raise ValueError(
            f"held_out_share must leave an episode for training, found {share} of {count}; 0 holds none out"
        )
    held_out = np.zeros(count, bool)
    held_out[np.random.default_rng(seed).permutation(count)[:taken]] = True
    return held_out
