"""Kinds of decoders by the names and settings that a study gives them."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from deeprecon.decode.layer import Model
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.settings import DEFAULTS
from deeprecon.decode.shared import SharedRidge
from deeprecon.decode.sparse import SparseRegression
from deeprecon.errors import InputError

Settings = dict[str, Any]


def build(settings: Mapping[str, Any], on_gpu: bool = False) -> Model:
    """The model with the settings that one of `candidates` has.

    Parameters
    ----------
    settings : `model`, and those of its `DEFAULTS`
    on_gpu : whether a GPU should solve, where that is faster

    Examples
    --------
    >>> build({"model": "topk", "n_voxels": "all", "alpha": 30.0})
    TopKRidge(alpha=30.0, n_voxels=None)
    """
    given = {key: settings[key] for key in DEFAULTS[settings["model"]]}
    if given.get("n_voxels") == "all":
        given["n_voxels"] = None
    if settings["model"] == "sparse":
        return SparseRegression(**given)
    if settings["model"] == "shared":
        return SharedRidge(**given)
    if on_gpu:
        from deeprecon.decode.batched import BatchedTopKRidge  # torch takes seconds to import

        return BatchedTopKRidge(**given, device="cuda")
    return TopKRidge(**given)


def candidates(settings: Mapping[str, Any], n_voxels: int) -> list[Settings]:
    """Every combination of the settings of which more than one is given.

    Parameters
    ----------
    settings : of a decoder: `model`, and values or lists of values of those in its `DEFAULTS`
    n_voxels : of the region

    Raises
    ------
    InputError
        If the region has fewer voxels than a unit should use.

    Examples
    --------
    >>> [c["alpha"] for c in candidates({"model": "topk", "n_voxels": 5, "alpha": [1, 9]}, 50)]
    [1, 9]
    """
    defaults = DEFAULTS[settings["model"]]
    given = {key: _listed(settings.get(key, value)) for key, value in defaults.items()}
    if "n_voxels" in given:
        counts = given["n_voxels"]
        given["n_voxels"] = [n for n in counts if n == "all" or n <= n_voxels]
        if not given["n_voxels"]:
            raise InputError(
                f"the region has {n_voxels} voxels, expected n_voxels = {min(counts)} or more; "
                "give its decoder a smaller n_voxels, or 'all'"
            )
    choices = [dict(zip(given, values, strict=True)) for values in product(*given.values())]
    return [{"model": settings["model"], **choice} for choice in choices]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
