"""Priors: how an image is written in parameters, and so which images are reached first.

A prior turns a (n, d) tensor of parameters into (n, 3, size, size) images, RGB 0-255.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

# Opponent axes (rows: luminance, red-green, blue-yellow) as columns of RGB, orthonormal.
_OPPONENT = torch.tensor(
    [
        [1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)],
        [1 / math.sqrt(2), -1 / math.sqrt(2), 0.0],
        [-1 / math.sqrt(6), -1 / math.sqrt(6), 2 / math.sqrt(6)],
    ]
)


class FourierPrior(nn.Module):
    """Opponent colours in a Fourier basis whose amplitudes fall off as in natural images.

    Gradient steps then change large structures before fine ones, and luminance, red-green and
    blue-yellow apart (Olah, Mordvintsev & Schubert 2017, Feature Visualization, Distill).

    Parameters
    ----------
    size : side of the images, pixels
    decay : amplitude at frequency f is f ** -decay; 1 is the average of natural images, 0 treats
        all frequencies alike, as if every pixel were a parameter
    """

    amplitude: Tensor
    opponent: Tensor

    def __init__(self, size: int, decay: float = 1.0) -> None:
        super().__init__()
        self.size = size
        fy = torch.fft.fftfreq(size)[:, None]
        fx = torch.fft.rfftfreq(size)[None, :]
        frequency = torch.sqrt(fy**2 + fx**2).clamp_min(1 / size)
        amplitude = frequency**-decay
        # Unit parameters give images of unit variance (before the logistic function).
        amplitude = amplitude / amplitude.square().mean().sqrt()
        self.register_buffer("amplitude", amplitude[..., None].expand(-1, -1, 2).clone())
        self.register_buffer("opponent", _OPPONENT)
        self.n_parameters = 3 * size * (size // 2 + 1) * 2

    def start(self, n: int) -> Tensor:
        """Mid-grey images, (n, n_parameters)."""
        return torch.zeros(n, self.n_parameters)

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), 0-255."""
        shape = (-1, 3, self.size, self.size // 2 + 1, 2)
        spectrum = torch.view_as_complex(parameters.reshape(shape) * self.amplitude)
        opponent = torch.fft.irfft2(spectrum, s=(self.size, self.size), norm="ortho")
        return 255 * torch.sigmoid(torch.einsum("ncxy,cd->ndxy", opponent, self.opponent))


PRIORS: dict[str, Callable[[int, float], FourierPrior]] = {"fourier": FourierPrior}


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, (n,), for images in 0-1."""
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().mean(dim=(1, 2, 3))
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    return across + down
