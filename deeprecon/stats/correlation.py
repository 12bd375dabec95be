"""Pearson and Spearman correlation, and the effect of unreliable measurements on them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from deeprecon.errors import InputError

Floats = NDArray[np.floating]

CHUNK_UNITS = 65_536  # bounds the float64 copies when features have millions of units


def correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Pearson correlation over the first axis.

    Parameters
    ----------
    a, b : (n, *shape) arrays
        Computed in their dtype. Subtract a constant first if values are large compared with their
        variation.

    Returns
    -------
    (*shape) array
        Within [-1, 1]; NaN where the sum of squares around the mean is 0 in either array.

    Examples
    --------
    >>> correlation(np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]), np.array([[3.0], [2.0], [1.0]]))
    array([-1., nan])
    """
    da, db = a - a.mean(axis=0), b - b.mean(axis=0)
    covariance = (da * db).sum(axis=0)
    squares = (da * da).sum(axis=0) * (db * db).sum(axis=0)
    r = np.full(covariance.shape, np.nan)
    np.divide(covariance, np.sqrt(squares), out=r, where=squares > 0)
    return np.clip(r, -1, 1)


def similarity_matrix(true: NDArray, recon: NDArray) -> NDArray[np.float64]:
    """Pearson correlation of every true with every reconstructed image, over pixels or units.

    Parameters
    ----------
    true : (n_true, *unit_shape) array
        Images, or the features of images.
    recon : (n_recon, *unit_shape) array

    Returns
    -------
    (n_true, n_recon) array
        Rounded to 12 decimals, so that equal images tie regardless of the order of summation.
        NaN where an image or feature vector is constant or contains NaN.

    Raises
    ------
    InputError
        If the unit shapes differ.

    Examples
    --------
    >>> similarity_matrix(np.array([[1, 2, 3], [3, 2, 1]]), np.array([[2, 4, 6]]))
    array([[ 1.],
           [-1.]])
    """
    if true.ndim < 2 or true.shape[1:] != recon.shape[1:] or 0 in true.shape + recon.shape:
        raise InputError(
            f"true has shape {true.shape} and recon {recon.shape}, expected "
            "(n_true, *unit_shape) and (n_recon, *unit_shape) with one unit_shape"
        )
    a, b = true.reshape(len(true), -1), recon.reshape(len(recon), -1)
    a_mean, b_mean = (rows.mean(axis=1, keepdims=True, dtype=np.float64) for rows in (a, b))
    product = np.zeros((len(a), len(b)))
    a_square, b_square = np.zeros(len(a)), np.zeros(len(b))
    for start in range(0, a.shape[1], CHUNK_UNITS):
        x = a[:, start : start + CHUNK_UNITS] - a_mean
        y = b[:, start : start + CHUNK_UNITS] - b_mean
        product += x @ y.T
        a_square += (x * x).sum(axis=1)
        b_square += (y * y).sum(axis=1)
    # The mean of a constant row is inexact: without this, rounding errors would be correlated.
    a_square[a.min(axis=1) == a.max(axis=1)] = np.nan
    b_square[b.min(axis=1) == b.max(axis=1)] = np.nan
    return np.round(product / np.sqrt(np.outer(a_square, b_square)), 12)


def rank_correlation(
    a: ArrayLike, b: ArrayLike, n_permutations: int = 9999, seed: int = 0
) -> tuple[float, float]:
    """Spearman's rho of two (n,) arrays, and its two-sided p value by random permutation.

    Examples
    --------
    >>> rho, p = rank_correlation([1.0, 2.0, 4.0, 8.0, 9.0], [1, 2, 3, 4, 5])
    >>> round(rho, 3), bool(p < 0.03)
    (1.0, True)
    """
    x, y = (rankdata(np.asarray(part)) for part in (a, b))
    x, y = ((part - part.mean()) / (part.std() * np.sqrt(len(part))) for part in (x, y))
    rho = float(x @ y)
    rng = np.random.default_rng(seed)
    drawn = rng.permuted(np.tile(y, (n_permutations, 1)), axis=1) @ x
    as_far = int((np.abs(drawn) >= abs(rho) - 1e-12).sum())
    return rho, (1 + as_far) / (1 + n_permutations)


def noise_ceiling(r: ArrayLike, n: int) -> NDArray[np.float64]:
    """Highest correlation with a noise-free target that an average of n repetitions can have.

    By the formula of Spearman (1910) and Brown (1910) such an average has the reliability
    n r / (1 + (n - 1) r). Its correlation with what it measures is the square root of that.

    Parameters
    ----------
    r : correlation between single repetitions; values below 0 count as 0
    n : number of averaged repetitions

    Examples
    --------
    >>> noise_ceiling([0.25, -0.1], 1)
    array([0.5, 0. ])
    """
    positive = np.maximum(np.asarray(r), 0)
    ceiling: NDArray[np.float64] = np.sqrt(n * positive / (1 + (n - 1) * positive))
    return ceiling
