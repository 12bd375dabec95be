"""Losses: distances between the features of images and their targets in a layer.

A loss is a function `loss(target, centre, layer)` that returns a `Distance`:

target : (n, *unit_shape) tensor, the features to match in one layer
centre : (*unit_shape) tensor, the mean features of the training images
layer : name of the layer

It is called once for each layer and batch of images, so that terms that depend only on the targets
are computed once. `registry.LOSSES` lists the losses; a study can also name its own.
"""

import csv
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from deeprecon import package_data

Distance = Callable[[Tensor], Tensor]
"""Features (n, *unit_shape) of images -> distance (n,) of each from its target."""


def _total(values: Tensor) -> Tensor:
    """Sum over units, (n,); flattening first would copy features stored channels last."""
    return values.sum(dim=tuple(range(1, values.ndim)))


def squared(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """`|found - target|^2`, summed over units (Shen et al. 2019)."""
    return lambda found: _total((found - target).square())


def relative(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """`|found - target|^2 / |target - centre|^2`.

    The weight of a layer then depends on the variation between images, not on its mean activity.
    The loss of the mean features is 1.
    """
    power = _total((target - centre).square())
    return lambda found: _total((found - target).square()) / power


def correlation(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """1 - Pearson correlation over units, after subtracting the training mean.

    It does not depend on the scale of the features.
    """
    wanted = _unit(target - centre)
    return lambda found: 1 - _total(_unit(found - centre) * wanted)


def _unit(features: Tensor) -> Tensor:
    """Features (n, *unit_shape) minus their mean over units, scaled to length 1."""
    axes = tuple(range(1, features.ndim))
    rest = features - features.mean(axes, keepdim=True)
    return rest / rest.square().sum(axes, keepdim=True).sqrt().clamp_min(1e-20)


def dists(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """`4 D + |found - target|^2 / |target|^2`, where D resembles DISTS (Ding et al. 2020).

    `D = -mean_c(a s1 + b s2) / (a + b)` averages over channels: s1 compares a channel's mean with
    the target's, s2 is their normalised covariance. The weights a and b of VGG19's layers are those
    of `dist_loss.py` in KamitaniLab/spurious_reconstruction; for other layers both are 1.
    """
    a, b = _dists_weights().get(layer, (1.0, 1.0))
    axes = tuple(range(2, target.ndim)) or (1,)
    mean = target.mean(axes, keepdim=True)
    varies = (target - mean).square().mean(axes, keepdim=True)
    norm = _total(target.square())
    small = 1e-6

    def distance(found: Tensor) -> Tensor:
        own = found.mean(axes, keepdim=True)
        own_varies = (found - own).square().mean(axes, keepdim=True)
        together = ((found - own) * (target - mean)).mean(axes, keepdim=True)
        s1 = (2 * own * mean + small) / (own.square() + mean.square() + small)
        s2 = (2 * together + small) / (own_varies + varies + small)
        alike = ((a * s1 + b * s2) / (a + b)).flatten(1).mean(1)
        return -4 * alike + _total((found - target).square()) / norm

    return distance


@cache
def _dists_weights() -> dict[str, tuple[float, float]]:
    """Layer of VGG19 -> weights a, b of `dists`."""
    with package_data.path("reconstruct/dists_vgg19.tsv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return {row["layer"]: (float(row["a"]), float(row["b"])) for row in rows}


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, (n,), for images in 0-1."""
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().mean(dim=(1, 2, 3))
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    return across + down


def norm_weights(targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Layer -> weight (n,): `1 / |y_l|^2`, normalised to sum to 1 (Shen et al. 2019)."""
    inverse = {layer: 1 / _total(y.square()) for layer, y in targets.items()}
    total = torch.stack(list(inverse.values())).sum(0)
    return {layer: value / total for layer, value in inverse.items()}
