"""What a reconstruction minimises: the distance between its features and the decoded ones."""

from collections.abc import Mapping

import torch
from torch import Tensor

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.reconstruct.losses import LOSSES, norm_weights


def refuse_means(targets: Mapping[str, Tensor], centres: Mapping[str, Tensor]) -> None:
    """Raise InputError if a target (n, *unit_shape) equals the training mean (*unit_shape)."""
    for layer, y in targets.items():
        if not bool((y != centres[layer]).flatten(1).any(1).all()):
            raise InputError(f"layer {layer}: a target equals the mean: nothing to match")


class FeatureLoss:
    """Weighted sum over layers of a distance of features, one value an image.

    Parameters
    ----------
    network : Network
    targets : layer -> (n, *unit_shape)
    centres : layer -> (*unit_shape), the training mean; what it is for depends on the loss
    loss : a name in `losses.LOSSES`
    weights : layer -> how much it counts, which is divided by the sum; "norm": `norm_weights`;
        by default all the same

    Raises
    ------
    InputError
        If targets are not finite, or not of the shape of the mean.
    """

    def __init__(
        self,
        network: Network,
        targets: Mapping[str, Tensor],
        centres: Mapping[str, Tensor],
        loss: str = "relative",
        weights: Mapping[str, float] | str | None = None,
    ) -> None:
        self.network = network
        self.shapes = {layer: y.shape for layer, y in targets.items()}
        for layer, y in targets.items():
            if y.shape[1:] != centres[layer].shape:
                shapes = f"{tuple(y.shape[1:])}, its statistics {tuple(centres[layer].shape)}"
                raise InputError(f"layer {layer}: targets have unit shape {shapes}")
            if not bool(torch.isfinite(y).all()):
                raise InputError(f"layer {layer}: targets are not finite")
        self.distances = {
            layer: LOSSES[loss](y, centres[layer], layer) for layer, y in targets.items()
        }
        if isinstance(weights, str):
            self.weights: Mapping[str, Tensor | float] = norm_weights(dict(targets))
        else:
            given = weights or dict.fromkeys(targets, 1.0)
            total = sum(given[layer] for layer in targets)
            self.weights = {layer: given[layer] / total for layer in targets}

    def of_layers(self, images: Tensor) -> dict[str, Tensor]:
        """Distance in each layer, (n,); images (n, 3, size, size), RGB 0-255."""
        found = self.network.features(images, list(self.distances))
        for layer, shape in self.shapes.items():
            if found[layer].shape != shape:
                shapes = f"{tuple(shape[1:])}, the network gives {tuple(found[layer].shape[1:])}"
                raise InputError(f"layer {layer}: targets have unit shape {shapes}")
        return {layer: f(found[layer].float()) for layer, f in self.distances.items()}

    def __call__(self, images: Tensor) -> Tensor:
        """Loss of each image, (n,)."""
        parts = self.of_layers(images)
        return torch.stack([self.weights[layer] * part for layer, part in parts.items()]).sum(0)
