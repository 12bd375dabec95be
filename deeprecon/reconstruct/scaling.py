"""Give decoded features the contrast of true ones.

Regression shrinks predictions towards the mean; images that match them as they are come out grey.
All functions take one layer: `decoded` (n, *unit_shape), and its statistics over training images.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.features.statistics import LayerStatistics, channel_sd

Array = NDArray[np.float32]


def _gain(goal: float, features: Array) -> Array:
    """What takes the mean SD of each image's channels to the goal, to multiply (n, *unit_shape)."""
    sd = channel_sd(features)
    if not np.isfinite(sd).all():
        raise InputError(f"decoded features of image {_first(~np.isfinite(sd))} are not finite")
    if not (sd > 0).all():
        raise InputError(f"decoded features of image {_first(sd <= 0)} are all alike")
    return np.asarray(goal / sd, np.float32).reshape(-1, *[1] * (features.ndim - 1))


def _first(where: NDArray[np.bool_]) -> int:
    """Number, from 1, of the first image for which something holds."""
    return int(np.argmax(where)) + 1


def match_sd(decoded: Array, statistics: LayerStatistics) -> Array:
    """Scale each image's features as a whole, their mean too: Shen et al. 2019.

    `y / s * SD`: s is the SD within a channel, averaged over channels (of vectors: over units),
    and SD the same of true features, averaged over images.
    """
    return decoded * _gain(statistics.scale, decoded)


def match_sd_around_mean(decoded: Array, statistics: LayerStatistics) -> Array:
    """Scale each image's difference from the training mean c: `(y - c) / s * SD + c`.

    s and SD as in `match_sd`, of y itself. KamitaniLab/spurious_reconstruction, `ScaleFeatures`.
    """
    return (decoded - statistics.mean) * _gain(statistics.scale, decoded) + statistics.mean


def match_contrast(decoded: Array, statistics: LayerStatistics) -> Array:
    """Give each image's difference from the training mean the SD that true differences have.

    With z = y - c: `(z - mean(z)) / s * SD + mean(z) + c`, where s and SD are of z. Like
    "feature_std_train_mean_center" of the lab's brain-decoding cookbook, except that SD there is
    of features that are not centred.
    """
    centred = decoded - statistics.mean
    own = centred.mean(axis=tuple(range(1, decoded.ndim)), keepdims=True)
    return (centred - own) * _gain(statistics.contrast, centred) + own + statistics.mean


def as_decoded(decoded: Array, statistics: LayerStatistics) -> Array:
    """Leave the features alone."""
    return decoded


SCALINGS: dict[str, Callable[[Array, LayerStatistics], Array]] = {
    "sd": match_sd,
    "train_mean": match_sd_around_mean,
    "centred": match_contrast,
    "none": as_decoded,
}


def scaled(name: str, layer: str, decoded: Array, statistics: LayerStatistics) -> Array:
    """One layer's features scaled as `SCALINGS` names it; an InputError names the layer."""
    try:
        return np.asarray(SCALINGS[name](decoded, statistics), np.float32)
    except InputError as error:
        raise InputError(f"layer {layer}: {error}") from None
