"""Structural similarity, and two variants that papers also call SSIM.

All follow Wang et al. (2004), with scikit-image and a Gaussian window of sigma 1.5 pixels.
Published values differ in colour, size, and by a pitfall: given `multichannel=True` and a grey
image, scikit-image up to 0.18 compares each COLUMN by itself; from 0.19 on it ignores the argument.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity

from deeprecon.errors import InputError
from deeprecon.evaluate.metrics import check_images

SIGMA = 1.5  # pixels; with skimage's truncation at 3.5 sigma the window is 11 pixels wide
WINDOW = 11
SIZE_425 = 425  # pixels, image size in the Natural Scenes Dataset, which these papers use

_SETTINGS: dict[str, Any] = {
    "gaussian_weights": True,
    "sigma": SIGMA,
    "use_sample_covariance": False,
    "data_range": 1.0,
}


def _check(true: NDArray, recon: NDArray) -> None:
    """Refuse images that do not match, or are smaller than the window."""
    check_images(true, recon)
    if min(true.shape[1:3]) < WINDOW:
        raise InputError(
            f"images have shape {true.shape}, SSIM needs height and width of at least {WINDOW}"
        )


def _grey(image: NDArray) -> NDArray[np.float64]:
    """Luminance 0-1 of an image 0-255."""
    grey: NDArray[np.float64] = rgb2gray(image / 255.0)
    return grey


def _at_425(image: NDArray) -> NDArray[np.float32]:
    """Luminance 0-1 of an image resized to 425 x 425 pixels, bilinear."""
    picture = Image.fromarray(np.round(image).astype(np.uint8))
    if picture.size != (SIZE_425, SIZE_425):
        picture = picture.resize((SIZE_425, SIZE_425), Image.Resampling.BILINEAR)
    return _grey(np.asarray(picture)).astype(np.float32)


def ssim_grey(true: NDArray, recon: NDArray) -> NDArray[np.float64]:
    """Structural similarity of the grey images, at their own size.

    Parameters
    ----------
    true, recon : (n, H, W, 3) arrays, 0-255
        Height and width of at least 11 pixels.

    Returns
    -------
    (n,) array
        1 for equal images.

    Raises
    ------
    InputError
        If the shapes differ, images are smaller than the window, or values are not 0-255.
    """
    _check(true, recon)
    pairs = zip(true, recon, strict=True)
    return np.array([structural_similarity(_grey(a), _grey(b), **_SETTINGS) for a, b in pairs])


def ssim_rgb(true: NDArray, recon: NDArray) -> NDArray[np.float64]:
    """Mean structural similarity of the red, green and blue channel; otherwise as `ssim_grey`."""
    _check(true, recon)
    pairs = zip(true / 255.0, recon / 255.0, strict=True)
    return np.array([structural_similarity(a, b, channel_axis=-1, **_SETTINGS) for a, b in pairs])


def ssim_425(true: NDArray, recon: NDArray) -> NDArray[np.float64]:
    """SSIM as MindEye reports it: `ssim_grey` of images that were resized to 425 x 425 pixels.

    In the version of scikit-image that MindEye pins (0.20), `multichannel=True` has no effect.
    """
    _check(true, recon)
    pairs = zip(true, recon, strict=True)
    return np.array([structural_similarity(_at_425(a), _at_425(b), **_SETTINGS) for a, b in pairs])


def ssim_columns(true: NDArray, recon: NDArray) -> NDArray[np.float64]:
    """SSIM as Brain-Diffuser reports it: at 425 x 425 pixels, each column of the grey image alone.

    In the version of scikit-image that it pins (0.17.2), `multichannel=True` treats the last axis
    of the grey image, its columns, as colours. The result is a one-dimensional SSIM of each column,
    averaged, and higher than `ssim_425`. scikit-image filters column by column; this function
    filters all columns at once.
    """
    _check(true, recon)
    pairs = zip(true, recon, strict=True)
    return np.array([_ssim_of_columns(_at_425(a), _at_425(b)) for a, b in pairs])


def _ssim_of_columns(a: NDArray, b: NDArray) -> float:
    """Mean over columns of the one-dimensional SSIM, equations 13 and 14 of Wang et al. (2004)."""

    def local(values: NDArray) -> NDArray:
        blurred: NDArray = gaussian_filter1d(values, SIGMA, axis=0, truncate=3.5)
        return blurred

    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = local(a), local(b)
    variance_a, variance_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    quality = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    quality /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    inside = slice(WINDOW // 2, -(WINDOW // 2))  # positions with the whole window in the image
    return float(quality[inside].mean(dtype=np.float64))
