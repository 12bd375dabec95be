"""Columns of flattened features."""

import numpy as np
from numpy.typing import NDArray

from deeprecon.features.units import Units


def take_units(features: NDArray[np.floating], units: Units) -> NDArray[np.floating]:
    """Take some units (n, n_units) of a layer's features (n, *unit_shape)."""
    return features.reshape(len(features), -1)[:, units.index]
