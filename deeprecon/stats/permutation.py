"""Permutation tests of scores over images.

The n (n - 1) comparisons of two-way identification share images, which makes a binomial test over
comparisons far too liberal.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.stats.identification import Fixed, identification_pairs

_CHUNK = 4096  # sign patterns at a time


@dataclass(frozen=True)
class PermutationResult:
    """A mean two-way accuracy, and its distribution under shuffled pairing.

    Attributes
    ----------
    statistic : float
        Observed mean over images.
    p_value : float
        One-sided p value: share of shuffled pairings with at least this statistic.
    null_mean, null_sd : float
        Mean and SD of the accuracies under shuffled pairings.
    n_permutations : int
        Number of pairings; n! if all were enumerated.
    """

    statistic: float
    p_value: float
    null_mean: float
    null_sd: float
    n_permutations: int


def _score_of_pairing(similarity: NDArray, fixed: Fixed) -> NDArray[np.float64]:
    """Element [i, j]: two-way score of fixed image j if its own partner were image i."""
    n = len(identification_pairs(similarity, fixed))
    columns = similarity if fixed == "recon" else similarity.T
    others = ~np.eye(n, dtype=bool)
    return np.array(
        [
            (columns[rivals] < own).sum(axis=0) / (n - 1)
            for own, rivals in zip(columns, others, strict=True)
        ]
    )


def permutation_test(
    similarity: NDArray,
    n_permutations: int = 9999,
    seed: int = 0,
    fixed: Fixed = "recon",
) -> PermutationResult:
    """Test mean two-way identification by shuffling which reconstruction belongs to which image.

    The null hypothesis is that reconstructions carry no information about which image was seen, so
    that every pairing of reconstructions and true images is equally likely.

    Parameters
    ----------
    similarity : (n, n) array
        Element [i, j]: similarity of true image i and reconstruction j.
    n_permutations : int
        Number of random pairings. All n! pairings are enumerated if there are no more than that.
    seed : int
    fixed : see `two_way_identification`

    Returns
    -------
    PermutationResult
        With b pairings of m at least as accurate as the observed one, p is (1 + b) / (1 + m) for
        random pairings (Phipson and Smyth 2010) and b / m for the enumeration, which contains
        the observed pairing.

    Raises
    ------
    InputError
        If the matrix is not square, has fewer than two images, or n_permutations is below 1.

    Examples
    --------
    >>> result = permutation_test(np.eye(4))
    >>> result.statistic, result.n_permutations, round(result.p_value * 24)
    (1.0, 24, 1)
    """
    if n_permutations < 1:
        raise InputError(f"n_permutations is {n_permutations}, expected at least 1")
    scores = _score_of_pairing(similarity, fixed)
    n = len(scores)
    exact = math.factorial(n) <= n_permutations
    if exact:
        pairings = np.array(list(itertools.permutations(range(n))))
    else:
        rng = np.random.default_rng(seed)
        pairings = rng.permuted(np.tile(np.arange(n), (n_permutations, 1)), axis=1)
    observed = float(np.diagonal(scores).mean())
    null = scores[pairings, np.arange(n)].mean(axis=1)
    # Equal accuracies can differ in the last bits, because the order of summation differs.
    as_good = int((null >= observed - 1e-12).sum())
    p_value = as_good / len(null) if exact else (1 + as_good) / (1 + len(null))
    return PermutationResult(
        statistic=observed,
        p_value=p_value,
        null_mean=float(null.mean()),
        null_sd=float(null.std()),
        n_permutations=len(null),
    )


@dataclass(frozen=True)
class PairedResult:
    """A mean difference between two methods, and its p value.

    Attributes
    ----------
    difference : mean over images of a - b
    p_value : two-sided
    n_permutations : number of sign patterns; 2**n if all were enumerated
    """

    difference: float
    p_value: float
    n_permutations: int


def paired_permutation(
    a: ArrayLike, b: ArrayLike, n_permutations: int = 9999, seed: int = 0
) -> PairedResult:
    """Sign-flip test of the mean difference between two methods' scores of the same images.

    The null hypothesis is that for each image the two reconstructions could be exchanged. This
    requires that the score of an image depends on no other reconstruction. It holds for scores of
    an image with its own reconstruction, and for two-way identification with fixed="recon" (a
    column of the similarity matrix belongs to one reconstruction). With fixed="true" all
    reconstructions enter every score, and this test does not apply.

    Parameters
    ----------
    a, b : (n,) arrays
        One score per image, in the same order.
    n_permutations : int
        Number of random sign patterns. All 2**n patterns are tried if there are no more than that.
    seed : int

    Returns
    -------
    PairedResult
        p is (1 + k) / (1 + m) if k of m random patterns give a mean difference at least as far
        from zero (Phipson and Smyth 2010), k / m if all patterns were tried.

    Raises
    ------
    InputError
        If lengths differ, there is no image, or a score is NaN.

    Examples
    --------
    >>> paired_permutation([0.9, 0.8, 0.7, 0.9], [0.5, 0.6, 0.6, 0.4])
    PairedResult(difference=0.3, p_value=0.125, n_permutations=16)
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise InputError(f"paired scores have shapes {first.shape} and {second.shape}")
    difference = first - second
    if np.isnan(difference).any():
        raise InputError(f"paired scores: {np.isnan(difference).sum()} of {first.size} are NaN")
    if n_permutations < 1:
        raise InputError(f"n_permutations is {n_permutations}, expected at least 1")
    n = len(difference)
    exact = 2**n <= n_permutations
    total = 2**n if exact else n_permutations
    rng = np.random.default_rng(seed)
    # Equal means can differ in the last bits, because the order of summation differs.
    limit = abs(difference.sum()) * (1 - 1e-12) - 1e-15
    as_far = 0
    for start in range(0, total, _CHUNK):
        count = min(_CHUNK, total - start)
        if exact:
            flips = (np.arange(start, start + count)[:, None] >> np.arange(n)) & 1
        else:
            flips = rng.integers(0, 2, (count, n))
        as_far += int((np.abs((1 - 2 * flips) @ difference) >= limit).sum())
    p_value = as_far / total if exact else (1 + as_far) / (1 + total)
    return PairedResult(round(float(difference.mean()), 15), p_value, total)
