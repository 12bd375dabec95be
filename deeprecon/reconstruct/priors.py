"""Priors: parametrisations of an image, which determine what images a search reaches first.

A prior maps a (n, d) tensor of parameters to (n, 3, size, size) images, RGB 0-255. The functions
`pixel` and `fourier` make the priors of this module from a study's settings; `registry.PRIORS`
lists all such functions, and a user's own is given by `module:function`. They take the keyword
arguments

size : side of the images, pixels
network : Network whose features are matched
settings : SearchSettings
weights : file of a generator's weights, or None
"""

import math
import os
from typing import Protocol

import torch
from torch import Tensor, nn

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.reconstruct.settings import SearchSettings
from deeprecon.registry import is_import_path

Weights = str | os.PathLike[str] | None


class Prior(Protocol):
    """Interface of all priors.

    Attributes
    ----------
    n_parameters : number of parameters of an image, d
    """

    n_parameters: int

    @property
    def lower(self) -> Tensor | float | None:
        """Lower bound of the parameters: (d,), a number, or None."""
        ...

    @property
    def upper(self) -> Tensor | float | None:
        """Upper bound of the parameters: (d,), a number, or None."""
        ...

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Initial parameters, (n, d)."""
        ...

    def __call__(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB 0-255; some priors can exceed that range."""
        ...


def make_prior(
    settings: SearchSettings, network: Network, size: int, weights: Weights = None
) -> Prior:
    """Make the prior that the settings name.

    Raises
    ------
    InputError
        If it needs weights and there are none, if the settings name a program, or if a user's own
        prior does not give images.
    """
    entry = settings.prior_choice
    if not entry.searches:
        raise InputError(f"prior {settings.prior!r} has no parameters to search")
    if entry.weights and not weights:
        raise InputError(f"prior {settings.prior!r} needs the weights of a generator")
    prior: Prior = entry.load()(size=size, network=network, settings=settings, weights=weights)
    if is_import_path(settings.prior):
        _check_images(prior, size, settings.prior)
    return prior


def _check_images(prior: Prior, size: int, name: str) -> None:
    """Raise InputError unless a prior turns its initial parameters into images."""
    with torch.no_grad():
        parameters = prior.start(2, torch.Generator().manual_seed(0))
        images = prior(parameters)
    for what, found, wanted in (
        ("start", parameters, (2, prior.n_parameters)),
        ("images", images, (2, 3, size, size)),
    ):
        if found.shape != wanted:
            raise InputError(f"prior {name}: {what} {tuple(found.shape)}, expected {wanted}")


def pixel(
    *, size: int, network: Network, settings: SearchSettings, weights: Weights = None
) -> "PixelPrior":
    """Every pixel is a parameter."""
    return PixelPrior(size, network.mean_image, settings.start)


def fourier(
    *, size: int, network: Network, settings: SearchSettings, weights: Weights = None
) -> "FourierPrior":
    """Images in a Fourier basis."""
    return FourierPrior(size, settings.spectral_decay, float(settings.start))


def normal(n: int, d: int, sd: float, generator: torch.Generator) -> Tensor:
    """Draw initial parameters (n, d) from a normal distribution with an SD, which may be 0."""
    return torch.randn(n, d, generator=generator) * sd if sd else torch.zeros(n, d)


# Orthonormal opponent axes; rows: luminance, red-green, blue-yellow; columns: RGB.
_OPPONENT = torch.tensor(
    [
        [1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)],
        [1 / math.sqrt(2), -1 / math.sqrt(2), 0.0],
        [-1 / math.sqrt(6), -1 / math.sqrt(6), 2 / math.sqrt(6)],
    ]
)


class PixelPrior(nn.Module):
    """Every pixel is a parameter, relative to the mean colour that the network subtracts.

    Parameters
    ----------
    size : side of the images, pixels
    mean : (3,) RGB 0-255
    start : SD of random starts around the mean image; "noise": every pixel uniform in 0-255
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
        """The mean image or random ones, (n, n_parameters)."""
        if isinstance(self.how, str):
            pixels = torch.randint(256, (n, self.n_parameters), generator=generator)
            return pixels + self.lower.cpu()
        return normal(n, self.n_parameters, self.how, generator)

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB; 0-255 within the bounds."""
        return parameters.reshape(-1, 3, self.size, self.size) + self.mean


class FourierPrior(nn.Module):
    """Opponent colours in a Fourier basis whose amplitudes fall off as in natural images.

    Gradient steps then change coarse structure before fine structure, and luminance, red-green and
    blue-yellow independently (Olah, Mordvintsev & Schubert 2017, Feature Visualization, Distill).

    Parameters
    ----------
    size : side of the images, pixels
    decay : the amplitude at frequency f is f ** -decay; 1 is typical of natural images, 0 weights
        all frequencies equally, as if every pixel were a parameter
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
        # Parameters of unit variance give images of unit variance, before the logistic function.
        amplitude = amplitude / amplitude.square().mean().sqrt()
        self.register_buffer("amplitude", amplitude[..., None].expand(-1, -1, 2).clone())
        self.register_buffer("opponent", _OPPONENT)
        self.n_parameters = 3 * size * (size // 2 + 1) * 2

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Mid-grey images or random ones around them, (n, n_parameters)."""
        return normal(n, self.n_parameters, self.start_sd, generator)

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), 0-255."""
        shape = (-1, 3, self.size, self.size // 2 + 1, 2)
        spectrum = torch.view_as_complex(parameters.reshape(shape) * self.amplitude)
        opponent = torch.fft.irfft2(spectrum, s=(self.size, self.size), norm="ortho")
        return 255 * torch.sigmoid(torch.einsum("ncxy,cd->ndxy", opponent, self.opponent))
