"""Reconstructions from halves of the repetitions, to measure the effect of noise in responses.

The repetitions of each test image are split into odd and even presentations. Both halves are
decoded and reconstructed like all repetitions, and the images of one half are scored against those
of the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deeprecon.evaluate.suite import Score
from deeprecon.stats.correlation import noise_ceiling

SPLIT_HALF = "split_half"  # condition in the tables


def image_noise_ceiling(r: NDArray[np.floating]) -> float:
    """Expected correlation of an image from all repetitions with the noise-free image.

    By the formula of Spearman (1910) and Brown (1910), twice as many repetitions have the
    reliability 2 r / (1 + r); the correlation of a measurement with its true value is the square
    root of its reliability. r is averaged over images first: the r of a single image is noisy, and
    the formula is undefined for r below 0; omitting such images, or setting them to 0, would raise
    the ceiling. Noise is assumed to be additive in the image, which holds only roughly after an
    optimisation.

    Parameters
    ----------
    r : (n,) correlations between the images of two halves, NaN where undefined

    Returns
    -------
    float
        NaN unless the mean of r is above 0.

    Examples
    --------
    >>> round(image_noise_ceiling(np.array([0.25, 0.75, np.nan])) ** 2, 6)
    0.666667
    >>> image_noise_ceiling(np.array([0.1, -0.3]))
    nan
    """
    defined = r[~np.isnan(r)]
    mean = defined.mean() if len(defined) else np.nan
    return float(noise_ceiling(np.array([mean]), 2)[0]) if mean > 0 else float("nan")


def in_both(first: Sequence[str], second: Sequence[str], stimulus_id: Sequence[str]) -> list[int]:
    """Rows of the images of a set that were reconstructed from both halves.

    Examples
    --------
    >>> in_both(["a", "c"], ["c", "a"], ["a", "b", "c"])
    [0, 2]
    """
    known = set(first) & set(second)
    return [row for row, name in enumerate(stimulus_id) if name in known]


def spread(scores: Iterable[Score], rows: Sequence[int], n: int) -> Iterator[Score]:
    """Extend scores of some images to the whole set, with NaN for the other images.

    Parameters
    ----------
    scores : scores of some images
    rows : indices of these images in the set
    n : number of images of the set
    """
    for score in scores:
        values = np.full(n, np.nan)
        values[list(rows)] = score.values
        yield replace(score, values=values)
