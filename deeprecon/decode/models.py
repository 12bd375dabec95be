"""Kinds of decoders by the names and settings that a study gives them."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from deeprecon.decode.layer import Model
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.sparse import SparseRegression
from deeprecon.errors import InputError

Settings = dict[str, Any]


def build(settings: Mapping[str, Any], on_gpu: bool = False) -> Model:
    """The model with the settings that one of `candidates` has.

    Parameters
    ----------
    settings : `model`, `n_voxels`, `alpha`
    on_gpu : whether a GPU should solve, where that is faster

    Examples
    --------
    >>> build({"model": "topk", "n_voxels": "all", "alpha": 30.0})
    TopKRidge(alpha=30.0, n_voxels=None)
    """
    n_voxels = None if settings["n_voxels"] == "all" else int(settings["n_voxels"])
    if settings["model"] == "sparse":
        return SparseRegression(n_voxels=n_voxels)
    alpha = float(settings["alpha"])
    if on_gpu:
        from deeprecon.decode.batched import BatchedTopKRidge  # torch takes seconds to import

        return BatchedTopKRidge(n_voxels, alpha, "cuda")
    return TopKRidge(n_voxels=n_voxels, alpha=alpha)


def candidates(settings: Mapping[str, Any], n_voxels: int) -> list[Settings]:
    """Every combination of the settings of which more than one is given.

    Parameters
    ----------
    settings : of a decoder: `model`, and `n_voxels` and `alpha`, values or lists of them
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
    counts = _listed(settings["n_voxels"])
    possible = [count for count in counts if count == "all" or count <= n_voxels]
    if not possible:
        raise InputError(
            f"the region has {n_voxels} voxels, expected n_voxels = {min(counts)} or more; "
            "give its decoder a smaller n_voxels, or 'all'"
        )
    return [
        {"model": settings["model"], "n_voxels": count, "alpha": alpha}
        for count, alpha in product(possible, _listed(settings.get("alpha", 100.0)))
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
