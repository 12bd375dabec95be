"""The networks that come with the package: their layers, weights and image sizes.

Reading this module imports no torch, so that a misspelt layer is reported before the first job
starts and dry runs stay fast. A test checks the entries against the networks in
`deeprecon.features.networks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkEntry:
    """What is known about a network without building it.

    Attributes
    ----------
    layers : names, from the image upwards
    download : row of `data/downloads.tsv` with the weights, or None
    packaged : whether the weights come with a Python package
    full_sizes : image sizes that the fully connected layers (fc...) take, pixels
    minimum_size : smallest image size that the other layers take, pixels
    size_step : image sizes are multiples of this, pixels
    """

    layers: tuple[str, ...]
    download: str | None = None
    packaged: bool = False
    full_sizes: tuple[int, ...] = (224,)
    minimum_size: int = 1
    size_step: int = 1

    @property
    def needs_file(self) -> bool:
        """Whether the user must provide a file of weights."""
        return self.download is None and not self.packaged


_EFFICIENTNET = ("stem", *(f"b{i}" for i in range(16)), "head")
_VGG19 = (
    *(f"conv{block}_{i}" for block, n in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, n + 1)),
    "fc6", "fc7", "fc8",
)  # fmt: skip
_ALEXNET = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
_ALEXNET_MINIMUM = 67  # smaller images leave nothing after the second pooling

NETWORKS: dict[str, NetworkEntry] = {
    "efficientnet_lite0": NetworkEntry(_EFFICIENTNET, packaged=True, size_step=32),
    "vgg19": NetworkEntry(_VGG19, "vgg19", size_step=32),
    "vgg19_leaky": NetworkEntry(_VGG19, "vgg19", size_step=32),
    "torchvision_vgg19": NetworkEntry(_VGG19, "torchvision_vgg19", size_step=32),
    "caffenet": NetworkEntry(_ALEXNET, full_sizes=(224, 227), minimum_size=_ALEXNET_MINIMUM),
    "alexnet": NetworkEntry(_ALEXNET, full_sizes=(224, 227), minimum_size=_ALEXNET_MINIMUM),
    "torchvision_alexnet": NetworkEntry(
        _ALEXNET, "torchvision_alexnet", minimum_size=_ALEXNET_MINIMUM
    ),
}


def image_size_error(name: str, layers: Sequence[str], size: int) -> str | None:
    """What is wrong with an image size, pixels; None if nothing is, or for a user's own network.

    Examples
    --------
    >>> image_size_error("vgg19", ["conv1_1", "fc6"], 96)
    "found 96, expected 224, because of the layer 'fc6'"
    """
    if name not in NETWORKS:
        return None
    network = NETWORKS[name]
    full = [layer for layer in layers if layer.startswith("fc")]
    if full and size not in network.full_sizes:
        expected = " or ".join(map(str, network.full_sizes))
        return f"found {size}, expected {expected}, because of the layer {full[0]!r}"
    if size < network.minimum_size:
        return f"found {size}, expected at least {network.minimum_size}"
    if size % network.size_step:
        return f"found {size}, expected a multiple of {network.size_step}"
    return None
