"""The settings of a decoder that cross-validation chose."""

import os
from collections.abc import Mapping
from typing import Any

from deeprecon.decode.models import Settings, candidates
from deeprecon.decode.registry import MODELS
from deeprecon.decode.tables import read_settings

Path = str | os.PathLike[str]


def chosen_settings(model: Mapping[str, Any], table: Path, layer: str) -> Settings:
    """Settings of a layer's decoder that cross-validation chose.

    Parameters
    ----------
    model : settings of the decoder
    table : TSV file of the table of `deeprecon.decode.tuning.cross_validate_region`
    layer : name of the layer

    Raises
    ------
    InputError
        If the table does not have exactly one chosen row of the layer.
    """
    if model["model"] in MODELS:
        return read_settings(table, layer)
    (only,) = candidates(model, 0)  # a user's own regressor has nothing to choose
    return only
