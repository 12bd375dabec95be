"""Give decoded features the contrast of true ones.

Regression shrinks predictions towards the mean, so images that match unscaled predictions look
grey. Every function takes `decoded` (n, *unit_shape), the features of one layer, and that layer's
statistics over the training images. `registry.SCALINGS` lists the functions.
"""

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.features.statistics import LayerStatistics, channel_sd
from deeprecon.reconstruct.registry import SCALINGS
from deeprecon.registry import Choice, find

Array = NDArray[np.float32]


def _gain(goal: float, features: Array) -> Array:
    """Factor (n, 1, ...) that brings the mean SD within channels of each image to a goal."""
    sd = channel_sd(features)
    if not np.isfinite(sd).all():
        raise InputError(f"decoded features of image {_first(~np.isfinite(sd))} are not finite")
    if not (sd > 0).all():
        raise InputError(f"decoded features of image {_first(sd <= 0)} do not vary")
    return np.asarray(goal / sd, np.float32).reshape(-1, *[1] * (features.ndim - 1))


def _first(where: NDArray[np.bool_]) -> int:
    """Number, from 1, of the first image for which a condition holds."""
    return int(np.argmax(where)) + 1


def match_sd(decoded: Array, statistics: LayerStatistics) -> Array:
    """Scale each image's features including their mean (Shen et al. 2019): `y / s * SD`.

    s is the SD within a channel, averaged over channels (for vectors: the SD over units). SD is the
    same of true features, averaged over images.
    """
    return decoded * _gain(statistics.scale, decoded)


def match_sd_around_mean(decoded: Array, statistics: LayerStatistics) -> Array:
    """Scale each image's difference from the training mean c: `(y - c) / s * SD + c`.

    s and SD are those of `match_sd`, of y itself, as in `ScaleFeatures` of
    KamitaniLab/spurious_reconstruction.
    """
    return (decoded - statistics.mean) * _gain(statistics.scale, decoded) + statistics.mean


def match_contrast(decoded: Array, statistics: LayerStatistics) -> Array:
    """Give each image's difference from the training mean c the SD of true differences.

    With z = y - c: `(z - mean(z)) / s * SD + mean(z) + c`, where s and SD are those of z. This
    resembles "feature_std_train_mean_center" of the lab's brain-decoding cookbook, in which SD is
    that of uncentred features.
    """
    centred = decoded - statistics.mean
    own = centred.mean(axis=tuple(range(1, decoded.ndim)), keepdims=True)
    return (centred - own) * _gain(statistics.contrast, centred) + own + statistics.mean


def unscaled(decoded: Array, statistics: LayerStatistics) -> Array:
    """Leave the features as they are."""
    return decoded


def scaled(name: str, layer: str, decoded: Array, statistics: LayerStatistics) -> Array:
    """Scale one layer's features by a function of `SCALINGS`; an InputError names the layer."""
    scale = find(SCALINGS, name, Choice, "scaling").load()
    try:
        return np.asarray(scale(decoded, statistics), np.float32)
    except InputError as error:
        raise InputError(f"layer {layer}: {error}") from None
