"""Pictures from halves of the repetitions: how much of a picture is left to noise in the responses.

Each test image's repetitions are halved, odd and even presentations; both halves are decoded and
reconstructed like the whole, and the pictures of one half are scored against those of the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deeprecon.evaluate.suite import Score
from deeprecon.stats.correlation import noise_ceiling

SPLIT_HALF = "split_half"  # what the pictures are, in the tables
CORRELATIONS = ("pixel_correlation",)  # scores that have a noise ceiling


def picture_ceiling(r: NDArray[np.floating]) -> float:
    """Correlation of a picture from all repetitions with what it would be without noise.

    By the formula of Spearman (1910) and Brown (1910) twice as many repetitions have the
    reliability 2 r / (1 + r), and the correlation of a measurement with its true value is the root
    of its reliability. r is averaged over images first: that of one image is noisy, and the
    formula has no value for r below 0; leaving such images out, or taking them as 0, would raise
    the ceiling. Noise is taken as added to the picture, which a search makes true at best in part.

    Parameters
    ----------
    r : (n,) correlations between the pictures of two halves, NaN where there is none

    Returns
    -------
    float
        NaN unless the mean of r is above 0.

    Examples
    --------
    >>> round(picture_ceiling(np.array([0.25, 0.75, np.nan])) ** 2, 6)
    0.666667
    >>> picture_ceiling(np.array([0.1, -0.3]))
    nan
    """
    defined = r[~np.isnan(r)]
    mean = defined.mean() if len(defined) else np.nan
    return float(noise_ceiling(np.array([mean]), 2)[0]) if mean > 0 else float("nan")


def in_both(first: Sequence[str], second: Sequence[str], stimulus_id: Sequence[str]) -> list[int]:
    """Rows of the images of a set of which both halves have a picture.

    Examples
    --------
    >>> in_both(["a", "c"], ["c", "a"], ["a", "b", "c"])
    [0, 2]
    """
    known = set(first) & set(second)
    return [row for row, name in enumerate(stimulus_id) if name in known]


def spread(scores: Iterable[Score], rows: Sequence[int], n: int) -> Iterator[Score]:
    """Scores of some of n images as scores of all: NaN for the others.

    Parameters
    ----------
    scores : of the images `rows`
    rows : places of these among all
    n : images of the set
    """
    for score in scores:
        values = np.full(n, np.nan)
        values[list(rows)] = score.values
        yield replace(score, values=values)
