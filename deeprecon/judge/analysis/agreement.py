"""Agreement between raters: Krippendorff's alpha, Gwet's AC1, and raw agreement."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from deeprecon.judge.analysis.statistics import percentile_interval
from deeprecon.stats.bootstrap import Interval

Coefficient = Literal["krippendorff_alpha", "gwet_ac1", "agreement"]
COEFFICIENTS: tuple[Coefficient, ...] = get_args(Coefficient)


def agreement_interval(
    coefficient: Coefficient, counts: NDArray, n_resamples: int = 5000, seed: int = 0
) -> Interval:
    """A coefficient with a 95 % percentile bootstrap interval over items.

    Parameters
    ----------
    coefficient : one of COEFFICIENTS
        "agreement" is the share of pairs of raters who gave an item the same code.
    counts : (items, categories) array
        Number of raters who gave each item each code.
    n_resamples, seed : int

    Returns
    -------
    Interval
        The bounds are NaN if fewer than two items were judged by two raters or the coefficient is
        not defined; resamples in which it is not defined are left out.

    Notes
    -----
    Krippendorff's alpha is 1 for full agreement and 0 at chance level: 1 - observed / expected
    disagreement, from the matrix of coincidences (Krippendorff 2011, Computing Krippendorff's
    Alpha-Reliability). It is NaN if all codes are the same, so that there is no variance. Gwet's
    AC1 stays meaningful there: observed agreement over the items with two raters or more, beyond
    chance from the prevalence of the codes over all items (Gwet 2008, British Journal of
    Mathematical and Statistical Psychology 61:29).

    Examples
    --------
    >>> counts = np.array([[1, 1]] * 4 + [[0, 2]] + [[2, 0]] * 5)
    >>> round(agreement_interval("krippendorff_alpha", counts).estimate, 3)
    0.095
    >>> agreement_interval("agreement", np.array([[2, 0], [0, 2], [2, 0]]))
    Interval(estimate=1.0, low=1.0, high=1.0)
    """
    compute = {"krippendorff_alpha": _alpha, "gwet_ac1": _ac1, "agreement": _agreement}[coefficient]
    rng = np.random.default_rng(seed)
    found = percentile_interval(lambda draws: compute(draws, counts), len(counts), n_resamples, rng)
    if np.isnan(found.estimate) or (counts.sum(axis=1) >= 2).sum() < 2:
        return Interval(found.estimate, np.nan, np.nan)
    return found


def _alpha(draws: NDArray, counts: NDArray) -> NDArray[np.float64]:
    """Alpha for each of (m, items) draws of the items; the functions below do likewise."""
    raters = counts.sum(axis=1)
    paired = raters >= 2  # an item of a single rater forms no pair
    draws, counts, raters = draws[:, paired], counts[paired], raters[paired]
    differing = draws @ ((raters**2 - (counts**2).sum(axis=1)) / np.maximum(raters - 1, 1))
    totals = draws @ counts
    n = totals.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = (n**2 - (totals**2).sum(axis=1)) / (n - 1)
        return np.where(expected > 0, 1 - differing / expected, np.nan)


def _agreement(draws: NDArray, counts: NDArray) -> NDArray[np.float64]:
    raters = counts.sum(axis=1)
    paired = raters >= 2
    same = (counts**2).sum(axis=1) - raters
    with np.errstate(invalid="ignore", divide="ignore"):
        of_item = np.where(paired, same / (raters * (raters - 1)), 0)
        return (draws @ of_item) / (draws @ paired)


def _ac1(draws: NDArray, counts: NDArray) -> NDArray[np.float64]:
    raters = counts.sum(axis=1)
    judged = raters >= 1
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(judged[:, None], counts / raters[:, None], 0)
        prevalence = (draws @ shares) / (draws @ judged)[:, None]
        chance = (prevalence * (1 - prevalence)).sum(axis=1) / (counts.shape[1] - 1)
        return (_agreement(draws, counts) - chance) / (1 - chance)
