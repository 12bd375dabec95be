"""Gradient descent on pixels, with smoothing and clipping: `icnn_gd` of KamitaniLab/icnn.

Written from its description and formulas. Three of its options cannot have worked as they stand
there (names of flags hide the functions that they switch on; the total variation reads a variable
that does not exist); here they do what their documentation says.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from deeprecon.reconstruct.optimise import LatentDescent, Objective, evaluate, normalised
from deeprecon.reconstruct.presets import Range, Settings

CLIP_EVERY = 4  # iterations
P = 3.0  # order of the p-norm


@dataclass(frozen=True)
class Smoothing:
    """What is done to the image besides descent; see `presets.Settings` for each."""

    blur: Range = (2.0, 0.5)
    jitter: int = 0
    p_norm: float = 0.0
    tv_norm: float = 0.0
    clip_extreme: float = 0.0
    clip_small_norm: float = 0.0
    clip_small_contribution: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> "Smoothing":
        """Those of a method's settings."""
        return cls(**{name: getattr(settings, name) for name in cls.__dataclass_fields__})


class ImageDescent(LatentDescent):
    """Momentum descent on images less their mean colour.

    What the search comes to is the image after the last update, as in the original.

    Parameters
    ----------
    start : (n, 3 size^2)
    n_iterations, learning_rate, momentum, decay : as in `LatentDescent`
    smoothing : Smoothing
    seed : of the jitter, which is the same for all images of an iteration
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
        """One iteration; losses (n,) before it."""
        rate, momentum, decay = map(self._now, self.rates)
        shift = self._shift()
        x, delta = self._rolled(self.x, shift), self._rolled(self.delta, shift)
        losses, gradient = evaluate(objective, x)
        gradient = normalised(gradient)
        delta = momentum * delta + gradient + self._penalties(x)
        x = self._clip(x - rate * delta, gradient)
        back = (-shift[0], -shift[1])
        # The newest gradient stays where it was found, the rest goes back: as in the original.
        self.delta = self._rolled(delta - gradient, back) + gradient
        self.x = self._blurred((1 - decay) * self._rolled(x, back))
        self.best = self.x
        self.iteration += 1
        return losses

    def _shift(self) -> tuple[int, int]:
        """Pixels by which the image is shifted in this iteration, down and across."""
        most = self.smoothing.jitter
        rng = np.random.default_rng([self.seed, self.iteration])
        down, across = rng.integers(-most, most + 1, 2)
        return int(down), int(across)

    def _rolled(self, x: Tensor, shift: tuple[int, int]) -> Tensor:
        """Images shifted round the edges."""
        return x.reshape(self.shape).roll(shift, (2, 3)).flatten(1) if any(shift) else x

    def _penalties(self, x: Tensor) -> Tensor:
        """Gradients of the p-norm and of the total variation, normalised and weighted."""
        total = torch.zeros_like(x)
        if self.smoothing.p_norm:
            total = total + self.smoothing.p_norm * normalised(p_norm_gradient(x, P))
        if self.smoothing.tv_norm:
            gradient = tv_gradient(x.reshape(self.shape)).flatten(1)
            total = total + self.smoothing.tv_norm * normalised(gradient)
        return total

    def _clip(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Every few iterations clip extreme pixels and empty weak ones, as far as asked for."""
        if (self.iteration + 1) % CLIP_EVERY:
            return x
        wanted, pixels = self.smoothing, x.reshape(self.shape)
        if wanted.clip_extreme:
            pixels = clip_extreme(pixels, wanted.clip_extreme)
        if wanted.clip_small_norm:
            pixels = empty_weak(pixels, pixels, wanted.clip_small_norm)
        if wanted.clip_small_contribution:
            strength = pixels * gradient.reshape(self.shape)
            pixels = empty_weak(pixels, strength, wanted.clip_small_contribution)
        return pixels.flatten(1)

    def _blurred(self, x: Tensor) -> Tensor:
        """Smoothed by a Gaussian as `scipy.ndimage.gaussian_filter` does it."""
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
    """Gradient of the sum of squared differences of neighbouring pixels, (n, 3, size, size)."""
    down = torch.zeros_like(images)
    across = torch.zeros_like(images)
    down[:, :, :-1] = images[:, :, 1:] - images[:, :, :-1]
    across[..., :-1] = images[..., 1:] - images[..., :-1]
    gradient = -down - across
    gradient[:, :, 1:] += down[:, :, :-1]
    gradient[..., 1:] += across[..., :-1]
    return 2 * gradient


def clip_extreme(images: Tensor, percent: float) -> Tensor:
    """Clip half of so many per cent of all values of an image at either end."""
    flat = images.flatten(1)
    edges = torch.tensor([percent / 200, 1 - percent / 200]).to(flat)
    low, high = torch.quantile(flat, edges, dim=1)[..., None]
    return flat.clamp(low, high).reshape(images.shape)


def empty_weak(images: Tensor, strength: Tensor, percent: float) -> Tensor:
    """Set those per cent of the pixels to zero whose strength over colours is least."""
    norm = strength.square().sum(1).sqrt()  # (n, size, size)
    edge = torch.quantile(norm.flatten(1), percent / 100, dim=1)
    return torch.where((norm < edge[:, None, None])[:, None], 0.0, images)
