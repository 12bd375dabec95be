"""Presets: named settings of a reconstruction, of the published methods and ours."""

from collections.abc import Mapping
from typing import Any

from deeprecon.errors import InputError
from deeprecon.reconstruct.registry import (
    LOSSES,
    OPTIMISERS,
    PRIORS,
    SCALINGS,
    Loss,
    Optimiser,
    Prior,
)
from deeprecon.reconstruct.settings import SearchSettings
from deeprecon.registry import Choice, find, unknown
from deeprecon.typed import changed

_2019 = SearchSettings(loss="squared", layer_weights="norm", scaling="sd", display="percentile")

PRESETS: dict[str, SearchSettings] = {
    # Shen et al. 2019, natural images: KamitaniLab/DeepImageReconstruction script 1, icnn_dgn_gd.
    "2019-dgn": changed(_2019, prior="generator", optimiser="latent_descent", n_iterations=200),
    # Shen et al. 2019, without generator: scripts 2-7, icnn_lbfgs.
    "2019-pixel": changed(_2019, prior="pixel", n_iterations=200),
    # KamitaniLab/icnn, icnn_gd with its default options and weights.
    "icnn-gd": changed(
        _2019, prior="pixel", optimiser="image_descent", n_iterations=200, start="noise",
        layer_weights="equal", decay=(0.2, 1e-10), blur=(2.0, 0.5),
    ),
    # Shirakawa et al. 2024 (arXiv 2405.10078), KamitaniLab/spurious_reconstruction, iCNN.
    "2024": changed(
        _2019, prior="generator", optimiser="adamw", n_iterations=800, start=0.01, loss="dists",
        layer_weights="equal", scaling="train_mean", fit="resize", learning_rate=(0.1, 0.1),
        decay=(0.01, 0.01),
    ),
    # Ours: did best on held-out training images, see benchmarks/results/presets.md.
    "deeprecon": SearchSettings(),
}  # fmt: skip

_ALWAYS = ("prior", "layer_weights", "scaling", "display")


def relevant(settings: SearchSettings) -> dict[str, Any]:
    """The settings that a reconstruction depends on, given its prior and its optimiser.

    Examples
    --------
    >>> relevant(PRESETS["2019-pixel"])["optimiser"]
    'lbfgsb'
    >>> "momentum" in relevant(PRESETS["2019-pixel"])
    False
    """
    prior = settings.prior_choice
    names = {*_ALWAYS, *prior.settings}
    if prior.searches:
        names.update(settings.optimiser_choice.settings)
    return {name: value for name, value in settings.model_dump().items() if name in names}


def settings_of(preset: str, changes: Mapping[str, Any]) -> SearchSettings:
    """Take a preset and change some of its settings.

    Raises
    ------
    InputError
        If the preset is unknown, or if a change is not allowed or has no effect with this prior
        and optimiser.
    """
    if preset not in PRESETS:
        raise InputError(unknown("preset", preset, PRESETS))
    settings = changed(PRESETS[preset], **changes)
    used = relevant(settings)
    for name in changes:
        if name not in used:
            searches = settings.prior_choice.searches
            who = settings.optimiser if searches else settings.prior
            raise InputError(f"{name}: prior {settings.prior!r} with {who!r} has no such setting")
    return settings


def accepts_mean_features(settings: Mapping[str, Any]) -> bool:
    """Whether the mean features of the training images can be reconstructed.

    Parameters
    ----------
    settings : as returned by `relevant`

    Examples
    --------
    >>> accepts_mean_features(relevant(PRESETS["2019-pixel"]))
    True
    >>> accepts_mean_features(relevant(PRESETS["deeprecon"]))  # measures differences from the mean
    False
    """
    if not find(PRIORS, settings["prior"], Prior, "prior").searches:
        return False
    return find(LOSSES, settings["loss"], Loss, "loss").mean_features


def functions_of(settings: Mapping[str, Any]) -> list[str]:
    """Import paths of the registered or user's functions that a reconstruction runs.

    Parameters
    ----------
    settings : as returned by `relevant`

    Examples
    --------
    >>> functions_of(relevant(PRESETS["2019-pixel"]))[:2]
    ['deeprecon.reconstruct.priors:pixel', 'deeprecon.reconstruct.scaling:match_sd']
    """
    chosen: list[Choice] = [
        find(PRIORS, settings["prior"], Prior, "prior"),
        find(SCALINGS, settings["scaling"], Choice, "scaling"),
    ]
    if "loss" in settings:
        chosen += [
            find(OPTIMISERS, settings["optimiser"], Optimiser, "optimiser"),
            find(LOSSES, settings["loss"], Loss, "loss"),
        ]
    return [choice.function for choice in chosen]
