"""Strength of several methods or regions from comparisons of two: the Bradley-Terry model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components
from scipy.stats import t as student

from deeprecon.errors import InputError
from deeprecon.judge.analysis.statistics import two_way_variance

PRIOR = 0.5
MAX_ITERATIONS = 50_000
TOLERANCE = 1e-11  # of a step; where conditions form a chain, many small ones follow


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
    return _fit(given + prior * compared)


def _fit(wins: NDArray) -> NDArray[np.float64]:
    """Log strengths of (k, k) wins of conditions that are connected."""
    strength = np.ones(len(wins))
    won, met = wins.sum(axis=1), wins + wins.T
    for _ in range(MAX_ITERATIONS if len(wins) > 1 else 0):
        updated = won / (met / (strength[:, None] + strength)).sum(axis=1)
        updated /= np.exp(np.log(updated).mean())
        moved = np.abs(np.log(updated / strength)).max()
        strength = updated
        if moved < TOLERANCE:
            break
    return np.log(strength)


def bradley_terry_intervals(
    winners: NDArray,
    losers: NDArray,
    raters: ArrayLike,
    items: ArrayLike,
    n_conditions: int,
    confidence: float = 0.95,
) -> Strengths:
    """Strengths with intervals for other raters and other images.

    Parameters
    ----------
    winners, losers : (n,) arrays of int below n_conditions
        The condition that was chosen in each answer, and the one it was chosen over.
    raters, items : (n,) labels
        Whose answer it is, and to which image.
    n_conditions : k
    confidence : float

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
    Estimate -/+ t sqrt(V), with V and the degrees of freedom of t by clusters of raters and of
    images (`two_way_variance`) from the scores of single answers through the model's information:
    the sandwich estimator. V is not let below that of the model for independent answers, which
    holds the prior, so that a condition that never lost has an interval.
    A bootstrap over raters and images, scaled to V, was tried and left: its quantiles reach too far
    away from zero and not far enough towards it (coverage .91 for two conditions far apart).

    Coverage of the 95 % interval in 1,000 simulated studies of two, three and five conditions
    (raters and images differ as for `two_way_interval`): .95-.96 with 12 or 20 raters and 40
    images, .97-.98 with 6 and 20.

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
    variance = np.maximum(spread.variance, np.diagonal(covariance))  # NaN stays NaN
    half = student.ppf((1 + confidence) / 2, spread.degrees) * np.sqrt(variance)
    return Strengths(estimate, estimate - half, estimate + half)
