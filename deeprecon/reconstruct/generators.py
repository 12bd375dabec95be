"""Generators: networks that turn latents into images.

There are two kinds: the published generators that invert layers of CaffeNet (Dosovitskiy & Brox
2016, Generating images with perceptual similarity metrics based on deep networks, NeurIPS), and
generators that `train_generator` trains on a user's own images.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from deeprecon.errors import InputError
from deeprecon.reconstruct.settings import PUBLISHED_SIZES
from deeprecon.registry import unknown

CAFFE_MEAN = (122.67892, 116.66877, 104.00699)
"""RGB; this colour has been subtracted from the images of CaffeNet's generators."""


class Generator(nn.Module):
    """Base of all generators.

    Attributes
    ----------
    latent_shape : shape of one image's latents
    image_size : side of the images, pixels
    spec : arguments to build the module again, see `generator_files`
    """

    latent_shape: tuple[int, ...]
    image_size: int
    spec: dict[str, Any]


# Name, number of output channels, (kernel, stride, padding).
_UP, _SAME, _VALID = (4, 2, 1), (3, 1, 1), (3, 1, 0)
_Row = tuple[str, int, tuple[int, int, int]]
_DECONVOLUTIONS: list[_Row] = [
    ("deconv5", 256, _UP), ("conv5_1", 512, _SAME), ("deconv4", 256, _UP), ("conv4_1", 256, _SAME),
    ("deconv3", 128, _UP), ("conv3_1", 128, _SAME), ("deconv2", 64, _UP), ("deconv1", 32, _UP),
    ("deconv0", 3, _UP),
]  # fmt: skip
_CONVOLUTIONS: list[_Row] = [
    ("Rconv6", 512, _SAME), ("Rconv7", 512, _SAME), ("Rconv8", 512, _VALID),
]  # fmt: skip
_LATENTS = {"relu7": (4096,), "relu6": (4096,), "pool5": (256, 6, 6)}


class CaffeGenerator(Generator):
    """A generator that inverts a layer of CaffeNet; `caffe_generator` makes one.

    It maps latents (n, *latent_shape), features after the ReLU, to images (n, 3, 256, 256), BGR
    minus the mean colour. Its parameters have the names of the Caffe files and of bdpy's classes.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.latent_shape, self.image_size, self.spec = (
            _LATENTS[kind],
            PUBLISHED_SIZES[1],
            {"kind": kind},
        )
        n = 256
        if kind == "pool5":
            n = self._add(_CONVOLUTIONS, nn.Conv2d, n)
        else:
            for name in ("defc7", "defc6", "defc5"):
                self.add_module(name, nn.Linear(4096, 4096))
        self._add(_DECONVOLUTIONS, nn.ConvTranspose2d, n)
        self.requires_grad_(False)

    def _add(self, rows: list[_Row], layer: type[nn.Conv2d | nn.ConvTranspose2d], n: int) -> int:
        """Add layers to n input channels; return the number of output channels."""
        for name, n_out, (kernel, stride, padding) in rows:
            self.add_module(name, layer(n, n_out, kernel, stride, padding))
            n = n_out
        return n

    def forward(self, latents: Tensor) -> Tensor:
        """Images (n, 3, 256, 256), BGR minus the mean colour."""
        x = latents
        for name, layer in self.named_children():
            x = layer(x)
            if name == "defc5":
                x = x.reshape(-1, 256, 4, 4)
            if name != "deconv0":
                x = functional.leaky_relu(x, 0.3)
        return x


def caffe_generator(kind: str) -> CaffeGenerator:
    """The generator for a layer of CaffeNet, with random weights.

    `generator_files.read_generator` reads the published weights.

    Parameters
    ----------
    kind : relu7 | relu6 | pool5

    Raises
    ------
    InputError
        If the kind is unknown.
    """
    if kind not in _LATENTS:
        raise InputError(unknown("generator", kind, _LATENTS))
    return CaffeGenerator(kind)


def stage_sizes(first: int, last: int) -> list[int]:
    """Sides of the stages from the latents to the image, each about twice the previous one.

    Examples
    --------
    >>> stage_sizes(13, 227)
    [13, 29, 57, 114, 227]
    """
    n = max(round(math.log2(last / first)), int(first != last))
    return [first, *(math.ceil(last / 2**i) for i in reversed(range(n)))]


class InversionGenerator(Generator):
    """A generator for any layer: latents (n, *latent_shape) to images (n, 3, size, size).

    A 1 x 1 convolution (for vectors a linear layer) is followed by stages that double the side and
    halve the number of channels. Images are RGB, 0-255.

    Parameters
    ----------
    latent_shape : (channels, height, width) or (units,)
    size : side of the images, pixels
    width : channels of the finest stage; the coarsest has at most eight times as many
    """

    def __init__(self, latent_shape: Sequence[int], size: int, width: int) -> None:
        super().__init__()
        self.latent_shape, self.image_size = tuple(latent_shape), size
        self.spec = {
            "kind": "trained", "latent_shape": list(latent_shape), "size": size, "width": width,
        }  # fmt: skip
        is_map = len(self.latent_shape) == 3
        first = latent_shape[1] if is_map else math.ceil(size / 2 ** int(math.log2(size / 4)))
        sizes = stage_sizes(first, size)
        channels = [width * min(8, 2**i) for i in reversed(range(len(sizes)))]
        self.entry: nn.Module
        if is_map:
            self.entry = nn.Conv2d(latent_shape[0], channels[0], 1)
        else:
            self.entry = nn.Sequential(
                nn.Linear(latent_shape[0], channels[0] * first**2),
                nn.Unflatten(1, (channels[0], first, first)),
            )
        pairs = zip(sizes, [channels[0], *channels], channels, strict=False)
        self.stages = nn.Sequential(*(_stage(*pair) for pair in pairs))
        self.colour = nn.Conv2d(channels[-1], 3, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB, 0-255."""
        return 255 * torch.sigmoid(self.colour(self.stages(self.entry(latents))))


def _stage(size: int, n_in: int, n_out: int) -> nn.Sequential:
    """Resize, then convolve; group normalisation does not mix images."""
    return nn.Sequential(
        nn.Upsample(size=(size, size)),
        nn.Conv2d(n_in, n_out, 3, padding=1),
        nn.GroupNorm(math.gcd(8, n_out), n_out),
        nn.LeakyReLU(0.2),
    )
