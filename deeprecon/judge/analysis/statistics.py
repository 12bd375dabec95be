"""How well is a share known if raters and images are both samples?

Answers by the same rater are alike, and so are answers to the same image. A binomial interval
treats all answers as independent and contains the true value far too rarely. Other people might
have judged, and other images might have been shown, so both are resampled. Coverage of the
intervals: `benchmarks/judge_coverage.py` and its results.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from deeprecon.errors import InputError
from deeprecon.stats.bootstrap import LEVELS, Interval
from deeprecon.stats.permutation import PairedResult, paired_permutation

CHANCE = 0.5
Codes = NDArray[np.intp]
Floats = NDArray[np.float64]


def two_way_variance(influence: NDArray, raters: Codes, images: Codes) -> tuple[Floats, Floats]:
    """Variance of estimates from answers that are clustered by rater and by image.

    Parameters
    ----------
    influence : (n, k) array
        Contribution of each answer to the deviation of each estimate; for a mean,
        (outcome - mean) / n.
    raters, images : (n,) arrays of int from 0
        Rater and image of each answer.

    Returns
    -------
    variance, degrees : (k,) arrays
        Variance, NaN if there is only one rater and one image, and its degrees of freedom
        (Satterthwaite 1946), at least the smaller number of clusters - 1.

    Notes
    -----
    V = V(raters) + V(images) - V(rater x image) (Cameron, Gelbach and Miller 2011). Each term is
    the sum of the squared sums of its clusters, times G / (G - 1) for G clusters. V is at least
    V(rater x image), its value for independent answers. With one rater it is V(images), with one
    image V(raters).

    Examples
    --------
    >>> outcomes = np.array([1.0, 0.0, 1.0, 1.0])
    >>> influence = (outcomes - outcomes.mean())[:, None] / 4
    >>> two_way_variance(influence, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))[0]
    array([0.0625])
    """
    cells = raters * (images.max(initial=0) + 1) + images
    n_estimates = influence.shape[1]
    parts, sizes = [], []
    for codes in (raters, images, np.unique(cells, return_inverse=True)[1]):
        sums = np.stack([np.bincount(codes, influence[:, j]) for j in range(n_estimates)])
        n = len(np.unique(codes))
        parts.append((sums**2).sum(axis=1) * (n / (n - 1) if n > 1 else np.nan))
        sizes.append(n)
    of_raters, of_images, of_cells = parts
    if min(sizes[:2]) < 2:
        variance = of_images if sizes[0] < 2 else of_raters
        return variance, np.full(n_estimates, max(*sizes[:2], 2) - 1.0)
    variance = np.maximum(of_raters + of_images - of_cells, of_cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = variance**2 / sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    return variance, np.fmax(degrees, min(sizes[:2]) - 1)  # NaN where all answers are the same


def pigeonhole_counts(
    n_raters: int, n_images: int, n_resamples: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each rater and each image is drawn, with replacement and independently.

    In the pigeonhole bootstrap (Owen 2007), the weight of an answer is the product of the counts
    of its rater and its image.

    Returns
    -------
    (n_resamples, n_raters) and (n_resamples, n_images) arrays
    """
    rng = np.random.default_rng(seed)
    drawn = [rng.multinomial(n, np.full(n, 1 / n), n_resamples) for n in (n_raters, n_images)]
    return drawn[0], drawn[1]


def two_way_interval(
    outcomes: ArrayLike, raters: ArrayLike, items: ArrayLike, n_resamples: int = 5000, seed: int = 0
) -> Interval:
    """Mean outcome with a 95 % interval that generalises over raters and images.

    Parameters
    ----------
    outcomes : (n,) array
        Outcome of each answer from 0 to 1, such as right (1) or wrong (0).
    raters, items : (n,) labels
        Rater and image of each answer. Raters may have judged different images, or one repeatedly.
    n_resamples, seed : int

    Returns
    -------
    Interval
        The estimate is the mean over answers. With one rater the interval generalises over images
        only, with one image over raters only; with one of each the bounds are NaN. All NaN without
        answers.

    Raises
    ------
    InputError
        If lengths differ, or an outcome is not from 0 to 1.

    Notes
    -----
    The pigeonhole bootstrap counts the variation of single answers three times (Owen 2007): its
    intervals are too wide if each rater judges only some of the images. If nearly all answers are
    right, it never draws an error that was not made. Therefore:

    - The distance of its quantiles from the mean is scaled by sqrt(V / variance of the resamples),
      with V of `two_way_variance`, and by the ratio of Student's t to the normal quantile.
    - Towards chance, the interval reaches at least as far as Wilson's (1927) for the number of
      independent answers that would give V; it is Wilson's if all outcomes are equal.

    Examples
    --------
    >>> interval = two_way_interval([1, 1, 1, 0, 1, 1], list("aaabbb"), list("xyzxyz"))
    >>> round(interval.estimate, 3), interval.low < 0.6, interval.high > 0.9
    (0.833, True, True)
    """
    values = np.asarray(outcomes, dtype=np.float64)
    who, what = (np.asarray(labels) for labels in (raters, items))
    if not values.shape == who.shape == what.shape or values.ndim != 1:
        raise InputError(
            f"outcomes, raters and items have shapes {values.shape}, {who.shape} and {what.shape}, "
            "expected one of each for every answer"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"outcomes from {values.min():g} to {values.max():g}, expected 0 to 1")
    if n_resamples < 1:
        raise InputError(f"n_resamples is {n_resamples}, expected at least 1")
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    rater, image = (np.unique(labels, return_inverse=True)[1] for labels in (who, what))
    return _interval(values, rater, image, n_resamples, seed)


def _interval(values: Floats, rater: Codes, image: Codes, n_resamples: int, seed: int) -> Interval:
    """The interval of `two_way_interval` for at least one answer."""
    n, mean = len(values), float(values.mean())
    spread = two_way_variance((values - mean)[:, None] / n, rater, image)
    variance, degrees = (float(part[0]) for part in spread)
    if np.isnan(variance):
        return Interval(mean, np.nan, np.nan)
    t = float(student.ppf(LEVELS[1], degrees))
    low, high = _wilson(mean, variance, n, t)
    resampled = _resampled_means(values, rater, image, n_resamples, seed)
    width = float(resampled.std())
    if width > 1e-12 and 0 < mean < 1 and variance > 0:
        scale = np.sqrt(variance) / width * t / norm.ppf(LEVELS[1])
        ends = np.clip(mean + scale * (np.quantile(resampled, LEVELS) - mean), 0, 1)
        low = min(low, ends[0]) if mean >= CHANCE else ends[0]
        high = max(high, ends[1]) if mean <= CHANCE else ends[1]
    # With few, skewed answers both quantiles can lie on the same side of the mean.
    return Interval(mean, float(min(low, mean)), float(max(high, mean)))


def _wilson(mean: float, variance: float, n: int, t: float) -> tuple[float, float]:
    """Wilson's interval for as many independent answers as would have this variance."""
    independent = mean * (1 - mean) / variance if variance > 0 and 0 < mean < 1 else n
    share = t**2 / independent
    centre = (mean + share / 2) / (1 + share)
    half = t / (1 + share) * np.sqrt(mean * (1 - mean) / independent + share / (4 * independent))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _resampled_means(
    values: Floats, rater: Codes, image: Codes, n_resamples: int, seed: int
) -> Floats:
    """Means of the pigeonhole bootstrap; resamples without any answer are left out."""
    shape = (rater.max() + 1, image.max() + 1)
    cell = rater * shape[1] + image
    sums, counts = (
        np.bincount(cell, weights, shape[0] * shape[1]).reshape(shape)
        for weights in (values, np.ones(len(values)))
    )
    of_raters, of_images = pigeonhole_counts(*shape, n_resamples, seed)
    total = ((of_raters @ counts) * of_images).sum(axis=1)
    drawn = total > 0
    means: Floats = ((of_raters @ sums) * of_images).sum(axis=1)[drawn] / total[drawn]
    return means


def percentile_interval(
    statistic: Callable[[NDArray], NDArray], n: int, n_resamples: int, rng: Generator
) -> Interval:
    """A statistic with its 95 % percentile bootstrap interval over n items.

    Parameters
    ----------
    statistic : (m, n) counts of how often each item is drawn -> (m,) values; resamples in which
        it is not finite are left out
    n, n_resamples : int
    rng : draws the items
    """
    estimate = float(statistic(np.ones((1, n)))[0])
    resampled = statistic(rng.multinomial(n, np.full(n, 1 / n), n_resamples))
    resampled = resampled[np.isfinite(resampled)]
    low, high = np.quantile(resampled, LEVELS) if len(resampled) else (np.nan, np.nan)
    return Interval(estimate, float(low), float(high))


def against_chance(
    outcomes: ArrayLike, items: ArrayLike, n_permutations: int = 9999, seed: int = 0
) -> PairedResult:
    """Two-sided sign-flip test over images of (mean outcome of an image - 1/2).

    Parameters
    ----------
    outcomes : (n,) array
        1 for a right answer, 0 for a wrong one.
    items : (n,) labels
        Image of each answer.
    n_permutations, seed
        As for `deeprecon.stats.permutation.paired_permutation`.

    Returns
    -------
    PairedResult
        The difference is the mean over images, each with the same weight, minus 1/2.

    Notes
    -----
    Under the null hypothesis a reconstruction says nothing about its original, so that the mean
    of an image is as likely above 1/2 as below it, whoever the raters are. Raters are not
    resampled: what they have in common, such as a preference for one side, is balanced in the
    trials.

    Examples
    --------
    >>> against_chance([1, 1, 1, 1, 1, 1], list("abcdef")).p_value
    0.03125
    """
    values = np.asarray(outcomes, dtype=np.float64)
    image = np.unique(np.asarray(items), return_inverse=True)[1]
    means = np.bincount(image, values) / np.bincount(image)
    return paired_permutation(means, np.full(len(means), CHANCE), n_permutations, seed)
