"""Priors: how an image is written in parameters, and so which images are reached first.

A prior turns a (n, d) tensor of parameters into (n, 3, size, size) images, RGB 0-255. The ones
here need no weights; the others are in `generators` and `deep_image_prior`.
"""

import math
from typing import Protocol

import torch
from torch import Tensor, nn


class Prior(Protocol):
    """What all priors have.

    Attributes
    ----------
    n_parameters : d
    lower, upper : (d,) or a number; bounds of the parameters, or None
    """

    n_parameters: int

    @property
    def lower(self) -> Tensor | float | None:
        """(d,), a number or None."""
        ...

    @property
    def upper(self) -> Tensor | float | None:
        """(d,), a number or None."""
        ...

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Where a search begins, (n, d)."""
        ...

    def __call__(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB 0-255 (not all priors keep to it)."""
        ...


def normal(n: int, d: int, sd: float, generator: torch.Generator) -> Tensor:
    """Random starts (n, d) of some SD; zeros, if it is zero."""
    return torch.randn(n, d, generator=generator) * sd if sd else torch.zeros(n, d)


# Opponent axes (rows: luminance, red-green, blue-yellow) as columns of RGB, orthonormal.
_OPPONENT = torch.tensor(
    [
        [1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)],
        [1 / math.sqrt(2), -1 / math.sqrt(2), 0.0],
        [-1 / math.sqrt(6), -1 / math.sqrt(6), 2 / math.sqrt(6)],
    ]
)


class PixelPrior(nn.Module):
    """Every pixel is a parameter, less the mean colour that the network subtracts.

    Parameters
    ----------
    size : side of the images, pixels
    mean : (3,) RGB 0-255
    start : SD of random starts around the mean image; "noise": each pixel any of 0-255
    """

    mean: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(self, size: int, mean: Tensor, start: float | str = 0.0) -> None:
        super().__init__()
        self.size, self.how = size, start
        self.n_parameters = 3 * size * size
        self.register_buffer("mean", mean.reshape(3, 1, 1).float())
        edge = self.mean.expand(3, size, size).flatten()
        self.register_buffer("lower", -edge)
        self.register_buffer("upper", 255 - edge)

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Mean or random images, (n, n_parameters)."""
        if isinstance(self.how, str):
            pixels = torch.randint(256, (n, self.n_parameters), generator=generator)
            return pixels + self.lower.cpu()
        return normal(n, self.n_parameters, self.how, generator)

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size); 0-255 within the bounds."""
        return parameters.reshape(-1, 3, self.size, self.size) + self.mean


class FourierPrior(nn.Module):
    """Opponent colours in a Fourier basis whose amplitudes fall off as in natural images.

    Gradient steps then change large structures before fine ones, and luminance, red-green and
    blue-yellow apart (Olah, Mordvintsev & Schubert 2017, Feature Visualization, Distill).

    Parameters
    ----------
    size : side of the images, pixels
    decay : amplitude at frequency f is f ** -decay; 1 is the average of natural images, 0 treats
        all frequencies alike, as if every pixel were a parameter
    start_sd : SD of random starts; 0: mid-grey
    """

    amplitude: Tensor
    opponent: Tensor
    lower = upper = None

    def __init__(self, size: int, decay: float = 1.0, start_sd: float = 0.0) -> None:
        super().__init__()
        self.size, self.start_sd = size, start_sd
        fy = torch.fft.fftfreq(size)[:, None]
        fx = torch.fft.rfftfreq(size)[None, :]
        frequency = torch.sqrt(fy**2 + fx**2).clamp_min(1 / size)
        amplitude = frequency**-decay
        # Unit parameters give images of unit variance (before the logistic function).
        amplitude = amplitude / amplitude.square().mean().sqrt()
        self.register_buffer("amplitude", amplitude[..., None].expand(-1, -1, 2).clone())
        self.register_buffer("opponent", _OPPONENT)
        self.n_parameters = 3 * size * (size // 2 + 1) * 2

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Mid-grey images, or random ones around it: (n, n_parameters)."""
        return normal(n, self.n_parameters, self.start_sd, generator)

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), 0-255."""
        shape = (-1, 3, self.size, self.size // 2 + 1, 2)
        spectrum = torch.view_as_complex(parameters.reshape(shape) * self.amplitude)
        opponent = torch.fft.irfft2(spectrum, s=(self.size, self.size), norm="ortho")
        return 255 * torch.sigmoid(torch.einsum("ncxy,cd->ndxy", opponent, self.opponent))
