"""The objective of a reconstruction: distance between its features and the targets."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.reconstruct.losses import norm_weights
from deeprecon.reconstruct.registry import LOSSES, Loss
from deeprecon.registry import find

MINIMUM_ACCURACY = 0.05  # so that no layer is left out


def accuracy_weights(
    layers: Sequence[str], tables: Sequence[str] | None, accuracy_of: Callable[[str, str], float]
) -> dict[str, float] | None:
    """Layer weights: decoding accuracy, averaged over subjects and then squared.

    Parameters
    ----------
    layers : names of layers
    tables : file of each subject; if there are none, the result is None
    accuracy_of : (table, layer) -> cross-validated accuracy

    Examples
    --------
    >>> accuracy_weights(["conv", "fc"], ["a.tsv"], lambda table, layer: len(layer) / 8 - 0.25)
    {'conv': 0.0625, 'fc': 0.0025000000000000005}
    """
    if not tables:
        return None
    means = {
        layer: sum(accuracy_of(table, layer) for table in tables) / len(tables) for layer in layers
    }
    return {layer: max(mean, MINIMUM_ACCURACY) ** 2 for layer, mean in means.items()}


def refuse_means(targets: Mapping[str, Tensor], centres: Mapping[str, Tensor]) -> None:
    """Raise InputError if a target (n, *unit_shape) equals the training mean (*unit_shape)."""
    for layer, y in targets.items():
        if not bool((y != centres[layer]).flatten(1).any(1).all()):
            raise InputError(
                f"layer {layer}: a target equals the mean of the training images, from which the "
                "loss measures differences"
            )


class FeatureLoss:
    """Weighted sum over layers of a distance between features, one value per image.

    Parameters
    ----------
    network : Network
    targets : layer -> (n, *unit_shape)
    centres : layer -> (*unit_shape), the training mean; its use depends on the loss
    loss : name in `registry.LOSSES`, or `module:function` for a user's own
    weights : layer -> weight, normalised to sum to 1; "norm": `losses.norm_weights`; None: equal

    Raises
    ------
    InputError
        If targets are not finite or do not have the shape of the mean.
    """

    def __init__(
        self,
        network: Network,
        targets: Mapping[str, Tensor],
        centres: Mapping[str, Tensor],
        loss: str = "relative",
        weights: Mapping[str, float] | str | None = None,
    ) -> None:
        self.network, self.loss = network, loss
        self.shapes = {layer: y.shape for layer, y in targets.items()}
        for layer, y in targets.items():
            if y.shape[1:] != centres[layer].shape:
                shapes = f"{tuple(y.shape[1:])}, its statistics {tuple(centres[layer].shape)}"
                raise InputError(f"layer {layer}: targets have unit shape {shapes}")
            if not bool(torch.isfinite(y).all()):
                raise InputError(f"layer {layer}: targets are not finite")
        make = find(LOSSES, loss, Loss, "loss").load()
        self.distances = {layer: make(y, centres[layer], layer) for layer, y in targets.items()}
        if isinstance(weights, str):
            self.weights: Mapping[str, Tensor | float] = norm_weights(dict(targets))
        else:
            given = weights or dict.fromkeys(targets, 1.0)
            total = sum(given[layer] for layer in targets)
            self.weights = {layer: given[layer] / total for layer in targets}

    def of_layers(self, images: Tensor) -> dict[str, Tensor]:
        """Distance in each layer, (n,), of images (n, 3, size, size), RGB 0-255."""
        features = self.network.features(images, list(self.distances))
        for layer, shape in self.shapes.items():
            if features[layer].shape != shape:
                shapes = f"{tuple(shape[1:])}, the network gives {tuple(features[layer].shape[1:])}"
                raise InputError(f"layer {layer}: targets have unit shape {shapes}")
        found = {
            layer: distance(features[layer].float()) for layer, distance in self.distances.items()
        }
        for layer, values in found.items():
            if values.shape != (len(images),):
                raise InputError(
                    f"loss {self.loss}: values of shape {tuple(values.shape)} in layer {layer}, "
                    f"expected one for each of {len(images)} images"
                )
        return found

    def __call__(self, images: Tensor) -> Tensor:
        """Loss of each image, (n,)."""
        parts = self.of_layers(images)
        return torch.stack([self.weights[layer] * part for layer, part in parts.items()]).sum(0)
