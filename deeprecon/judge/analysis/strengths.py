"""Strengths of conditions from pairwise comparisons: the Bradley-Terry model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components
from scipy.stats import t as student

from deeprecon.errors import InputError
from deeprecon.judge.analysis.statistics import two_way_variance
from deeprecon.stats.bootstrap import LEVELS

PRIOR = 0.5
MAX_ITERATIONS = 50_000
TOLERANCE = 1e-11  # of a step in log strength; steps are small if conditions form a chain


@dataclass(frozen=True)
class Strengths:
    """Log strengths of k conditions, with mean zero, and their intervals.

    Attributes
    ----------
    estimate, low, high : (k,) arrays
    """

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bradley_terry(wins: ArrayLike, prior: float = PRIOR) -> NDArray[np.float64]:
    """Maximum likelihood log strengths s, where P(i beats j) = 1 / (1 + exp(s_j - s_i)).

    Parameters
    ----------
    wins : (k, k) array
        Element [i, j] counts how often i was chosen over j; the diagonal is ignored.
    prior : float
        Wins added to both sides of each pair that was compared. The default, half a win, keeps the
        strength of a condition that never lost finite, and is the usual correction of log odds for
        two conditions; 0 adds nothing.

    Returns
    -------
    (k,) array
        Natural logarithms, mean zero.

    Raises
    ------
    InputError
        If wins is not square or has negative or undefined elements; if some conditions are not
        connected by comparisons; without a prior, also if strengths are infinite because some
        conditions never lost to the others.

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
    """Log strengths from the (k, k) wins of connected conditions."""
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
    winners: NDArray, losers: NDArray, raters: ArrayLike, items: ArrayLike, n_conditions: int
) -> Strengths:
    """Strengths with 95 % intervals that generalise over raters and images.

    Parameters
    ----------
    winners, losers : (n,) arrays of int below n_conditions
        The condition that was chosen in each answer, and the one that was not.
    raters, items : (n,) labels
        Rater and image of each answer.
    n_conditions : k

    Returns
    -------
    Strengths
        The bounds are NaN if there are only one rater and one image.

    Raises
    ------
    InputError
        As `bradley_terry`.

    Notes
    -----
    The bounds are estimate -/+ t sqrt(V). V is the sandwich estimator, clustered by raters and by
    images; `two_way_variance` also gives the degrees of freedom of t. V is at least the variance
    of the model for independent answers, which includes the prior, so that a condition that never
    lost also has an interval. A bootstrap over raters and images, scaled to V, was rejected: its
    quantiles are too far from zero on one side and too close on the other.

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
    wins = np.bincount(winners * k + losers, minlength=k * k).reshape(k, k).astype(np.float64)
    estimate = bradley_terry(wins)
    met = wins + wins.T + 2 * PRIOR * ((wins + wins.T) > 0)
    lost = 1 / (1 + np.exp(estimate[:, None] - estimate))  # [i, j]: P(i loses against j)
    terms = met * lost * lost.T
    covariance = np.linalg.pinv(np.diag(terms.sum(axis=1)) - terms)
    surprise = lost[winners, losers]
    influence = surprise[:, None] * (covariance[winners] - covariance[losers])
    variance, degrees = two_way_variance(influence, rater, image)
    variance = np.maximum(variance, np.diagonal(covariance))  # NaN stays NaN
    half = student.ppf(LEVELS[1], degrees) * np.sqrt(variance)
    return Strengths(estimate, estimate - half, estimate + half)
