"""Do raters agree: Krippendorff's alpha, Gwet's AC1, share of agreement."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.stats.bootstrap import Interval

Coefficient = Literal["krippendorff_alpha", "gwet_ac1", "agreement"]
COEFFICIENTS: tuple[Coefficient, ...] = get_args(Coefficient)


def krippendorff_alpha(codes: ArrayLike) -> float:
    """Krippendorff's alpha of nominal codes: 1 is full agreement, 0 what chance gives.

    Parameters
    ----------
    codes : (raters, items) array
        Numbers from 0; NaN or -1 where a rater did not judge an item.

    Returns
    -------
    float
        NaN if no item was judged by two raters, or if all codes are the same: then there is no
        variance that could be agreed on.

    Raises
    ------
    InputError
        If codes are not two-dimensional, or no whole numbers.

    Notes
    -----
    1 - observed / expected disagreement, from the matrix of coincidences (Krippendorff 2011,
    Computing Krippendorff's Alpha-Reliability).

    Examples
    --------
    >>> codes = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
    >>> round(krippendorff_alpha(codes), 3)
    0.095
    """
    counts = item_counts(codes)
    return float(_alpha(np.ones((1, len(counts))), counts)[0])


def gwet_ac1(codes: ArrayLike, n_categories: int | None = None) -> float:
    """Gwet's AC1: agreement beyond chance that stays high where nearly all codes are the same.

    Parameters
    ----------
    codes : (raters, items) array
        As for `krippendorff_alpha`.
    n_categories : int, optional
        How many codes there could have been, if not all were given; at least 2.

    Returns
    -------
    float
        NaN if no item was judged by two raters.

    Raises
    ------
    InputError
        As `krippendorff_alpha`.

    Notes
    -----
    Gwet (2008, British Journal of Mathematical and Statistical Psychology 61:29): observed
    agreement over the items with two raters or more; prevalence of the codes over all items.

    Examples
    --------
    >>> first = [0] * 118 + [0] * 5 + [1] * 2
    >>> second = [0] * 118 + [1] * 5 + [0] * 2
    >>> round(gwet_ac1([first, second]), 4)
    0.9408
    """
    counts = item_counts(codes, n_categories or 2)
    return float(_ac1(np.ones((1, len(counts))), counts)[0])


def agreement_interval(
    coefficient: Coefficient,
    counts: NDArray,
    n_resamples: int = 5000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A coefficient with a percentile bootstrap interval over items.

    Parameters
    ----------
    coefficient : one of COEFFICIENTS
        "agreement" is the share of pairs of raters of an item who gave the same code.
    counts : (items, categories) array
        How many raters gave each code (`item_counts`).
    n_resamples, confidence, seed
        As for `deeprecon.evaluate.statistics.bootstrap_ci`.

    Returns
    -------
    Interval
        The ends are NaN with fewer than two items that two raters judged, and where the
        coefficient is not defined; resamples in which it is not defined are left out.

    Examples
    --------
    >>> agreement_interval("agreement", np.array([[2, 0], [0, 2], [2, 0]]))
    Interval(estimate=1.0, low=1.0, high=1.0)
    """
    compute = {"krippendorff_alpha": _alpha, "gwet_ac1": _ac1, "agreement": _agreement}[coefficient]
    n = len(counts)
    estimate = float(compute(np.ones((1, n)), counts)[0])
    if np.isnan(estimate) or (counts.sum(axis=1) >= 2).sum() < 2:
        return Interval(estimate, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    resampled = compute(rng.multinomial(n, np.full(n, 1 / n), n_resamples), counts)
    levels = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(resampled[np.isfinite(resampled)], levels)
    return Interval(estimate, float(low), float(high))


def item_counts(codes: ArrayLike, n_categories: int = 1) -> NDArray[np.float64]:
    """How many raters gave each item each code: (raters, items) -> (items, categories)."""
    given = np.asarray(codes, dtype=np.float64)
    if given.ndim != 2:
        raise InputError(f"codes have shape {given.shape}, expected (raters, items)")
    there = ~np.isnan(given) & (given != -1)
    if not (np.mod(given[there], 1) == 0).all() or (given[there] < 0).any():
        raise InputError("codes: expected whole numbers from 0, NaN or -1 for none")
    n_categories = max(n_categories, int(given[there].max(initial=0)) + 1)
    codes_from_0 = np.arange(n_categories)
    return (given[:, :, None] == codes_from_0).sum(axis=0).astype(np.float64)


def _alpha(draws: NDArray, counts: NDArray) -> NDArray[np.float64]:
    """Of (m, items) draws of the items; here and below a value for each."""
    raters = counts.sum(axis=1)
    paired = raters >= 2  # an item of one rater has nothing to coincide with
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
