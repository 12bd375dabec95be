"""Vectors that contain the colour but not the shape of images, for control scores.

Functions take images (n, H, W, 3) on the scale 0-255. Their scores are reported next to those of
pixels: if the mean colour identifies images as well as all pixels do, a score by pixels is evidence
of colour only.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from skimage.color import rgb2lab

from deeprecon.errors import InputError

HISTOGRAM_BINS = 4  # for each channel
BLUR_CELLS = 4  # along a side


def _lab(images: NDArray) -> NDArray[np.float64]:
    """CIE L*a*b* of sRGB images (D65, 2 degrees), in which distances approximate perceived ones."""
    lab: NDArray[np.float64] = rgb2lab(np.asarray(images, np.float64) / 255.0)
    return lab


def mean_luminance(images: NDArray) -> NDArray[np.float64]:
    """Mean lightness L* of each image: (n, 1).

    Examples
    --------
    >>> mean_luminance(np.full((1, 2, 2, 3), 255)).round(3)
    array([[100.]])
    """
    lightness: NDArray[np.float64] = _lab(images)[..., 0].mean(axis=(1, 2))[:, None]
    return lightness


def mean_colour(images: NDArray) -> NDArray[np.float64]:
    """Mean of L*, a* and b* of each image: (n, 3)."""
    mean: NDArray[np.float64] = _lab(images).mean(axis=(1, 2))
    return mean


def colour_histogram(images: NDArray) -> NDArray[np.float64]:
    """Square root of the share of pixels in each of 4 x 4 x 4 boxes of RGB: (n, 64).

    Euclidean distances between these square roots are Hellinger distances between histograms.
    """
    bins = np.minimum(np.asarray(images, np.float64) * HISTOGRAM_BINS / 256, HISTOGRAM_BINS - 1)
    boxes = bins.astype(np.intp) @ np.array([HISTOGRAM_BINS**2, HISTOGRAM_BINS, 1])
    counts = [np.bincount(each.ravel(), minlength=HISTOGRAM_BINS**3) for each in boxes]
    return np.sqrt(np.array(counts) / boxes[0].size)


def low_frequencies(images: NDArray) -> NDArray[np.float64]:
    """Means of 4 x 4 cells of each image: (n, 4, 4, 3); the cells' sides differ by at most 1 pixel.

    Raises
    ------
    InputError
        If a side is shorter than 4 pixels.
    """
    values = np.asarray(images, np.float64)
    if min(values.shape[1:3]) < BLUR_CELLS:
        raise InputError(f"images have shape {values.shape}, expected sides of {BLUR_CELLS} pixels")
    for axis in (1, 2):
        parts = np.array_split(values, BLUR_CELLS, axis=axis)
        values = np.concatenate([part.mean(axis=axis, keepdims=True) for part in parts], axis=axis)
    return values


def similarity_of_distances(true: NDArray, recon: NDArray) -> NDArray[np.float64]:
    """Negative Euclidean distance of every true to every reconstructed vector: (n_true, n_recon).

    Values are rounded to 9 decimals, so that equal images tie.

    Examples
    --------
    >>> similarity_of_distances(np.array([[0.0], [3.0]]), np.array([[1.0]]))
    array([[-1.],
           [-2.]])
    """
    return -np.round(cdist(true, recon), 9)
