"""Images as the outputs of untrained convolutional networks (Ulyanov, Vedaldi & Lempitsky 2018).

The parameters are the weights of a network, one network for each image. Its architecture alone
favours natural images: smooth regions and edges are fitted before noise. Nothing is downloaded or
trained beforehand.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.reconstruct.priors import Weights
from deeprecon.reconstruct.settings import SearchSettings

_CHANNELS = (48, 48, 32, 32, 16, 16)  # channels of the stages, from the coarsest
_NOISE = 16  # channels of the input
_SEED = 0  # seed of the input, which all images share


def deep_image(
    *, size: int, network: Network, settings: SearchSettings, weights: Weights = None
) -> "DeepImagePrior":
    """Images as the outputs of untrained networks."""
    return DeepImagePrior(size)


class DeepImagePrior(nn.Module):
    """A decoder from a few pixels of fixed noise to an image; its weights are the parameters.

    Each stage doubles the side (bilinear), convolves 3 x 3, normalises, scales and shifts each
    channel, and applies a leaky ReLU. All images are computed at once, as groups of one
    convolution.

    Parameters
    ----------
    size : side of the images, pixels: a multiple of 16, at least 32

    Raises
    ------
    InputError
        If the size is not such a multiple.
    """

    noise: Tensor
    lower = upper = None

    def __init__(self, size: int) -> None:
        super().__init__()
        if size % 16 or size < 32:
            raise InputError(
                f"prior deep_image: image size {size}, expected a multiple of 16, at least 32"
            )
        self.size = size
        # The side is halved as often as possible while it has at least 4 pixels.
        halvings = (k for k in range(len(_CHANNELS)) if size % 2**k == 0 and size >> k >= 4)
        n_doubled = max(halvings)
        first = size >> n_doubled
        self.channels = [_NOISE, *_CHANNELS[-(n_doubled + 1) :]]
        self.sides = [first << k for k in range(n_doubled + 1)]
        generator = torch.Generator().manual_seed(_SEED)
        self.register_buffer("noise", torch.randn(1, _NOISE, first, first, generator=generator))
        self.shapes: list[tuple[int, ...]] = []
        for n_in, n_out in pairwise(self.channels):
            self.shapes += [(n_out, n_in, 3, 3), (n_out,), (n_out,)]
        self.shapes += [(3, self.channels[-1], 1, 1), (3,)]
        self.n_parameters = sum(math.prod(shape) for shape in self.shapes)

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Random weights (n, n_parameters): He initialisation, scales 1, shifts 0."""
        rows = []
        for shape in self.shapes:
            if len(shape) == 4:
                sd = math.sqrt(2 / math.prod(shape[1:]))
                rows.append(sd * torch.randn(n, math.prod(shape), generator=generator))
            else:
                rows.append(torch.zeros(n, *shape))
        weights = torch.cat(rows, dim=1)
        for k, part in enumerate(self._slices()):
            if k % 3 == 1 and k < len(self.shapes) - 2:  # the scales
                weights[:, part] = 1.0
        return weights

    def _slices(self) -> list[slice]:
        """Slice of each array in a row of parameters."""
        ends = torch.tensor([math.prod(shape) for shape in self.shapes]).cumsum(0).tolist()
        return [slice(a, b) for a, b in pairwise([0, *ends])]

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB, 0-255."""
        n = len(parameters)
        arrays = [
            parameters[:, part].reshape(n * shape[0], *shape[1:])
            for part, shape in zip(self._slices(), self.shapes, strict=True)
        ]
        x = self.noise.to(parameters.dtype).repeat(1, n, 1, 1)  # (1, n * channels, h, w)
        for k, side in enumerate(self.sides):
            weight, scale, shift = arrays[3 * k : 3 * k + 3]
            if x.shape[-1] != side:
                x = functional.interpolate(x, size=(side, side), mode="bilinear")
            x = functional.conv2d(x, weight, padding=1, groups=n)
            x = functional.instance_norm(x, eps=1e-3) * scale[:, None, None] + shift[:, None, None]
            x = functional.leaky_relu(x, 0.1)
        weight, bias = arrays[-2:]
        x = functional.conv2d(x, weight, bias, groups=n)
        return 255 * torch.sigmoid(x.reshape(n, 3, self.size, self.size))
