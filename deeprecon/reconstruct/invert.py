"""Reconstruct images from features: prior, objective and optimiser put together."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.features.statistics import LayerStatistics
from deeprecon.reconstruct.objective import FeatureLoss, match_contrast
from deeprecon.reconstruct.optimise import lbfgs
from deeprecon.reconstruct.presets import PRESETS, Settings
from deeprecon.reconstruct.priors import PRIORS, total_variation

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Reconstruction:
    """Reconstructed images and how the optimisation went.

    Attributes
    ----------
    images : (n, size, size, 3) uint8, as shown
    raw : (n, size, size, 3) float32, 0-255, before rounding
    loss : (n_evaluations, n) float32
    """

    images: NDArray[np.uint8]
    raw: Array
    loss: Array


def _check(targets: Mapping[str, Array], network: Network) -> int:
    """Number of images, after refusing targets that do not belong to the network."""
    if not targets:
        raise InputError("no target layers")
    sizes = {layer: len(features) for layer, features in targets.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"layers have features of different numbers of images: {sizes}")
    unknown = [layer for layer in targets if layer not in network.layers]
    if unknown:
        raise InputError(f"unknown layer {unknown[0]!r}; the network has {network.layers}")
    return next(iter(sizes.values()))


def _halving(run: Callable[[slice], list[Tensor]], n: int, batch_size: int) -> list[list[Tensor]]:
    """Run over slices of at most `batch_size`; on a full GPU halve the batch and go on."""
    done, parts = 0, []
    while done < n:
        try:
            parts.append(run(slice(done, done + batch_size)))
        except torch.cuda.OutOfMemoryError:
            if batch_size == 1:
                raise
            torch.cuda.empty_cache()
            batch_size = batch_size // 2
            logger.warning("out of GPU memory: going on with batches of %d images", batch_size)
            continue
        done += batch_size
    return parts


def _progress(first: int, n_evaluations: int) -> Callable[[int, Tensor], None]:
    """A line in the log every ten evaluations."""

    def report(evaluation: int, losses: Tensor) -> None:
        if evaluation % 10 == 0 or evaluation == n_evaluations - 1:
            logger.info(
                "images %d-%d: evaluation %d of %d, mean loss %.4f",
                first + 1, first + len(losses), evaluation + 1, n_evaluations, losses.mean().item(),
            )  # fmt: skip

    return report


def reconstruct(
    targets: Mapping[str, Array],
    network: Network,
    size: int,
    statistics: Mapping[str, LayerStatistics],
    preset: str | Settings = "deeprecon",
    layer_weights: Mapping[str, float] | None = None,
    match: bool = True,
    batch_size: int = 48,
    device: str | torch.device | None = None,
) -> Reconstruction:
    """Find images whose features match the targets.

    Parameters
    ----------
    targets : layer -> (n, *unit_shape) float array
    network : Network
    size : side of the images, pixels
    statistics : layer -> LayerStatistics of the training images
    preset : name in `PRESETS`, or Settings
    layer_weights : layer -> how much it counts, by default all the same; squared cross-validated
        decoding accuracies keep badly decoded layers from blurring the image
    match : give the targets the contrast of true features first (`match_contrast`); right for
        decoded features, wrong for true ones
    batch_size : images optimised together; halved when the GPU is full
    device : by default the GPU if there is one

    Returns
    -------
    Reconstruction

    Raises
    ------
    InputError
        If a layer is unknown, has the wrong shape or values that are not finite.
    """
    n = _check(targets, network)
    settings = PRESETS[preset] if isinstance(preset, str) else preset
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    network = network.to(memory_format=torch.channels_last).to(device)
    prior = PRIORS[settings.prior](size, settings.spectral_decay).to(device)
    if match:
        targets = {
            layer: match_contrast(y, statistics[layer].mean, statistics[layer].contrast)
            for layer, y in targets.items()
        }
    centres = {layer: torch.as_tensor(statistics[layer].mean, device=device) for layer in targets}

    def run(rows: slice) -> list[Tensor]:
        batch = {layer: torch.as_tensor(y[rows], device=device) for layer, y in targets.items()}
        feature_loss = FeatureLoss(network, batch, centres, layer_weights)

        def objective(parameters: Tensor) -> Tensor:
            images = prior(parameters).contiguous(memory_format=torch.channels_last)
            return feature_loss(images) + settings.total_variation * total_variation(images / 255)

        start = prior.start(len(range(*rows.indices(n)))).to(device)
        report = _progress(rows.start, settings.n_evaluations)
        x, losses = lbfgs(objective, start, settings.n_evaluations, callback=report)
        with torch.no_grad():
            return [prior(x).cpu(), losses.T.cpu()]

    images, losses = (torch.cat(part) for part in zip(*_halving(run, n, batch_size), strict=True))
    raw = images.permute(0, 2, 3, 1).contiguous().numpy()
    shown = np.clip(np.rint(raw), 0, 255).astype(np.uint8)
    return Reconstruction(shown, raw, losses.T.contiguous().numpy())
