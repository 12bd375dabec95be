"""Distances between the features of an image and their targets, layer by layer.

Each function takes features (n, *unit_shape) of one layer as found and as wanted, and gives one
value an image, (n,).
"""

import csv
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor

Distance = Callable[[Tensor], Tensor]
"""Features found (n, *unit_shape) -> (n,), the targets being known."""


FROM_THE_MEAN = ("relative", "correlation")
"""Losses that compare with the training mean, from which a target must differ."""


def _total(values: Tensor) -> Tensor:
    """Sum over units, (n,); without flattening, which would copy what lies channels last."""
    return values.sum(dim=tuple(range(1, values.ndim)))


def squared(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """`|found - target|^2`, summed over units: Shen et al. 2019."""
    return lambda found: _total((found - target).square())


def relative(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """`|found - target|^2 / |target - centre|^2`.

    With the training mean as centre, layers count by what varies between images and not by their
    mean activity, and the mean features would score 1.
    """
    power = _total((target - centre).square())
    return lambda found: _total((found - target).square()) / power


def correlation(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """1 - Pearson correlation over units, both less the training mean; free of scale."""
    wanted = _unit(target - centre)
    return lambda found: 1 - _total(_unit(found - centre) * wanted)


def _unit(features: Tensor) -> Tensor:
    """Features (n, *unit_shape) less their mean over units, as vectors of length 1."""
    axes = tuple(range(1, features.ndim))
    rest = features - features.mean(axes, keepdim=True)
    return rest / rest.square().sum(axes, keepdim=True).sqrt().clamp_min(1e-20)


def dists(target: Tensor, centre: Tensor | float, layer: str) -> Distance:
    """`4 D + |found - target|^2 / |target|^2`, D like the DISTS measure of Ding et al. 2020.

    `D = -mean_c(a s1 + b s2) / (a + b)`: s1 compares the means of a channel, s2 its covariance with
    the target; a and b are of each layer. KamitaniLab/spurious_reconstruction, `dist_loss.py`,
    whose a and b are of VGG19's layers; other layers get 1 and 1.
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
    """Layer of VGG19 -> a, b of `dists`."""
    table = files("deeprecon.reconstruct").joinpath("dists_vgg19.tsv")
    with table.open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return {row["layer"]: (float(row["a"]), float(row["b"])) for row in rows}


LOSSES: dict[str, Callable[[Tensor, Tensor | float, str], Distance]] = {
    "squared": squared,
    "relative": relative,
    "correlation": correlation,
    "dists": dists,
}


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, (n,), for images in 0-1."""
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().mean(dim=(1, 2, 3))
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    return across + down


def norm_weights(targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """`1 / |y_l|^2` of each layer and image, divided by their sum over layers: Shen et al. 2019."""
    inverse = {layer: 1 / _total(y.square()) for layer, y in targets.items()}
    total = torch.stack(list(inverse.values())).sum(0)
    return {layer: value / total for layer, value in inverse.items()}
