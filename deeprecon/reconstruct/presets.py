"""Settings of a reconstruction, and named sets of them: the published methods and ours.

Importing this module is cheap: every start of the workflow checks a study's settings with it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from deeprecon.errors import InputError

Range = tuple[float, float]
"""A value at the first and (nearly) at the last iteration; linear in between."""


@dataclass(frozen=True)
class Settings:
    """How images are searched for.

    Attributes
    ----------
    prior : what is searched: pixel | fourier | generator | deep_image; or command, a program of
        the user's that finds the images itself
    start : SD of the normal distribution that parameters start from (0: the mean image, or the
        zero latent), or "noise": each pixel any of 0-255
    optimiser : lbfgsb | latent_descent | image_descent | adamw
    n_iterations : at most so many
    loss : squared | relative | correlation | dists, see `losses`
    layer_weights : norm (1 / |target|^2, as in 2019) | equal | accuracy (squared cross-validated
        decoding accuracy)
    scaling : what gives decoded features the contrast of true ones: sd | train_mean | centred |
        none, see `scaling`
    total_variation : weight of the mean absolute difference of neighbouring pixels (images 0-1)
    display : how pixels become 0-255: clip | percentile (2nd to 98th percentile of the image to
        0-255, as the published pictures)
    n_starts : searches from different starts, of which each image keeps the one of least loss
    spectral_decay : of the Fourier prior
    fit : how a generator's larger image is shown to the network: crop its centre | resize
    learning_rate, momentum, decay : of descent; of `adamw` the first learning rate and decay count
    blur : SD of the Gaussian that smooths the image after each iteration, pixels; 0: none
    jitter : largest random shift of an iteration, pixels
    p_norm, tv_norm : weights of the p-norm (p = 3) and of the squared total variation
    clip_extreme, clip_small_norm, clip_small_contribution : percentage of pixels that is clipped
        every fourth iteration
    command : the user's program, see `command`
    """

    prior: str = "fourier"
    start: float | str = 0.0
    optimiser: str = "lbfgsb"
    n_iterations: int = 40
    loss: str = "correlation"
    layer_weights: str = "accuracy"
    scaling: str = "centred"
    total_variation: float = 0.0
    display: str = "clip"
    n_starts: int = 1
    spectral_decay: float = 1.0
    fit: str = "crop"
    learning_rate: Range = (2.0, 1e-10)
    momentum: Range = (0.9, 0.9)
    decay: Range = (0.01, 0.01)
    blur: Range = (0.0, 0.0)
    jitter: int = 0
    p_norm: float = 0.0
    tv_norm: float = 0.0
    clip_extreme: float = 0.0
    clip_small_norm: float = 0.0
    clip_small_contribution: float = 0.0
    command: str = ""


_2019 = Settings(loss="squared", layer_weights="norm", scaling="sd", display="percentile")

PRESETS: dict[str, Settings] = {
    # Shen et al. 2019, natural images: KamitaniLab/DeepImageReconstruction script 1, icnn_dgn_gd.
    "2019-dgn": replace(_2019, prior="generator", optimiser="latent_descent", n_iterations=200),
    # Shen et al. 2019, without generator: scripts 2-7, icnn_lbfgs.
    "2019-pixel": replace(_2019, prior="pixel", n_iterations=200),
    # KamitaniLab/icnn, icnn_gd with its default options and weights.
    "icnn-gd": replace(
        _2019, prior="pixel", optimiser="image_descent", n_iterations=200, start="noise",
        layer_weights="equal", decay=(0.2, 1e-10), blur=(2.0, 0.5),
    ),
    # Shirakawa et al. 2024 (arXiv 2405.10078), KamitaniLab/spurious_reconstruction, iCNN.
    "2024": replace(
        _2019, prior="generator", optimiser="adamw", n_iterations=800, start=0.01, loss="dists",
        layer_weights="equal", scaling="train_mean", fit="resize", learning_rate=(0.1, 0.1),
        decay=(0.01, 0.01),
    ),
    # Ours: what did best on held-out training images, see benchmarks/results/presets.md.
    "deeprecon": Settings(),
}  # fmt: skip

_ALWAYS = ("prior", "layer_weights", "scaling", "display")
_SEARCH = ("start", "optimiser", "n_iterations", "loss", "total_variation", "n_starts")
_OF_PRIOR: dict[str, tuple[str, ...]] = {
    "pixel": _SEARCH,
    "fourier": (*_SEARCH, "spectral_decay"),
    "generator": (*_SEARCH, "fit"),
    "deep_image": tuple(name for name in _SEARCH if name != "start"),
    "command": ("command",),
}
_OF_OPTIMISER: dict[str, tuple[str, ...]] = {
    "lbfgsb": (),
    "latent_descent": ("learning_rate", "momentum", "decay"),
    "image_descent": (
        "learning_rate", "momentum", "decay", "blur", "jitter", "p_norm", "tv_norm",
        "clip_extreme", "clip_small_norm", "clip_small_contribution",
    ),
    "adamw": ("learning_rate", "decay"),
}  # fmt: skip


def relevant(settings: Settings) -> dict[str, Any]:
    """Those settings that a reconstruction depends on, given its prior and its optimiser.

    Examples
    --------
    >>> relevant(PRESETS["2019-pixel"])["optimiser"]
    'lbfgsb'
    >>> "momentum" in relevant(PRESETS["2019-pixel"])
    False
    """
    names = {*_ALWAYS, *_OF_PRIOR[settings.prior]}
    if settings.prior != "command":
        names.update(_OF_OPTIMISER[settings.optimiser])
    return {name: value for name, value in asdict(settings).items() if name in names}


def settings_of(preset: str, changes: Mapping[str, Any]) -> Settings:
    """A preset with some of its settings changed.

    Raises
    ------
    InputError
        If there is no such preset, or a change means nothing to the prior or the optimiser.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown preset {preset!r}, expected one of {', '.join(PRESETS)}")
    pairs: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()
    }
    settings = replace(PRESETS[preset], **pairs)
    used = relevant(settings)
    for name in changes:
        if name not in used:
            who = settings.prior if settings.prior == "command" else settings.optimiser
            raise InputError(f"{name}: prior {settings.prior!r} with {who!r} has no such setting")
    if settings.optimiser == "image_descent" and settings.prior != "pixel":
        raise InputError("optimiser 'image_descent' smooths and clips pixels: needs prior 'pixel'")
    if settings.start == "noise" and settings.prior != "pixel":
        raise InputError("start 'noise' is of pixels: needs prior 'pixel'")
    return settings
