"""Baselines: images made with less information than a reconstruction, for comparing scores.

Each baseline is an array of images like the reconstructions of the set, so every score can be
computed for it. `true_features` and the control with permuted labels have files of their own.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.evaluate.units import take_units
from deeprecon.features.sampled import SampledUnits
from deeprecon.stats.correlation import similarity_matrix

Array = NDArray[np.floating]
Images = NDArray[np.uint8]

BASELINES: dict[str, str] = {
    "shuffled_features": "reconstructions from the decoded features of another image of the set",
    "mean_features": "a reconstruction from the features' means over training images",
    "prior_only": "the image from which the search starts",
    "nearest_training": "the training image whose features are nearest to the decoded ones",
    "mean_training": "the mean of all training images",
}


def derangement(n: int, seed: int) -> NDArray[np.intp] | None:
    """Seeded permutation of n images in which no image keeps its index; None for one image.

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
    """The training image whose features are most similar to the decoded ones.

    Parameters
    ----------
    decoded : layer -> (n, n_units)
    training : layer -> (m, n_units) true features of the training images

    Returns
    -------
    (n,) array
        Row of the training image with the highest Pearson correlation, averaged over layers.
        Units are standardised by the training images first.

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
        sd = np.where(sd > 0, sd, np.inf)  # constant units carry no information
        total += np.nan_to_num(similarity_matrix((values - mean) / sd, (known - mean) / sd))
    best: NDArray[np.intp] = total.argmax(axis=1)
    return best


def mean_image(images: NDArray, n: int) -> Images:
    """The mean of some images, repeated n times: (n, H, W, 3) uint8."""
    mean = np.round(images.mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return np.repeat(mean[None], n, axis=0)


def baseline_images(
    images: Images,
    decoded: Mapping[str, Array],
    training: Images,
    sampled: SampledUnits,
    *,
    mean: Images | None = None,
    start: Images | None = None,
    seed: int = 0,
) -> dict[str, Images]:
    """Baselines of a set's reconstructions: name (of `BASELINES`) -> (n, H, W, 3).

    Parameters
    ----------
    images : (n, H, W, 3) reconstructions
    decoded : layer -> (n, *unit_shape) features from which they were made
    training : (m, H, W, 3) training images
    sampled : features of the training images
    mean : (1, H, W, 3) reconstruction from mean features, if there is one
    start : (1, H, W, 3) image from which the search started, if there was one
    seed : seed of the shuffled order
    """
    n, found = len(images), {}
    order = derangement(n, seed)
    if order is not None:
        found["shuffled_features"] = images[order]
    if mean is not None:
        found["mean_features"] = np.repeat(mean, n, axis=0)
    if start is not None:
        found["prior_only"] = np.repeat(start, n, axis=0)
    columns = {layer: take_units(part, sampled.units[layer]) for layer, part in decoded.items()}
    found["nearest_training"] = training[nearest_training(columns, sampled.features)]
    found["mean_training"] = mean_image(training, n)
    return found
