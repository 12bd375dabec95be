"""A reconstruction problem: the parts that all its batches and random starts share."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deeprecon.features.networks import Network
from deeprecon.features.statistics import LayerStatistics
from deeprecon.reconstruct.compute import Compute, device_of
from deeprecon.reconstruct.losses import total_variation
from deeprecon.reconstruct.objective import FeatureLoss, refuse_means
from deeprecon.reconstruct.optimise import Optimiser
from deeprecon.reconstruct.priors import Prior
from deeprecon.reconstruct.result import Array
from deeprecon.reconstruct.scaling import scaled
from deeprecon.reconstruct.settings import SearchSettings


@dataclass(frozen=True)
class Problem:
    """Features to match, and the parts of the search for matching images.

    Attributes
    ----------
    targets : layer -> (n, *unit_shape)
    network, prior : on the device of `compute`
    statistics : layer -> LayerStatistics of the training images
    settings : SearchSettings
    layer_weights : layer -> weight, or "norm", see `objective.FeatureLoss`
    decoded : whether the targets are decoded features, to be scaled as the settings say
    seed : seed of random starts and jitter
    compute : Compute
    """

    targets: Mapping[str, Array]
    network: Network
    prior: Prior
    statistics: Mapping[str, LayerStatistics]
    settings: SearchSettings
    layer_weights: Mapping[str, float] | str | None
    decoded: bool
    seed: int
    compute: Compute

    @property
    def device(self) -> torch.device:
        """The device of all computations."""
        return device_of(self.compute.device)

    def losses(self, rows: slice) -> tuple[FeatureLoss, FeatureLoss]:
        """Distances from the targets of some images: the loss to minimise, and `relative`."""
        device = self.device
        tensors = {}
        for layer, y in self.targets.items():
            part = y[rows]
            if self.decoded:
                part = scaled(self.settings.scaling, layer, part, self.statistics[layer])
            tensors[layer] = _channels_last(part, device)
        means = {
            layer: torch.as_tensor(self.statistics[layer].mean, device=device) for layer in tensors
        }
        loss, relative = (
            FeatureLoss(self.network, tensors, means, name, self.layer_weights)
            for name in (self.settings.loss, "relative")
        )
        if not self.settings.loss_choice.mean_features:
            refuse_means(tensors, means)
        return loss, relative

    def objective(self, feature_loss: FeatureLoss) -> Callable[[Tensor], Tensor]:
        """Parameters (n, d) -> losses (n,), with the penalty on total variation."""
        weight = self.settings.total_variation

        def objective(parameters: Tensor) -> Tensor:
            images = self.prior(parameters.float())
            with self._precision():
                loss = feature_loss(images.contiguous(memory_format=torch.channels_last))
            return loss + weight * total_variation(images / 255) if weight else loss

        return objective

    def optimiser(self, start: int, rows: slice) -> Optimiser:
        """The optimiser for some images, at one of the random starts.

        Each image has its own seed, so that its start does not depend on the batches.
        """
        device = self.device
        generators = [
            torch.Generator().manual_seed(image_seed(self.seed, start, row))
            for row in range(rows.start, rows.stop)
        ]
        parameters = torch.cat([self.prior.start(1, one).cpu() for one in generators]).to(device)
        make = self.settings.optimiser_choice.load()
        bounds = (self.prior.lower, self.prior.upper)
        optimiser: Optimiser = make(parameters, self.settings, bounds, self.seed + start)
        return optimiser

    def images(self, parameters: Tensor) -> Tensor:
        """Images (n, size, size, 3) on the CPU, RGB, of parameters (n, d) on any device."""
        with torch.no_grad():
            return as_rows(self.prior(parameters.float()))

    def _precision(self) -> AbstractContextManager[object]:
        """The context in which the network runs."""
        if self.compute.precision == "bfloat16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()


def image_seed(seed: int, start: int, row: int) -> int:
    """The seed of one image and one random start."""
    return int(np.random.SeedSequence([seed, start, row]).generate_state(1, np.uint64)[0] >> 1)


def as_rows(images: Tensor) -> Tensor:
    """(n, 3, size, size) on any device to (n, size, size, 3) on the CPU."""
    return images.permute(0, 2, 3, 1).contiguous().float().cpu()


def _channels_last(features: Array, device: torch.device) -> Tensor:
    """Put features in the network's memory layout, so that differences need no reordering."""
    y = torch.as_tensor(features, device=device)
    return y.contiguous(memory_format=torch.channels_last) if y.ndim == 4 else y
