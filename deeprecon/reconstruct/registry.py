"""Registries of losses, priors, optimisers and scalings.

Each is a function in a module of this package, or a user's own, named `module:function` in the
settings. The entries declare what a function needs; everything else derives from them. No entry
imports torch.
"""

from dataclasses import dataclass

from deeprecon.registry import Choice

SEARCH = ("start", "optimiser", "n_iterations", "loss", "total_variation", "n_starts")
"""Fields of `SearchSettings` that count for every prior whose parameters are searched."""

_RATES = ("learning_rate", "momentum", "decay")


@dataclass(frozen=True)
class Loss(Choice):
    """A distance between features, `function(target, centre, layer)`; see `losses`.

    Attributes
    ----------
    mean_features : whether targets may be the mean training features; false if the loss measures
        differences from them
    """

    mean_features: bool = False


@dataclass(frozen=True)
class Prior(Choice):
    """A prior, `function(size=, network=, settings=, weights=)`; see `priors`.

    Attributes
    ----------
    settings : fields of `SearchSettings` that count
    searches : whether an optimiser searches the parameters; if not, the function finds the images
        itself, see `command`
    weights : whether it needs the weights of a generator
    noise : whether a search can start from pixels of random values
    """

    settings: tuple[str, ...] = SEARCH
    searches: bool = True
    weights: bool = False
    noise: bool = False


@dataclass(frozen=True)
class Optimiser(Choice):
    """An optimiser, `function(start, settings, bounds, seed)`; see `optimise`.

    Attributes
    ----------
    settings : fields of `SearchSettings` that count
    priors : names of the priors that it works with; empty: all
    """

    settings: tuple[str, ...] = _RATES
    priors: tuple[str, ...] = ()


LOSSES: dict[str, Loss] = {
    "squared": Loss("deeprecon.reconstruct.losses:squared", mean_features=True),
    "relative": Loss("deeprecon.reconstruct.losses:relative"),
    "correlation": Loss("deeprecon.reconstruct.losses:correlation"),
    "dists": Loss("deeprecon.reconstruct.losses:dists", mean_features=True),
}

PRIORS: dict[str, Prior] = {
    "pixel": Prior("deeprecon.reconstruct.priors:pixel", noise=True),
    "fourier": Prior("deeprecon.reconstruct.priors:fourier", (*SEARCH, "spectral_decay")),
    "generator": Prior(
        "deeprecon.reconstruct.generator_prior:generator", (*SEARCH, "fit"), weights=True
    ),
    "deep_image": Prior(
        "deeprecon.reconstruct.deep_image_prior:deep_image",
        tuple(name for name in SEARCH if name != "start"),
    ),
    "command": Prior(
        "deeprecon.reconstruct.command:reconstruct_by_command", ("command",), searches=False
    ),
}

OPTIMISERS: dict[str, Optimiser] = {
    "lbfgsb": Optimiser("deeprecon.reconstruct.lbfgsb:lbfgsb", ()),
    "latent_descent": Optimiser("deeprecon.reconstruct.optimise:latent_descent"),
    "image_descent": Optimiser(
        "deeprecon.reconstruct.image_descent:image_descent",
        (
            *_RATES, "blur", "jitter", "p_norm", "tv_norm", "clip_extreme", "clip_small_norm",
            "clip_small_contribution",
        ),
        priors=("pixel",),
    ),
    "adamw": Optimiser("deeprecon.reconstruct.optimise:adamw", ("learning_rate", "decay")),
}  # fmt: skip

SCALINGS: dict[str, Choice] = {
    "sd": Choice("deeprecon.reconstruct.scaling:match_sd"),
    "train_mean": Choice("deeprecon.reconstruct.scaling:match_sd_around_mean"),
    "centred": Choice("deeprecon.reconstruct.scaling:match_contrast"),
    "none": Choice("deeprecon.reconstruct.scaling:unscaled"),
}
