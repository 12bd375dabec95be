"""Similarity of true and reconstructed images: scores that need no network weights.

Images are (n, H, W, 3) arrays on the scale 0-255. Image i of `true` belongs to image i of `recon`.
Every identification score starts from one (n_true, n_recon) matrix of Pearson correlations, of
pixels or of network features.
"""

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.stats.correlation import similarity_matrix


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
    """Refuse images that are not (n, H, W, 3), differ in shape, or are not on the scale 0-255.

    Raises
    ------
    InputError
        Names what was found.
    """
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
        All at one resolution. Resizing affects the score, so report the method.

    Returns
    -------
    (n,) array
        NaN where an image is constant.

    Raises
    ------
    InputError
        If the shapes differ, or values are not on the scale 0-255.

    Examples
    --------
    >>> image = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    >>> pixel_correlation(image, 255 - image)
    array([-1.])
    """
    check_images(true, recon)
    pairs = zip(true, recon, strict=True)
    return np.array([similarity_matrix(a[None], b[None])[0, 0] for a, b in pairs])


def pixels(images: NDArray) -> NDArray:
    """All RGB values of each image, as vectors for identification: (n, H, W, 3)."""
    return images
