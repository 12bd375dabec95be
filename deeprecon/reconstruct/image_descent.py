"""Gradient descent on pixels, with smoothing and clipping: `icnn_gd` of KamitaniLab/icnn.

Written from its description and formulas. Three options cannot have worked in the original: flags
shadow the functions that they switch on, and the total variation reads an undefined variable. Here
they do what their documentation says.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from deeprecon.reconstruct.optimise import Bound, LatentDescent, Objective, evaluate, normalised
from deeprecon.reconstruct.settings import Range, SearchSettings

CLIP_EVERY = 4  # iterations
P = 3.0  # order of the p-norm


@dataclass(frozen=True)
class Smoothing:
    """Operations on the image besides descent, see `settings.SearchSettings`."""

    blur: Range = (2.0, 0.5)
    jitter: int = 0
    p_norm: float = 0.0
    tv_norm: float = 0.0
    clip_extreme: float = 0.0
    clip_small_norm: float = 0.0
    clip_small_contribution: float = 0.0

    @classmethod
    def of(cls, settings: SearchSettings) -> "Smoothing":
        """Take the operations from settings."""
        return cls(**{name: getattr(settings, name) for name in cls.__dataclass_fields__})


def image_descent(
    start: Tensor, settings: SearchSettings, bounds: tuple[Bound, Bound], seed: int
) -> "ImageDescent":
    """Gradient descent on pixels with the settings of a study; it ignores the bounds."""
    rates = settings.learning_rate, settings.momentum, settings.decay
    return ImageDescent(start, settings.n_iterations, *rates, Smoothing.of(settings), seed)


class ImageDescent(LatentDescent):
    """Momentum descent on images relative to their mean colour.

    The result is the image after the last update, as in the original.

    Parameters
    ----------
    start : (n, 3 size^2)
    n_iterations, learning_rate, momentum, decay : see `LatentDescent`
    smoothing : Smoothing
    seed : seed of the jitter, which all images share
    """

    def __init__(
        self,
        start: Tensor,
        n_iterations: int,
        learning_rate: Range = (2.0, 1e-10),
        momentum: Range = (0.9, 0.9),
        decay: Range = (0.2, 1e-10),
        smoothing: Smoothing | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(start, n_iterations, learning_rate, momentum, decay)
        self.smoothing, self.seed = smoothing or Smoothing(), seed
        side = round((start.shape[1] / 3) ** 0.5)
        self.shape = (-1, 3, side, side)

    def step(self, objective: Objective) -> Tensor:
        """Do one iteration; return the losses (n,) before it."""
        rate, momentum, decay = map(self._now, self.rates)
        shift = self._shift()
        x, delta = self._rolled(self.x, shift), self._rolled(self.delta, shift)
        losses, gradient = evaluate(objective, x)
        gradient = normalised(gradient)
        delta = momentum * delta + gradient + self._penalties(x)
        x = self._clip(x - rate * delta, gradient)
        back = (-shift[0], -shift[1])
        # As in the original, the newest gradient is not shifted back, but the rest is.
        self.delta = self._rolled(delta - gradient, back) + gradient
        self.x = self._blurred((1 - decay) * self._rolled(x, back))
        self.best = self.x
        self.iteration += 1
        return losses

    def _shift(self) -> tuple[int, int]:
        """Shift of the image in this iteration, pixels down and across."""
        maximum = self.smoothing.jitter
        rng = np.random.default_rng([self.seed, self.iteration])
        down, across = rng.integers(-maximum, maximum + 1, 2)
        return int(down), int(across)

    def _rolled(self, x: Tensor, shift: tuple[int, int]) -> Tensor:
        """Images shifted cyclically."""
        return x.reshape(self.shape).roll(shift, (2, 3)).flatten(1) if any(shift) else x

    def _penalties(self, x: Tensor) -> Tensor:
        """Weighted sum of the normalised gradients of the p-norm and the total variation."""
        total = torch.zeros_like(x)
        if self.smoothing.p_norm:
            total = total + self.smoothing.p_norm * normalised(p_norm_gradient(x, P))
        if self.smoothing.tv_norm:
            gradient = tv_gradient(x.reshape(self.shape)).flatten(1)
            total = total + self.smoothing.tv_norm * normalised(gradient)
        return total

    def _clip(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Every few iterations, clip extreme values and zero weak pixels, depending on settings."""
        if (self.iteration + 1) % CLIP_EVERY:
            return x
        wanted, pixels = self.smoothing, x.reshape(self.shape)
        if wanted.clip_extreme:
            pixels = clip_extreme(pixels, wanted.clip_extreme)
        if wanted.clip_small_norm:
            pixels = zero_weak(pixels, pixels, wanted.clip_small_norm)
        if wanted.clip_small_contribution:
            strength = pixels * gradient.reshape(self.shape)
            pixels = zero_weak(pixels, strength, wanted.clip_small_contribution)
        return pixels.flatten(1)

    def _blurred(self, x: Tensor) -> Tensor:
        """Images smoothed as by `scipy.ndimage.gaussian_filter`."""
        sigma = self._now(self.smoothing.blur)
        if sigma <= 0:
            return x
        kernel = gaussian_filter1d(np.eye(self.shape[2]), sigma, axis=0)  # edges included
        matrix = torch.as_tensor(kernel).to(x)
        return (matrix @ x.reshape(self.shape) @ matrix.T).flatten(1)


def p_norm_gradient(x: Tensor, p: float) -> Tensor:
    """Gradient of `sum |x|^p`."""
    return p * x.abs() ** (p - 1) * x.sign()


def tv_gradient(images: Tensor) -> Tensor:
    """Gradient (n, 3, size, size) of the sum of squared differences of neighbouring pixels."""
    down = torch.zeros_like(images)
    across = torch.zeros_like(images)
    down[:, :, :-1] = images[:, :, 1:] - images[:, :, :-1]
    across[..., :-1] = images[..., 1:] - images[..., :-1]
    gradient = -down - across
    gradient[:, :, 1:] += down[:, :, :-1]
    gradient[..., 1:] += across[..., :-1]
    return 2 * gradient


def clip_extreme(images: Tensor, percent: float) -> Tensor:
    """Clip a percentage of the values of each image, half at either end."""
    flat = images.flatten(1)
    edges = torch.tensor([percent / 200, 1 - percent / 200]).to(flat)
    low, high = torch.quantile(flat, edges, dim=1)[..., None]
    return flat.clamp(low, high).reshape(images.shape)


def zero_weak(images: Tensor, strength: Tensor, percent: float) -> Tensor:
    """Zero a percentage of the pixels of each image: those with the smallest norm over colours."""
    norm = strength.square().sum(1).sqrt()  # (n, size, size)
    edge = torch.quantile(norm.flatten(1), percent / 100, dim=1)
    return torch.where((norm < edge[:, None, None])[:, None], 0.0, images)
