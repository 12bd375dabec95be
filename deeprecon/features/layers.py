"""What is known of every network without importing torch: layers, files, sizes of images.

A study with a misspelt layer is refused before the first job, and a dry run stays fast. A test
holds these tables equal to the networks themselves.
"""

from collections.abc import Sequence

_VGG19 = [
    *(f"conv{block}_{i}" for block, n in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, n + 1)),
    "fc6", "fc7", "fc8",
]  # fmt: skip
_ALEXNET = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]

LAYERS: dict[str, list[str]] = {
    "efficientnet_lite0": ["stem", *(f"b{i}" for i in range(16)), "head"],
    "vgg19": _VGG19,
    "vgg19_leaky": _VGG19,
    "torchvision_vgg19": _VGG19,
    "caffenet": _ALEXNET,
    "alexnet": _ALEXNET,
    "torchvision_alexnet": _ALEXNET,
}

DOWNLOADS: dict[str, str | None] = {
    "efficientnet_lite0": None,
    "vgg19": "vgg19",
    "vgg19_leaky": "vgg19",
    "torchvision_vgg19": "torchvision_vgg19",
    "torchvision_alexnet": "torchvision_alexnet",
}
"""Networks whose weights can be had without a file of the user's: a row of `data/downloads.tsv`, or
None, if a Python package has them."""

_LEAST = 67  # of AlexNet's: below, nothing is left after the second pooling


def image_size_mistake(name: str, layers: Sequence[str], size: int) -> str | None:
    """What is wrong with a size of images, pixels; None of networks of the user's.

    Examples
    --------
    >>> image_size_mistake("vgg19", ["conv1_1", "fc6"], 96)
    "found 96, expected 224, because of the layer 'fc6'"
    """
    if name not in LAYERS:
        return None
    small = LAYERS[name] is _ALEXNET
    sizes = (224, 227) if name in ("caffenet", "alexnet") else (224,)
    full = [layer for layer in layers if layer.startswith("fc")]
    if full and size not in sizes:
        expected = " or ".join(map(str, sizes))
        return f"found {size}, expected {expected}, because of the layer {full[0]!r}"
    if small:
        return f"found {size}, expected at least {_LEAST}" if size < _LEAST else None
    return f"found {size}, expected a multiple of 32" if size % 32 else None
