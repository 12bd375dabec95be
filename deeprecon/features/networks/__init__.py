"""Networks whose layers are decoded and matched.

A network takes images (n, 3, height, width), float RGB in 0-255, and preprocesses them itself. It
returns the values of its units *before* the activation function, as in Shen et al. 2019, because
negative values carry information that a ReLU would discard.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deeprecon.errors import InputError
from deeprecon.features.networks.alexnet import ALEXNET, CAFFENET, TORCHVISION_ALEXNET
from deeprecon.features.networks.base import Architecture, Network
from deeprecon.features.networks.custom import custom
from deeprecon.features.networks.efficientnet import EFFICIENTNET_LITE0, shipped_weights
from deeprecon.features.networks.vgg import TORCHVISION_VGG19, VGG19, VGG19_LEAKY
from deeprecon.registry import unknown

__all__ = ["ARCHITECTURES", "Architecture", "Network", "architecture_of", "load", "of_settings"]

ARCHITECTURES: dict[str, Architecture] = {
    one.name: one
    for one in (
        EFFICIENTNET_LITE0, VGG19, VGG19_LEAKY, TORCHVISION_VGG19, CAFFENET, ALEXNET,
        TORCHVISION_ALEXNET,
    )
}  # fmt: skip


def load(name: str, weights: str | os.PathLike[str] | None = None) -> Network:
    """Load a network by name.

    Parameters
    ----------
    name : one of `ARCHITECTURES`
    weights : file of weights (torch, zip with a torch file, .caffemodel), or "random" for tests
        and timing only; by default those in the network's Python package

    Raises
    ------
    InputError
        If the name is unknown, a package or file is missing, or a file does not fit.

    Examples
    --------
    >>> load("torchvision_alexnet", weights="random").layers
    ['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc6', 'fc7', 'fc8']
    """
    return of_settings({"name": name}, weights)


def of_settings(
    settings: Mapping[str, Any], weights: str | os.PathLike[str] | None = None
) -> Network:
    """The network that a study's settings describe.

    Parameters
    ----------
    settings : the section `network` of a study: name, and for a user's own network what
        `custom.custom` needs; its `weights` are used only if they are "random"
    weights : see `load`
    """
    architecture = architecture_of(settings)
    if "random" in (weights, settings.get("weights")):
        return architecture.random()
    if weights is None and architecture is EFFICIENTNET_LITE0:
        weights = shipped_weights()
    if weights is None and "import" not in settings:
        raise InputError(f"network {architecture.name}: no weights come with it; give a file")
    return architecture.network(None if weights is None else architecture.read(Path(weights)))


def architecture_of(settings: Mapping[str, Any]) -> Architecture:
    """The architecture that a study's settings describe."""
    if "torchvision" in settings or "import" in settings:
        return custom(settings)
    name = settings["name"]
    if name not in ARCHITECTURES:
        raise InputError(unknown("network", name, ARCHITECTURES))
    return ARCHITECTURES[name]
