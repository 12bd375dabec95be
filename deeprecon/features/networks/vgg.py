"""VGG19 (Simonyan & Zisserman 2015), with the weights of Caffe or of torchvision."""

from typing import Any

from torch import nn
from torchvision.models import vgg19

from deeprecon.features.networks.base import CAFFE_MEAN, IMAGENET_MEAN, IMAGENET_SD, Architecture
from deeprecon.features.registry import NETWORKS

_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
NODES = dict(
    zip(
        NETWORKS["vgg19"].layers,
        [*(f"features.{i}" for i in _CONVOLUTIONS), *(f"classifier.{i}" for i in (0, 3, 6))],
        strict=True,
    )
)


def leaky(module: Any) -> nn.Module:
    """Use leaky ReLUs of slope 0.2 and average pooling, as Shen et al. 2019 did for imagery."""
    for parent in (module.features, module.classifier):
        for name, part in parent.named_children():
            if isinstance(part, nn.ReLU):
                setattr(parent, name, nn.LeakyReLU(0.2))
            elif isinstance(part, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(2, 2))
    return module


def _of_caffe(name: str, **options: Any) -> Architecture:
    """VGG19 on images in Caffe's format: BGR minus the mean colour."""
    member = "VGG_ILSVRC_19"  # in the lab's zip
    return Architecture(
        name, vgg19, NODES, CAFFE_MEAN, (1, 1, 1), "BGR", caffe=NODES, member=member, **options
    )


VGG19 = _of_caffe("vgg19")
VGG19_LEAKY = _of_caffe("vgg19_leaky", finish=leaky)
TORCHVISION_VGG19 = Architecture("torchvision_vgg19", vgg19, NODES, IMAGENET_MEAN, IMAGENET_SD)
