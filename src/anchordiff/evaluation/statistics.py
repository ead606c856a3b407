"""Statistics of what methods did."""


def wilson_interval(successes: int, trials: int, *, z: float = 1.96) -> tuple[float, float]:
    """Confidence interval of a share (Wilson 1927): it stays in [0, 1] and is honest near its ends.

    Args:
        successes: how many of the trials went well.
        trials: their number.
        z: half width in standard deviations; 1.96 for 95 %.

    Raises:
        ValueError: if `successes` does not lie in 0 … `trials`, or there are no trials.

    Example:
        >>> [round(end, 4) for end in wilson_interval(1000, 1000)]
        [0.9962, 1.0]
    """
    if not (trials > 0 and 0 <= successes <= trials):
        raise ValueError(f"successes must lie in 0 ... trials > 0, found {successes} of {trials}")
    share, weight = successes / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z * (share * (1 - share) / trials + weight / (4 * trials)) ** 0.5 / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)
