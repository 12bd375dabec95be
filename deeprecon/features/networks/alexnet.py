"""AlexNet (Krizhevsky et al. 2012), in Caffe's two versions and torchvision's."""

from torch import nn
from torchvision.models import alexnet as torchvision_alexnet

from deeprecon.features.networks.base import CAFFE_MEAN, IMAGENET_MEAN, IMAGENET_SD, Architecture
from deeprecon.features.registry import NETWORKS

_NAMES = NETWORKS["caffenet"].layers


def _pooling() -> list[nn.Module]:
    """Max pooling; Caffe rounds the output size up."""
    return [nn.MaxPool2d(3, 2, ceil_mode=True)]


def _norm() -> list[nn.Module]:
    """Local response normalisation."""
    return [nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)]


def _of_caffe(norm_first: bool) -> nn.Sequential:
    """bvlc_alexnet normalises before it pools, bvlc_reference_caffenet after."""

    def between() -> list[nn.Module]:
        parts = [*_norm(), *_pooling()] if norm_first else [*_pooling(), *_norm()]
        return [nn.ReLU(), *parts]

    features = [
        nn.Conv2d(3, 96, 11, 4), *between(),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), *between(),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), *_pooling(),
    ]  # fmt: skip
    classifier = [
        nn.Flatten(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000),
    ]  # fmt: skip
    whole = nn.Sequential()
    whole.add_module("features", nn.Sequential(*features))
    whole.add_module("classifier", nn.Sequential(*classifier))
    return whole


def _nodes(features: tuple[int, ...], classifier: tuple[int, ...]) -> dict[str, str]:
    nodes = [*(f"features.{i}" for i in features), *(f"classifier.{i}" for i in classifier)]
    return dict(zip(_NAMES, nodes, strict=True))


def _architecture(name: str, norm_first: bool) -> Architecture:
    nodes = _nodes((0, 4, 8, 10, 12), (1, 3, 5))
    return Architecture(
        name, lambda: _of_caffe(norm_first), nodes, CAFFE_MEAN, (1, 1, 1), "BGR", caffe=nodes
    )


CAFFENET = _architecture("caffenet", norm_first=False)
ALEXNET = _architecture("alexnet", norm_first=True)
TORCHVISION_ALEXNET = Architecture(
    "torchvision_alexnet", torchvision_alexnet, _nodes((0, 3, 6, 8, 10), (1, 4, 6)),
    IMAGENET_MEAN, IMAGENET_SD,
)  # fmt: skip
