"""Images as the outputs of untrained convolutional networks (Ulyanov, Vedaldi & Lempitsky 2018).

A network's weights are the parameters, one network for each image. Its structure alone favours
natural images: smooth parts and edges come before noise. Nothing is downloaded or trained before.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from deeprecon.errors import InputError

_CHANNELS = (48, 48, 32, 32, 16, 16)  # of the stages, from the coarsest
_NOISE = 16  # channels of the input
_SEED = 0  # of the input, which all images share


class DeepImagePrior(nn.Module):
    """A decoder whose weights are the parameters: noise of a few pixels, stages that double it.

    A stage is: double the side (bilinear), convolve 3 x 3, normalise each channel, scale and shift
    it, leaky ReLU. All images are computed at once, as groups of one convolution.

    Parameters
    ----------
    size : side of the images, pixels: a multiple of 16, at least 32

    Raises
    ------
    InputError
        If the size is another.
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
        # As coarse as the size can be halved, but of no fewer than 4 pixels.
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
        """Random weights (n, n_parameters): He's initialisation; scale 1, shift 0."""
        rows = []
        for shape in self.shapes:
            if len(shape) == 4:
                sd = math.sqrt(2 / math.prod(shape[1:]))
                rows.append(sd * torch.randn(n, math.prod(shape), generator=generator))
            else:
                rows.append(torch.zeros(n, *shape))
        weights = torch.cat(rows, dim=1)
        for k, part in enumerate(self._places()):
            if k % 3 == 1 and k < len(self.shapes) - 2:  # the scales
                weights[:, part] = 1.0
        return weights

    def _places(self) -> list[slice]:
        """Where in a row of parameters each array is."""
        ends = torch.tensor([math.prod(shape) for shape in self.shapes]).cumsum(0).tolist()
        return [slice(a, b) for a, b in pairwise([0, *ends])]

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB, 0-255."""
        n = len(parameters)
        arrays = [
            parameters[:, place].reshape(n * shape[0], *shape[1:])
            for place, shape in zip(self._places(), self.shapes, strict=True)
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
