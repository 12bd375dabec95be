"""Train a generator that inverts a layer of any network, on the user's own images.

As Dosovitskiy & Brox 2016: the generator sees a layer's values of an image, and what it makes is
compared with the image by pixels, by features and by a discriminator that learns to tell them
apart. Each part of the loss is in units of the variance of what it compares, 1 being the error of
the mean.
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
from deeprecon.reconstruct.generators import InversionGenerator, save_generator

logger = logging.getLogger(__name__)

LEAST_IMAGES, LEAST_SIZE = 20, 16
BOUND = 3.0  # SD of a channel, on both sides of its mean: what latents may be
HELD_OUT = 0.1  # of the images: scores are of them
WARM_UP = 0.25  # of the steps: without the discriminator, which early on has too easy a game
LOG_EVERY = 10.0  # s


@dataclass(frozen=True)
class GeneratorSettings:
    """How a generator is trained.

    Attributes
    ----------
    n_steps, batch_size : steps of Adam, images in each
    learning_rate : at the start; falls to zero as a cosine
    width : channels of the generator's finest stage
    pixel_weight, feature_weight, adversarial_weight : of the parts of the loss
    comparator : a layer whose features count besides those of the inverted one, for half
    """

    n_steps: int = 20000
    batch_size: int = 16
    learning_rate: float = 1e-3
    width: int = 32
    pixel_weight: float = 1.0
    feature_weight: float = 1.0
    adversarial_weight: float = 0.01
    comparator: str | None = None


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator and what it was trained for.

    Attributes
    ----------
    generator : of standardised latents: `(features - latent_mean) / latent_sd`
    layer : that it inverts, of the network with these weights
    latent_mean, latent_sd : (channels, 1, 1) or (units,), of the training images
    scores : of images that were held out: `pixel_correlation` and `feature_error` (1: that of the
        mean features), each also with `baseline_` of the mean training image; `n_held_out`
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
    """Write a trained generator as a torch file, for `generators.load_prior`."""
    save_generator(
        path, trained.generator, -BOUND, BOUND, attributes,
        layer=trained.layer, weights_sha256=trained.weights_sha256, scores=trained.scores,
        latent_mean=trained.latent_mean, latent_sd=trained.latent_sd,
    )  # fmt: skip


def train(
    network: Network,
    layer: str,
    images: NDArray[np.uint8],
    settings: GeneratorSettings = GeneratorSettings(),
    seed: int = 0,
    device: torch.device | str | None = None,
    log: Callable[[str], None] = logger.info,
) -> TrainedGenerator:
    """Train a generator.

    Parameters
    ----------
    network : Network
    layer : whose values before the activation function are the latents
    images : (n, size, size, 3) uint8, RGB; a tenth of them is held out
    settings : GeneratorSettings
    seed : of weights, of which images are held out and of the order of the others
    device : the same seed gives the same weights on the processor; None: the best there is
    log : takes a line every few seconds

    Returns
    -------
    TrainedGenerator

    Raises
    ------
    InputError
        If images are few, small, not square or all the same, or a layer is unknown or cannot be
        inverted.
    """
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
    """Shape of an image's latents, after refusing what cannot be trained on."""
    n, height, width, n_channels = images.shape if images.ndim == 4 else (0, 0, 0, 0)
    if images.dtype != np.uint8 or n_channels != 3 or height != width or height < LEAST_SIZE:
        raise InputError(
            f"images: found {images.dtype} of shape {images.shape}, expected uint8 of shape "
            f"(n, size, size, 3), size at least {LEAST_SIZE}"
        )
    if n < LEAST_IMAGES:
        raise InputError(f"images: found {n}, expected at least {LEAST_IMAGES} to train on")
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
    """Where a module is."""
    return next(module.parameters()).device


def _rgb(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(n, size, size, 3) uint8 to (n, 3, size, size) float, 0-255."""
    return torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float()


class _Target:
    """What images are compared by: pixels, and features standardised by channel."""

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
        """Images, some at a time."""
        starts = range(0, len(images), self.batch_size)
        return [_rgb(images[i : i + self.batch_size], self.device) for i in starts]

    @torch.no_grad()
    def _moments(self, images: NDArray[np.uint8]) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean and SD of channels over images and places: (channels, 1, 1) or (units,)."""
        sums: dict[str, Tensor] = {}
        for batch in self.batches(images):
            for layer, x in self.network.features(batch, self.layers).items():
                flat = x.reshape(*x.shape[:2], -1).cpu().double()
                both = torch.stack([flat.mean(2).sum(0), flat.square().mean(2).sum(0)])
                sums[layer] = sums.get(layer, 0) + both.reshape(2, -1, *[1] * (x.ndim - 2))
        return {layer: self._moments_of(*(both / len(images))) for layer, both in sums.items()}

    def _moments_of(self, mean: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and SD; the SD of a channel that is nearly constant is not believed."""
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
    """Images of about unit range to (n, 1, h, w): above 0 where a patch looks like a true one."""
    rows: list[nn.Module] = []
    for n_in, n_out in pairwise((3, 32, 64, 128)):
        rows += [spectral_norm(nn.Conv2d(n_in, n_out, 4, 2, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*rows, spectral_norm(nn.Conv2d(128, 1, 1)))


def augmented(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Images (n, size, size, 3), half of them mirrored, moved by up to a sixteenth of the side."""
    n, size = images.shape[:2]
    most = size // 16
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="reflect")
    places = rng.integers(0, 2 * most + 1, (n, 2))
    steps = rng.choice([-1, 1], n)
    moved = zip(padded, places, steps, strict=True)
    return np.stack([x[i : i + size, j : j + size][:, ::step] for x, (i, j), step in moved])


def _fit(
    generator: InversionGenerator,
    critic: nn.Module,
    target: _Target,
    images: NDArray[np.uint8],
    settings: GeneratorSettings,
    seed: int,
    log: Callable[[str], None],
) -> None:
    """Train the generator, and the discriminator that it plays against."""
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
    generator: InversionGenerator, target: _Target, true: Tensor, settings: GeneratorSettings
) -> tuple[Tensor, dict[str, Tensor]]:
    """Images that are made from those of a batch, and the weighted losses of them."""
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
    """How near the images that are made come to those held out, and how near the mean image."""
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
    """Correlation of each image's pixels with the true one's, (n,); 0 if one of them is uniform."""
    a, b = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (found, true))
    return functional.cosine_similarity(a, b)
