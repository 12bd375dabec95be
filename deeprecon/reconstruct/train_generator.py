"""Train a generator that inverts a layer of any network, on the user's own images.

As in Dosovitskiy & Brox 2016, the generator takes the features of an image in one layer. Its output
is compared with the image by pixels, by features, and by a discriminator that learns to tell the
two apart. The pixel and feature losses are relative to the variance over images, so that the mean
image has a loss of 1.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.reconstruct.compute import device_of
from deeprecon.reconstruct.generator_files import save_generator
from deeprecon.reconstruct.generators import InversionGenerator
from deeprecon.reconstruct.settings import TrainedGeneratorSettings

logger = logging.getLogger(__name__)

MINIMUM_IMAGES, MINIMUM_SIZE = 20, 16
BOUND = 3.0  # maximum distance of a latent from the mean of its channel, SD
HELD_OUT = 0.1  # fraction of the images on which the generator is scored
WARM_UP = 0.25  # fraction of the steps without the discriminator, which would win too easily
LOG_EVERY = 10.0  # s


@dataclass(frozen=True)
class TrainedGenerator:
    """A trained generator with its latents' statistics and scores.

    Attributes
    ----------
    generator : takes standardised latents, `(features - latent_mean) / latent_sd`
    layer : the layer that it inverts
    weights_sha256 : digest of the network's weights
    latent_mean, latent_sd : (channels, 1, 1) or (units,), over the training images
    scores : on held-out images: `pixel_correlation` and `feature_error` (1: that of the mean
        features); the same of the mean training image, with the prefix `baseline_`; `n_held_out`
    """

    generator: InversionGenerator
    layer: str
    weights_sha256: str
    latent_mean: Tensor
    latent_sd: Tensor
    scores: dict[str, float]


def write_generator(
    path: str | os.PathLike[str], trained: TrainedGenerator, attributes: Mapping[str, str]
) -> None:
    """Write a trained generator as a torch file, for `generator_files.load_generator`."""
    save_generator(
        path, trained.generator, -BOUND, BOUND, attributes,
        layer=trained.layer, weights_sha256=trained.weights_sha256, scores=trained.scores,
        latent_mean=trained.latent_mean, latent_sd=trained.latent_sd,
    )  # fmt: skip


def train(
    network: Network,
    images: NDArray[np.uint8],
    settings: TrainedGeneratorSettings,
    seed: int = 0,
    device: torch.device | str | None = None,
    log: Callable[[str], None] = logger.info,
) -> TrainedGenerator:
    """Train a generator.

    Parameters
    ----------
    network : Network
    images : (n, size, size, 3) uint8, RGB; a tenth of them is held out
    settings : TrainedGeneratorSettings; the latents are the features of its layer
    seed : seed of the weights, the choice of held-out images and the order of the others
    device : None: the best device available; only on the CPU are results reproducible
    log : function called with a line every few seconds

    Returns
    -------
    TrainedGenerator

    Raises
    ------
    InputError
        If there are too few images, if they are too small, not square or all the same, or if a
        layer is unknown or cannot be inverted.
    """
    layer = settings.layer
    device = torch.device(device) if device is not None else device_of()
    layers = [layer] if settings.comparator in (None, layer) else [layer, str(settings.comparator)]
    network = network.to(device)
    latent_shape = _check(network, layers, images)
    order = np.random.default_rng([seed, 0]).permutation(len(images))
    n_held = max(round(HELD_OUT * len(images)), 2)
    held, rest = np.sort(order[:n_held]), np.sort(order[n_held:])
    target = _Target(network, layers, images[rest], settings.batch_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = InversionGenerator(latent_shape, images.shape[1], settings.width)
        critic = discriminator()
    generator, critic = generator.to(device), critic.to(device)
    _fit(generator, critic, target, images[rest], settings, seed, log)
    generator.requires_grad_(False).eval()
    scores = _scores(generator, target, images[rest], images[held])
    log(", ".join(f"{name} {value:.3g}" for name, value in scores.items()))
    mean, sd = (x.cpu() for x in target.moments[layer])
    return TrainedGenerator(generator.cpu(), layer, network.weights_sha256, mean, sd, scores)


def _check(network: Network, layers: Sequence[str], images: NDArray[np.uint8]) -> tuple[int, ...]:
    """Check that the generator can be trained; return the shape of an image's latents."""
    n, height, width, n_channels = images.shape if images.ndim == 4 else (0, 0, 0, 0)
    if images.dtype != np.uint8 or n_channels != 3 or height != width or height < MINIMUM_SIZE:
        raise InputError(
            f"images: found {images.dtype} of shape {images.shape}, expected uint8 of shape "
            f"(n, size, size, 3), size at least {MINIMUM_SIZE}"
        )
    if n < MINIMUM_IMAGES:
        raise InputError(f"images: found {n}, expected at least {MINIMUM_IMAGES} to train on")
    try:
        with torch.no_grad():
            features = network.features(_rgb(images[:1], _device(network)), layers)
    except RuntimeError as error:
        why = str(error).splitlines()[0]
        raise InputError(f"images: the network does not take {height} pixels ({why})") from None
    shapes = {name: tuple(values.shape[1:]) for name, values in features.items()}
    if len(shapes[layers[0]]) not in (1, 3):
        raise InputError(
            f"layer {layers[0]}: units of shape {shapes[layers[0]]}, expected (units,) or "
            "(channels, height, width)"
        )
    return shapes[layers[0]]


def _device(module: nn.Module) -> torch.device:
    """The device of a module."""
    return next(module.parameters()).device


def _rgb(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(n, size, size, 3) uint8 to (n, 3, size, size) float, 0-255."""
    return torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float()


class _Target:
    """Targets of generated images: pixels, and features standardised by channel."""

    def __init__(
        self, network: Network, layers: Sequence[str], images: NDArray[np.uint8], batch_size: int
    ) -> None:
        self.network, self.layers, self.batch_size = network, layers, batch_size
        self.device = _device(network)
        self.pixel_variance = float(images.var(axis=0, dtype=np.float64).mean())
        if self.pixel_variance == 0:
            raise InputError("images: all of those to train on are the same")
        self.moments = self._moments(images)

    def batches(self, images: NDArray[np.uint8]) -> list[Tensor]:
        """Batches of images."""
        starts = range(0, len(images), self.batch_size)
        return [_rgb(images[i : i + self.batch_size], self.device) for i in starts]

    @torch.no_grad()
    def _moments(self, images: NDArray[np.uint8]) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean and SD of channels over images and positions, (channels, 1, 1) or (units,)."""
        sums: dict[str, Tensor] = {}
        for batch in self.batches(images):
            for layer, x in self.network.features(batch, self.layers).items():
                flat = x.reshape(*x.shape[:2], -1).cpu().double()
                both = torch.stack([flat.mean(2).sum(0), flat.square().mean(2).sum(0)])
                sums[layer] = sums.get(layer, 0) + both.reshape(2, -1, *[1] * (x.ndim - 2))
        return {layer: self._moments_of(*(both / len(images))) for layer, both in sums.items()}

    def _moments_of(self, mean: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and SD, with a minimum SD for channels that are nearly constant."""
        sd = (square - mean.square()).clamp_min(0).sqrt()
        sd = sd.clamp_min(max(0.01 * sd.mean().item(), 1e-6))
        return mean.float().to(self.device), sd.float().to(self.device)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Layer -> standardised features (n, *unit_shape)."""
        found = self.network.features(images, self.layers)
        return {
            layer: (x - self.moments[layer][0]) / self.moments[layer][1]
            for layer, x in found.items()
        }


def discriminator() -> nn.Sequential:
    """A network from images in about -1 to 1 to (n, 1, h, w), positive where a patch looks real."""
    rows: list[nn.Module] = []
    for n_in, n_out in pairwise((3, 32, 64, 128)):
        rows += [spectral_norm(nn.Conv2d(n_in, n_out, 4, 2, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*rows, spectral_norm(nn.Conv2d(128, 1, 1)))


def augmented(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Images (n, size, size, 3), half of them mirrored, shifted by up to 1/16 of the side."""
    n, size = images.shape[:2]
    margin = size // 16
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
    corners = rng.integers(0, 2 * margin + 1, (n, 2))
    steps = rng.choice([-1, 1], n)
    moved = zip(padded, corners, steps, strict=True)
    return np.stack([x[i : i + size, j : j + size][:, ::step] for x, (i, j), step in moved])


def _fit(
    generator: InversionGenerator,
    critic: nn.Module,
    target: _Target,
    images: NDArray[np.uint8],
    settings: TrainedGeneratorSettings,
    seed: int,
    log: Callable[[str], None],
) -> None:
    """Train the generator together with its discriminator."""
    rng = np.random.default_rng([seed, 1])
    rate, begin = settings.learning_rate, WARM_UP * settings.n_steps
    adam = torch.optim.Adam(generator.parameters(), rate, betas=(0.9, 0.99))
    adam_critic = torch.optim.Adam(critic.parameters(), rate, betas=(0.5, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, settings.n_steps)
    started = shown = time.monotonic()
    for step in range(settings.n_steps):
        batch = augmented(images[rng.integers(0, len(images), settings.batch_size)], rng)
        true = _rgb(batch, target.device)
        made, parts = _losses(generator, target, true, settings)
        if plays := settings.adversarial_weight > 0 and step >= begin:
            parts["adversarial"] = -settings.adversarial_weight * critic(made / 128 - 1).mean()
        adam.zero_grad()
        sum(parts.values(), torch.zeros((), device=target.device)).backward()
        adam.step()
        schedule.step()
        if plays:
            adam_critic.zero_grad()
            real, fake = critic(true / 128 - 1), critic(made.detach() / 128 - 1)
            (functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()).backward()
            adam_critic.step()
        now = time.monotonic()
        if now - shown > LOG_EVERY or step + 1 == settings.n_steps:
            shown, left = now, (now - started) / (step + 1) * (settings.n_steps - step - 1)
            values = ", ".join(f"{name} {value.item():.4g}" for name, value in parts.items())
            log(f"step {step + 1} of {settings.n_steps}: {values}; {left:.0f} s left")


def _losses(
    generator: InversionGenerator, target: _Target, true: Tensor, settings: TrainedGeneratorSettings
) -> tuple[Tensor, dict[str, Tensor]]:
    """Images generated from the features of a batch, and their weighted losses."""
    with torch.no_grad():
        wanted = target.features(true)
    made = generator(wanted[target.layers[0]].clamp(-BOUND, BOUND))
    errors = functional.mse_loss(made, true)
    parts = {"pixel": settings.pixel_weight / target.pixel_variance * errors}
    if settings.feature_weight > 0:
        found = target.features(made)
        of_layers = [functional.mse_loss(found[name], wanted[name]) for name in found]
        parts["feature"] = settings.feature_weight * torch.stack(of_layers).mean()
    return made, parts


@torch.no_grad()
def _scores(
    generator: InversionGenerator,
    target: _Target,
    training: NDArray[np.uint8],
    held: NDArray[np.uint8],
) -> dict[str, float]:
    """Scores of the generator and of the mean training image on held-out images."""
    layer = target.layers[0]
    mean = _rgb(np.rint(training.mean(axis=0)).astype(np.uint8)[None], target.device)
    rows = []
    for true in target.batches(held):
        wanted = target.features(true)[layer]
        made = generator(wanted.clamp(-BOUND, BOUND))
        for found in (made, mean.expand(len(true), -1, -1, -1)):
            error = (target.features(found)[layer] - wanted).square().flatten(1).mean(1)
            rows.append(torch.stack([_correlation(found, true), error]).cpu())
    of_made, of_mean = (torch.cat(rows[k::2], dim=1).mean(1).tolist() for k in (0, 1))
    return {
        "pixel_correlation": of_made[0],
        "feature_error": of_made[1],
        "baseline_pixel_correlation": of_mean[0],
        "baseline_feature_error": of_mean[1],
        "n_held_out": float(len(held)),
    }


def _correlation(found: Tensor, true: Tensor) -> Tensor:
    """Pixel correlation of each image with the true one, (n,); 0 if one of them is uniform."""
    a, b = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (found, true))
    return functional.cosine_similarity(a, b)
