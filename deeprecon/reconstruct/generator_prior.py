"""Generator prior: the parameters are the latents of a generator."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.reconstruct.generator_files import as_bound, load_generator
from deeprecon.reconstruct.generators import CAFFE_MEAN, CaffeGenerator, Generator
from deeprecon.reconstruct.priors import Weights, normal
from deeprecon.reconstruct.settings import PUBLISHED_SIZES, SearchSettings

# Fraction of the side of a generator's image; a smaller crop would show only its centre.
MINIMUM_CROP = PUBLISHED_SIZES[0] / PUBLISHED_SIZES[1]


def generator(
    *, size: int, network: Network, settings: SearchSettings, weights: Weights = None
) -> "GeneratorPrior":
    """Make the prior from a file of `generator_files.save_generator`.

    Raises
    ------
    InputError
        If there is no such file, or the size does not fit the generator's images.
    """
    if not weights:
        raise InputError("prior 'generator' needs the weights of a generator")
    module, saved = load_generator(weights)
    mean = torch.tensor(CAFFE_MEAN) if isinstance(module, CaffeGenerator) else None
    return GeneratorPrior(
        module, size, mean, saved["lower"], saved["upper"], float(settings.start), settings.fit
    )


class GeneratorPrior(nn.Module):
    """Images made by a generator; its latents are the parameters.

    Parameters
    ----------
    generator : its weights are frozen
    size : side of the images, pixels
    mean : (3,) RGB 0-255, if the generator makes BGR images minus this colour; None: it makes RGB
    lower, upper : bounds of the latents: (n_parameters,), a number, or None
    start_sd : SD of random starts; 0: zero latents, as in Shen et al. 2019
    fit : crop: the centre of the generator's image; resize: all of it (bilinear, antialiased), as
        in Shirakawa et al. 2024

    Raises
    ------
    InputError
        If the generator's images cannot be cropped to the size, or if bounds and latents differ in
        number.
    """

    mean: Tensor | None
    lower: Tensor | None
    upper: Tensor | None

    def __init__(
        self,
        generator: Generator,
        size: int,
        mean: Tensor | None = None,
        lower: Tensor | float | None = None,
        upper: Tensor | float | None = None,
        start_sd: float = 0.0,
        fit: str = "crop",
    ) -> None:
        super().__init__()
        self.generator = generator.requires_grad_(False).eval()
        self.size, self.start_sd, self.fit = size, start_sd, fit
        self.n_parameters = math.prod(generator.latent_shape)
        _check_fit(generator.image_size, size, fit)
        self.register_buffer("mean", None if mean is None else mean.reshape(3, 1, 1).float())
        self.register_buffer("lower", as_bound("lower", lower, self.n_parameters))
        self.register_buffer("upper", as_bound("upper", upper, self.n_parameters))

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Zero or random latents, (n, n_parameters)."""
        return normal(n, self.n_parameters, self.start_sd, generator)

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB; those of Caffe's generators can exceed 0-255."""
        images = self.generator(parameters.reshape(-1, *self.generator.latent_shape))
        if self.mean is not None:
            images = images.flip(1) + self.mean
        if self.fit == "crop":
            first = (self.generator.image_size - self.size) // 2
            return images[..., first : first + self.size, first : first + self.size]
        sides = (self.size, self.size)
        return functional.interpolate(images, sides, mode="bilinear", antialias=True)


def _check_fit(made: int, size: int, fit: str) -> None:
    """Raise InputError unless images of side `made` can be cropped or resized to side `size`."""
    if fit not in ("crop", "resize"):
        raise InputError(f"fit: {fit!r}, expected crop or resize")
    minimum = math.ceil(MINIMUM_CROP * made)
    if fit == "crop" and not minimum <= size <= made:
        raise InputError(
            f"image size {size}: expected {minimum} to {made}, a crop of the generator's images of "
            f"{made} pixels"
        )
