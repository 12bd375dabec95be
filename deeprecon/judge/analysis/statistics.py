"""How well is a share known when raters and images are both samples.

Answers of one rater are alike, and so are answers to one image: a binomial interval, which takes
all answers for independent, covers the truth in half of the studies only. Another sample of people
would have judged, and other images could have been shown, so that both are drawn again.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from deeprecon.errors import InputError
from deeprecon.stats.bootstrap import Interval
from deeprecon.stats.permutation import PairedResult, paired_permutation

CHANCE = 0.5
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class TwoWayVariance:
    """Variance of estimates from answers of raters to images.

    Attributes
    ----------
    variance : (k,) array
        NaN if there is one rater and one image.
    degrees : (k,) array
        Degrees of freedom (Satterthwaite 1946).
    """

    variance: NDArray[np.float64]
    degrees: NDArray[np.float64]


def two_way_variance(influence: NDArray, raters: Codes, images: Codes) -> TwoWayVariance:
    """Variance of estimates by clusters of raters and of images.

    Parameters
    ----------
    influence : (n, k) array
        What each answer adds to each estimate's deviation; for a mean, (outcome - mean) / n.
    raters, images : (n,) arrays of int from 0
        Whose answer it is, and to which image.

    Returns
    -------
    TwoWayVariance

    Notes
    -----
    V = V(raters) + V(images) - V(rater x image) of Cameron, Gelbach and Miller (2011), each the sum
    of squared sums of its clusters with the factor G / (G - 1) for G clusters. V is not let below
    V(rater x image), which it would be if answers were independent. With one rater it is V(images),
    with one image V(raters). The degrees of freedom are at least the smaller G - 1.

    Examples
    --------
    >>> outcomes = np.array([1.0, 0.0, 1.0, 1.0])
    >>> influence = (outcomes - outcomes.mean())[:, None] / 4
    >>> two_way_variance(influence, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).variance
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
        return TwoWayVariance(variance, np.full(n_estimates, max(*sizes[:2], 2) - 1.0))
    variance = np.maximum(of_raters + of_images - of_cells, of_cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = variance**2 / sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    degrees = np.fmax(degrees, min(sizes[:2]) - 1)  # NaN where all answers are the same
    return TwoWayVariance(variance, degrees)


def pigeonhole_counts(
    n_raters: int, n_images: int, n_resamples: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each rater and each image is drawn, with replacement and independently.

    An answer counts as often as its rater and its image multiply to (pigeonhole bootstrap, Owen
    2007). A single rater or image is always drawn: what is left is a bootstrap over the others.

    Returns
    -------
    (n_resamples, n_raters) and (n_resamples, n_images) arrays
    """
    rng = np.random.default_rng(seed)
    drawn = [rng.multinomial(n, np.full(n, 1 / n), n_resamples) for n in (n_raters, n_images)]
    return drawn[0], drawn[1]


def two_way_interval(
    outcomes: ArrayLike,
    raters: ArrayLike,
    items: ArrayLike,
    n_resamples: int = 5000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of answers with an interval for other raters and other images.

    Parameters
    ----------
    outcomes : (n,) array
        An answer's outcome from 0 to 1, such as right (1) or wrong (0).
    raters, items : (n,) labels
        Whose answer it is, and to which image. Raters may have judged different images, some of
        them more than once.
    n_resamples : int
    confidence : float
    seed : int

    Returns
    -------
    Interval
        `.estimate` is the mean over answers. With one rater the interval is for these eyes and
        other images, with one image for other eyes and this image, with one of each its ends are
        NaN. All NaN without answers.

    Raises
    ------
    InputError
        If lengths differ, or an outcome is not from 0 to 1.

    Notes
    -----
    The pigeonhole bootstrap counts the chance in single answers three times (Owen 2007): where
    raters judge a part of the images, its intervals are too wide; and where nearly all answers are
    right, it draws no error that was not made. Hence:

    - Its quantiles keep their form, but their distance from the mean is scaled by
      sqrt(V / variance of the resamples), with V of `two_way_variance`, and by the ratio of the
      quantiles of Student's t and the normal distribution.
    - Towards chance, the interval reaches at least as far as Wilson's (1927) for as many
      independent answers as would give V. Where all outcomes are equal it is Wilson's for the n
      answers.

    Coverage of the 95 % interval, of the pigeonhole bootstrap as it is, of a bootstrap over raters
    alone and of the binomial interval, in 1,000 simulated studies of each design with mean
    accuracies .5, .7 and .9 (raters differ by an sd of .5 logits, images by 1; every rater judges
    all images or, one rater going on where the last one stopped, a part of them):

    ============================ ========= ========== ======== ========
    raters x images (of each)    this      pigeonhole raters   binomial
    ============================ ========= ========== ======== ========
    12 x 50, 13 x 40 (all)       .94-.96   .96-.98    .79-.82  .60-.73
    20 x 50, 40 x 50 (25 or 20)  .93-.96   .97-.99    .75-.87  .65-.81
    12 to 20 x 40 or 50 (8-12)   .96-.98   .99-1      .87-.92  .85-.93
    20 x 8 (all)                 .95-.97   .95-.96    .66-.73  .63-.74
    6 x 10, 6 x 30 (10 or 15)    .96-.99   .97-.98    .76-.85  .80-.89
    4 x 20 (20 or 5)             .97-1     .84-.99    .77-.87  .79-.94
    ============================ ========= ========== ======== ========

    At a mean accuracy of .97 this interval covers .96-.99 with 12 raters or more, .99 or more with
    fewer, the pigeonhole bootstrap .48-.91 with fewer. `python -m benchmarks.judge_coverage` counts
    anew.

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
    if not 0 < confidence < 1 or n_resamples < 1:
        raise InputError(
            f"confidence is {confidence} and n_resamples {n_resamples}, expected a confidence "
            "between 0 and 1 and at least 1 resample"
        )
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"outcomes from {values.min():g} to {values.max():g}, expected 0 to 1")
    n = len(values)
    rater, image = (np.unique(labels, return_inverse=True)[1] for labels in (who, what))
    mean = float(values.mean())
    spread = two_way_variance((values - mean)[:, None] / n, rater, image)
    variance, degrees = float(spread.variance[0]), float(spread.degrees[0])
    if np.isnan(variance):
        return Interval(mean, np.nan, np.nan)
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    t = float(student.ppf(levels[1], degrees))
    low, high = _wilson(mean, variance, n, t)
    resampled = _resampled_means(values, rater, image, n_resamples, seed)
    width = float(resampled.std())
    if width > 1e-12 and 0 < mean < 1 and variance > 0:
        scale = np.sqrt(variance) / width * t / norm.ppf(levels[1])
        ends = np.clip(mean + scale * (np.quantile(resampled, levels) - mean), 0, 1)
        low = min(low, ends[0]) if mean >= CHANCE else ends[0]
        high = max(high, ends[1]) if mean <= CHANCE else ends[1]
    # A bootstrap of few, skewed answers can lie on one side of their mean.
    return Interval(mean, float(min(low, mean)), float(max(high, mean)))


def _wilson(mean: float, variance: float, n: int, t: float) -> tuple[float, float]:
    """Wilson's interval for as many independent answers as would have this variance."""
    independent = mean * (1 - mean) / variance if variance > 0 and 0 < mean < 1 else n
    share = t**2 / independent
    centre = (mean + share / 2) / (1 + share)
    half = t / (1 + share) * np.sqrt(mean * (1 - mean) / independent + share / (4 * independent))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _resampled_means(
    values: NDArray, rater: Codes, image: Codes, n_resamples: int, seed: int
) -> NDArray[np.float64]:
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
    means: NDArray[np.float64] = ((of_raters @ sums) * of_images).sum(axis=1)[drawn] / total[drawn]
    return means


def against_chance(
    outcomes: ArrayLike, items: ArrayLike, n_permutations: int = 9999, seed: int = 0
) -> PairedResult:
    """Sign flips over images of (mean outcome of an image - 1/2).

    Parameters
    ----------
    outcomes : (n,) array
        1 for a right answer, 0 for a wrong one.
    items : (n,) labels
        The image of each answer.
    n_permutations, seed
        As for `deeprecon.evaluate.paired.paired_permutation`.

    Returns
    -------
    PairedResult
        `.difference` is the mean over images, each counting the same, less 1/2. The test is
        two-sided, as all sign flips of the project are: raters can also be systematically wrong.

    Notes
    -----
    The null hypothesis is that a reconstruction says nothing of its original; then an image's mean
    is as likely above 1/2 as below it, whoever the raters are. Raters are not drawn again: what
    they have in common, such as a preference for one side, is balanced in the trials.

    Examples
    --------
    >>> against_chance([1, 1, 1, 1, 1, 1], list("abcdef")).p_value
    0.03125
    """
    values = np.asarray(outcomes, dtype=np.float64)
    image = np.unique(np.asarray(items), return_inverse=True)[1]
    means = np.bincount(image, values) / np.bincount(image)
    chance: Any = np.full(len(means), CHANCE)
    return paired_permutation(means, chance, n_permutations, seed)
