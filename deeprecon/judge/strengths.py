"""Strength of several methods or regions from comparisons of two: the Bradley-Terry model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components
from scipy.stats import norm
from scipy.stats import t as student

from deeprecon.errors import InputError
from deeprecon.judge.statistics import pigeonhole_counts, two_way_variance

PRIOR = 0.5
MAX_ITERATIONS = 20_000


@dataclass(frozen=True)
class Strengths:
    """Log strengths of k conditions, mean zero, and the ends of their intervals.

    Attributes
    ----------
    estimate, low, high : (k,) arrays
    """

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bradley_terry(wins: ArrayLike, prior: float = PRIOR) -> NDArray[np.float64]:
    """Log strengths that make comparisons most likely; P(i beats j) = 1 / (1 + exp(s_j - s_i)).

    Parameters
    ----------
    wins : (k, k) array
        Element [i, j]: how often i was chosen over j. Not negative; the diagonal is ignored.
    prior : float
        Wins added to both sides of each pair that was compared. The default, half a win, keeps a
        condition that never lost finite, and is the usual correction of log odds for two
        conditions; 0 gives maximum likelihood.

    Returns
    -------
    (k,) array
        Natural logarithms, mean zero.

    Raises
    ------
    InputError
        If wins is not square or holds what is no count; if conditions were not compared, not even
        through others; without a prior also if strengths are infinite (some conditions never lost
        to the others).

    Notes
    -----
    The minorise-maximise iteration of Hunter (2004, Annals of Statistics 32:384).

    Examples
    --------
    >>> bradley_terry([[0, 30], [10, 0]], prior=0).round(3)
    array([ 0.549, -0.549])
    >>> bradley_terry([[0, 8, 9], [2, 0, 7], [1, 3, 0]]).argsort()
    array([2, 1, 0])
    """
    given = np.array(wins, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise InputError(f"wins has shape {given.shape}, expected (k, k)")
    if not (np.isfinite(given) & (given >= 0)).all() or prior < 0:
        raise InputError("wins: found a negative or undefined number, expected counts")
    np.fill_diagonal(given, 0)
    compared = (given + given.T) > 0
    if connected_components(compared, directed=False)[0] > 1:
        raise InputError(
            "wins: conditions are not all compared with each other, not even through others"
        )
    if prior == 0 and connected_components(given > 0, connection="strong")[0] > 1:
        raise InputError("wins: some conditions never lost to the others; expected a prior")
    return _fit((given + prior * compared)[None], 1e-10)[0]


def _fit(wins: NDArray, tolerance: float, start: NDArray | None = None) -> NDArray[np.float64]:
    """Log strengths of (m, k, k) wins, (m, k), from `start` (k,); what has converged is left."""
    n_tables, k, _ = wins.shape
    result = np.zeros((n_tables, k)) if start is None else np.tile(start, (n_tables, 1))
    won, met = wins.sum(axis=2), wins + wins.transpose(0, 2, 1)
    open_ = np.arange(n_tables)
    strength = np.exp(result)
    for _ in range(MAX_ITERATIONS):
        shares = met[open_] / (strength[:, :, None] + strength[:, None, :])
        updated = won[open_] / shares.sum(axis=2)
        updated /= np.exp(np.log(updated).mean(axis=1, keepdims=True))
        moved = np.abs(np.log(updated / strength)).max(axis=1) > tolerance
        result[open_] = np.log(updated)
        open_, strength = open_[moved], updated[moved]
        if not len(open_):
            break
    return result


def bradley_terry_intervals(
    winners: NDArray,
    losers: NDArray,
    raters: ArrayLike,
    items: ArrayLike,
    n_conditions: int,
    n_resamples: int = 5000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Strengths:
    """Strengths with intervals for other raters and other images.

    Parameters
    ----------
    winners, losers : (n,) arrays of int below n_conditions
        The condition that was chosen in each answer, and the one it was chosen over.
    raters, items : (n,) labels
        Whose answer it is, and to which image.
    n_conditions : k
    n_resamples, confidence, seed
        As for `deeprecon.judge.statistics.two_way_interval`.

    Returns
    -------
    Strengths
        With one rater and one image the ends are NaN.

    Raises
    ------
    InputError
        As `bradley_terry`.

    Notes
    -----
    Pigeonhole bootstrap over raters and images, scaled as `two_way_interval` scales it: V comes
    from the scores of single answers through the model's information (the sandwich estimator), and
    is not let below that of the model for independent answers. Both hold the prior of half a win,
    so that a condition that never lost has an interval.

    Coverage of the 95 % interval in 1,000 simulated studies of 6, 12 or 20 raters and 20 or 40
    images (raters and images differ as for `two_way_interval`): three and five conditions .93-.97,
    two conditions 3 logits apart .92-.94.

    Examples
    --------
    >>> found = bradley_terry_intervals(
    ...     np.array([0, 0, 1, 0]), np.array([1, 1, 0, 1]), list("aabb"), list("xyxy"), 2
    ... )
    >>> found.estimate.round(3), bool((found.low < 0).all())
    (array([ 0.424, -0.424]), True)
    """
    k = n_conditions
    rater, image = (np.unique(labels, return_inverse=True)[1] for labels in (raters, items))
    pair = winners * k + losers
    wins = np.bincount(pair, minlength=k * k).reshape(k, k).astype(np.float64)
    estimate = bradley_terry(wins)
    prior = PRIOR * ((wins + wins.T) > 0)
    lost = 1 / (1 + np.exp(estimate[:, None] - estimate))  # [i, j]: P(i loses against j)
    met = wins + wins.T + 2 * prior
    terms = met * lost * lost.T
    information = np.diag(terms.sum(axis=1)) - terms
    covariance = np.linalg.pinv(information)
    surprise = lost[winners, losers]
    influence = surprise[:, None] * (covariance[winners] - covariance[losers])
    spread = two_way_variance(influence, rater, image)
    variance = np.maximum(spread.variance, np.diagonal(covariance))
    if np.isnan(spread.variance).any():
        return Strengths(estimate, np.full(k, np.nan), np.full(k, np.nan))
    # Sums over the answers of a rater to an image, as often as both are drawn.
    of_raters, of_images = pigeonhole_counts(rater.max() + 1, image.max() + 1, n_resamples, seed)
    resampled = np.empty((n_resamples, k * k))
    for place in range(k * k):
        chosen = pair == place
        cells = np.zeros((of_raters.shape[1], of_images.shape[1]))
        np.add.at(cells, (rater[chosen], image[chosen]), 1)
        resampled[:, place] = ((of_raters @ cells) * of_images).sum(axis=1)
    tables = resampled.reshape(-1, k, k) + prior
    drawn = _fit(tables, 1e-5, estimate)
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    width = drawn.std(axis=0)
    t = student.ppf(levels[1], spread.degrees)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(variance) / width * t / norm.ppf(levels[1])
    ends = estimate + scale * (np.quantile(drawn, levels, axis=0) - estimate)
    straight = estimate + np.array([[-1.0], [1.0]]) * t * np.sqrt(variance)
    low, high = np.where(width > 1e-9, ends, straight)
    return Strengths(estimate, np.minimum(low, estimate), np.maximum(high, estimate))
