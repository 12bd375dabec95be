"""Mean, SD and contrast of a layer's units over the training images."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deeprecon.features.store import FeatureFile
from deeprecon.hdf5 import reading, writing

Array = NDArray[np.float32]


def channel_sd(features: Array) -> NDArray[np.float64]:
    """Mean over channels of the SD within a channel (ddof 0), for each stimulus: (n,).

    Parameters
    ----------
    features : (n, channels, *space), or (n, units): the SD over units

    Examples
    --------
    >>> channel_sd(np.array([[[0.0, 2.0], [1.0, 5.0]]]))
    array([1.5])
    """
    if features.ndim == 2:
        return np.asarray(features.std(axis=1), np.float64)
    flat = features.reshape(*features.shape[:2], -1)
    return np.asarray(flat.std(axis=2).mean(axis=1), np.float64)


@dataclass(frozen=True)
class LayerStatistics:
    """Statistics of one layer over the training images.

    Attributes
    ----------
    mean, sd : (*unit_shape); SD with ddof 1
    contrast : mean over images of `channel_sd(features - mean)`
    scale : mean over images of `channel_sd(features)`, published by the Kamitani lab for VGG19
    """

    mean: Array
    sd: Array
    contrast: float
    scale: float

    @classmethod
    def of(cls, features: Array) -> "LayerStatistics":
        """Statistics of (n, *unit_shape) features."""
        mean = features.mean(axis=0)
        sd = features.std(axis=0, ddof=1)
        contrast, scale = (channel_sd(part).mean() for part in (features - mean, features))
        return cls(mean, sd, float(contrast), float(scale))

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> "LayerStatistics":
        """Statistics of a file of features, read in blocks of whole channels."""
        file = FeatureFile.of(path)
        if len(file.unit_shape) == 1:  # the contrast of a vector is over all units
            return cls.of(file.read(slice(None)))
        parts = [cls.of(file.read(rows)) for rows in file.blocks()]
        n_channels = [len(part.mean) for part in parts]
        return cls(
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.sd for part in parts]),
            float(np.average([part.contrast for part in parts], weights=n_channels)),
            float(np.average([part.scale for part in parts], weights=n_channels)),
        )


def write_statistics(
    path: str | os.PathLike[str],
    statistics: Mapping[str, LayerStatistics],
    attributes: Mapping[str, str],
) -> None:
    """Write the statistics of all layers, one group each: `mean`, `sd`, `contrast`, `scale`."""
    with writing(path, track_order=True) as file:
        for layer, values in statistics.items():
            group = file.create_group(layer)
            group["mean"], group["sd"] = values.mean, values.sd
            group.attrs["contrast"], group.attrs["scale"] = values.contrast, values.scale
        file.attrs.update(attributes)


def read_statistics(path: str | os.PathLike[str]) -> dict[str, LayerStatistics]:
    """Read a file written by `write_statistics`: layer -> LayerStatistics."""
    with reading(path, "feature statistics") as file:
        return {
            layer: LayerStatistics(
                group["mean"][:],
                group["sd"][:],
                float(group.attrs["contrast"]),
                float(group.attrs["scale"]),
            )
            for layer, group in file.items()
        }
