"""How alike true and reconstructed images are: scores that need no network weights.

Images are (n, H, W, 3) arrays on the scale 0-255. Image i of `true` belongs to image i of `recon`.
Every identification score starts from one (n_true, n_recon) matrix of Pearson correlations, of
pixels or of network features.
"""

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError

Fixed = Literal["recon", "true"]
Groups = Sequence[Hashable] | None

CHUNK_UNITS = 65_536  # bounds the float64 copies when features have millions of units


def _check_scale(name: str, images: NDArray) -> None:
    """Refuse pixel values that are not on the scale 0-255."""
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 255):
        raise InputError(f"{name} images: values from {low:g} to {high:g}, expected 0-255")
    # On the scale 0-1 the constants of SSIM would swamp the images and every score would be near 1.
    if np.issubdtype(images.dtype, np.floating) and 0 < high <= 1:
        raise InputError(
            f"{name} images: largest value {high:g}, expected the scale 0-255, not 0-1"
        )


def check_images(true: NDArray, recon: NDArray) -> None:
    """Refuse two sets of images that are not (n, H, W, 3), of one shape and on one scale."""
    if true.shape != recon.shape:
        raise InputError(
            f"true images have shape {true.shape} but reconstructed images {recon.shape}"
        )
    if true.ndim != 4 or true.shape[-1] != 3 or true.size == 0:
        raise InputError(f"images have shape {true.shape}, expected (n, height, width, 3)")
    _check_scale("true", true)
    _check_scale("reconstructed", recon)


def pixel_correlation(true: NDArray, recon: NDArray) -> NDArray[np.float64]:
    """Pearson correlation over all RGB values of each image (PixCorr).

    Parameters
    ----------
    true, recon : (n, H, W, 3) arrays, 0-255
        At one resolution: resize before, with one declared method, since the score depends on it.

    Returns
    -------
    (n,) array
        NaN where an image is constant.

    Raises
    ------
    InputError
        If shapes differ, or values are not on the scale 0-255.

    Examples
    --------
    >>> image = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    >>> pixel_correlation(image, 255 - image)
    array([-1.])
    """
    check_images(true, recon)
    pairs = zip(true, recon, strict=True)
    return np.array([similarity_matrix(a[None], b[None])[0, 0] for a, b in pairs])


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
        Rounded to 12 decimals, so that equal images tie whatever the order of summation was.
        NaN where an image or feature vector is constant or holds a NaN.

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


def identification_pairs(
    similarity: NDArray, fixed: Fixed = "recon", groups: Groups = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which competitor loses to which own image, and which pairs compete at all.

    Parameters
    ----------
    similarity, fixed, groups
        As for `two_way_identification`.

    Returns
    -------
    won : (n, n) bool array
        Element [i, j]: for the fixed image j, its own partner beats competitor i.
    competes : (n, n) bool array
        Symmetric; False on the diagonal and within a group.
    """
    n = len(similarity)
    if similarity.shape != (n, n):
        raise InputError(f"similarity has shape {similarity.shape}, expected (n, n), own on i = j")
    if n < 2:
        raise InputError(f"two-way identification needs at least two images, found {n}")
    if fixed not in ("recon", "true"):
        raise InputError(f"fixed is {fixed!r}, expected 'recon' or 'true'")
    if groups is not None and len(groups) != n:
        raise InputError(f"groups has {len(groups)} entries for {n} images")
    group = np.arange(n) if groups is None else np.asarray(groups)
    competes = group[:, None] != group[None, :]
    columns = similarity if fixed == "recon" else similarity.T
    return (columns < np.diagonal(similarity)) & competes, competes


def two_way_identification(
    similarity: NDArray, fixed: Fixed = "recon", groups: Groups = None
) -> NDArray[np.float64]:
    """Share of competitors that each image's own partner beats; chance is 0.5.

    Parameters
    ----------
    similarity : (n, n) array
        Element [i, j]: similarity of true image i and reconstruction j.
    fixed : {"recon", "true"}
        "recon": each reconstruction is compared with its own and with every other true image, as
        in Shen et al. (2019), bdpy and MindEye. "true": each true image is compared with its own
        and with every other reconstruction. The two differ; say which one is reported.
    groups : n labels, optional
        Images of one group, such as crops of one photograph, do not compete.

    Returns
    -------
    (n,) array
        A competitor is beaten if it is strictly less similar; ties and NaN count as not beaten.
        NaN if nothing competes, which is when all images are of one group.

    Raises
    ------
    InputError
        If the matrix is not square or holds fewer than two images.

    Examples
    --------
    >>> two_way_identification(np.array([[0.9, 0.3], [0.5, 0.2]]))
    array([1., 0.])
    """
    won, competes = identification_pairs(similarity, fixed, groups)
    with np.errstate(invalid="ignore"):
        return won.sum(axis=0) / competes.sum(axis=0)
