"""Make decoders from the settings of a study."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import product
from typing import Any

from deeprecon.decode.layer import Model
from deeprecon.decode.registry import MODELS, model_of, tuned_defaults
from deeprecon.decode.regressor import RegressorModel
from deeprecon.errors import InputError
from deeprecon.registry import load

Settings = dict[str, Any]


def build(settings: Mapping[str, Any], on_gpu: bool = False) -> Model:
    """Make a decoder from its settings.

    Parameters
    ----------
    settings : one of `candidates`: `model`, and a value for each setting that cross-validation can
        choose; for a user's own regressor, `model` and `options`
    on_gpu : whether to use a GPU where it is faster

    Raises
    ------
    InputError
        If a user's own regressor cannot be imported or made with these options.

    Examples
    --------
    >>> build({"model": "topk", "n_voxels": "all", "alpha": 30.0})
    TopKRidge(alpha=30.0, n_voxels=None)
    """
    name = settings["model"]
    entry = model_of(name)
    if name not in MODELS:
        make = partial(entry.load(), **settings.get("options", {}))
        try:
            make()
        except Exception as error:  # a user's class can raise anything
            raise InputError(f"{name}: {type(error).__name__}: {error}") from None
        return RegressorModel(make)
    given = {key: settings[key] for key in entry.settings.tuned}
    if given.get("n_voxels") == "all":
        given["n_voxels"] = None
    if on_gpu and entry.gpu_function:
        model: Model = load(entry.gpu_function)(**given, device="cuda")
    else:
        model = entry.load()(**given)
    return model


def candidates(settings: Mapping[str, Any], n_voxels: int) -> list[Settings]:
    """Every combination of the settings for which a list is given.

    Parameters
    ----------
    settings : `model`, and a value or a list of values for each setting that cross-validation can
        choose
    n_voxels : number of voxels of the region

    Raises
    ------
    InputError
        If the region has fewer voxels than every value of `n_voxels`.

    Examples
    --------
    >>> [c["alpha"] for c in candidates({"model": "topk", "n_voxels": 5, "alpha": [1, 9]}, 50)]
    [1, 9]
    """
    name = settings["model"]
    if name not in MODELS:
        return [{"model": name, "options": settings.get("options", {})}]
    given = {key: _listed(settings.get(key, value)) for key, value in tuned_defaults(name).items()}
    if "n_voxels" in given:
        counts = given["n_voxels"]
        given["n_voxels"] = [n for n in counts if n == "all" or n <= n_voxels]
        if not given["n_voxels"]:
            raise InputError(
                f"the region has {n_voxels} voxels, expected n_voxels = {min(counts)} or more; "
                "give its decoder a smaller n_voxels, or 'all'"
            )
    choices = [dict(zip(given, values, strict=True)) for values in product(*given.values())]
    return [{"model": name, **choice} for choice in choices]


def check_voxels(models: Iterable[Mapping[str, Any]], n_voxels: int) -> None:
    """Raise InputError, as `candidates` does, if a region has too few voxels for a decoder."""
    for settings in models:
        candidates(settings, n_voxels)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
