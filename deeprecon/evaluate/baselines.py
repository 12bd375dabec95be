"""Pictures that know less than a reconstruction: what its scores must be read against.

Each baseline is an array of images like the reconstructions of the set, so that every score can
be taken of it. `true_features` and the control with permuted labels come from files of their own.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.stats.correlation import similarity_matrix

Array = NDArray[np.floating]
Images = NDArray[np.uint8]

BASELINES: dict[str, str] = {
    "shuffled_features": "reconstructions from the decoded features of another image of the set",
    "mean_features": "a reconstruction from the features' means over training images",
    "prior_only": "the picture that the search starts from",
    "nearest_training": "the training image whose features are nearest to the decoded ones",
    "mean_training": "the mean of all training images",
}


def derangement(n: int, seed: int) -> NDArray[np.intp] | None:
    """A seeded order of n images in which no image keeps its index; None of one image.

    Examples
    --------
    >>> derangement(4, seed=0)
    array([1, 3, 0, 2])
    """
    if n < 2:
        return None
    circle = np.random.default_rng(seed).permutation(n)
    order = np.empty(n, np.intp)
    order[circle] = np.roll(circle, -1)
    return order


def nearest_training(
    decoded: Mapping[str, Array], training: Mapping[str, Array]
) -> NDArray[np.intp]:
    """The training image whose features resemble the decoded ones most.

    Parameters
    ----------
    decoded : layer -> (n, n_units)
    training : layer -> (m, n_units) true features of the training images

    Returns
    -------
    (n,) array
        Row of the training image with the highest Pearson correlation, standardised by the
        training images unit by unit and averaged over layers.

    Raises
    ------
    InputError
        If the layers differ.
    """
    if not decoded or set(decoded) - set(training):
        raise InputError(
            f"nearest training image: layers {sorted(decoded)}, known {sorted(training)}"
        )
    total = np.zeros((len(next(iter(decoded.values()))), len(next(iter(training.values())))))
    for layer, values in decoded.items():
        known = training[layer]
        mean, sd = known.mean(axis=0), known.std(axis=0)
        sd = np.where(sd > 0, sd, np.inf)  # units that never change tell nothing
        total += np.nan_to_num(similarity_matrix((values - mean) / sd, (known - mean) / sd))
    best: NDArray[np.intp] = total.argmax(axis=1)
    return best


def mean_image(images: NDArray, n: int) -> Images:
    """The mean of some images, n times: (n, H, W, 3) uint8."""
    mean = np.round(images.mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return np.repeat(mean[None], n, axis=0)
