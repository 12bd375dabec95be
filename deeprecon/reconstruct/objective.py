"""What a reconstruction minimises: the distance between its features and the decoded ones."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.features.statistics import channel_sd

Array = NDArray[np.float32]


def match_contrast(decoded: Array, mean: Array, contrast: float) -> Array:
    """Give decoded features the contrast that true features have.

    Regression shrinks predictions towards the mean. Centred on the training mean, each stimulus'
    features keep their own mean and get the SD of true features: the variant
    "feature_std_train_mean_center" of the lab's brain-decoding cookbook.

    Parameters
    ----------
    decoded : (n, *unit_shape)
    mean : (*unit_shape) mean over training images
    contrast : mean over training images of `channel_sd(features - mean)`
    """
    centred = decoded - mean
    axes = tuple(range(1, decoded.ndim))
    own = centred.mean(axis=axes, keepdims=True)
    sd = channel_sd(centred)
    gain = contrast / np.where(sd > 0, sd, np.inf)
    scaled = (centred - own) * gain.reshape(own.shape) + own + mean
    return np.asarray(scaled, np.float32)


class FeatureLoss(nn.Module):
    """Squared distance of features relative to their power, one value per image.

    `sum_l w_l |phi_l(image) - y_l|^2 / |y_l - c_l|^2 / sum_l w_l`. With w = 1 and c = 0 this is the
    objective of Shen et al. 2019 (weights proportional to `1 / |y_l|^2`) up to a factor of each
    image.

    Parameters
    ----------
    network : Network
    targets : layer -> (n, *unit_shape)
    centres : layer -> (*unit_shape) or 0.0
        c above. With the training mean, layers count by what varies between images and not by
        their mean activity, and a loss of 1 is what the mean features would score.
    layer_weights : layer -> w above; by default 1
    """

    def __init__(
        self,
        network: Network,
        targets: Mapping[str, Tensor],
        centres: Mapping[str, Tensor | float],
        layer_weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.targets = dict(targets)
        weights = layer_weights or dict.fromkeys(targets, 1.0)
        total = sum(weights[layer] for layer in targets)
        self.weights = {layer: weights[layer] / total for layer in targets}
        self.power = {
            layer: (y - centres[layer]).flatten(1).square().sum(1) for layer, y in targets.items()
        }
        for layer, value in self.power.items():
            if not bool(torch.isfinite(value).all()):
                raise InputError(f"layer {layer}: targets are not finite")
            if not bool((value > 0).all()):
                raise InputError(f"layer {layer}: a target equals the mean: nothing to match")

    def forward(self, images: Tensor) -> Tensor:
        """Loss of each image, (n,); images (n, 3, size, size) in 0-255."""
        found = self.network.features(images, list(self.targets))
        parts = []
        for layer, y in self.targets.items():
            if found[layer].shape != y.shape:
                shapes = f"{tuple(y.shape[1:])}, the network gives {tuple(found[layer].shape[1:])}"
                raise InputError(f"layer {layer}: targets have unit shape {shapes}")
            distance = (found[layer] - y).flatten(1).square().sum(1)
            parts.append(self.weights[layer] * distance / self.power[layer])
        return torch.stack(parts).sum(0)
