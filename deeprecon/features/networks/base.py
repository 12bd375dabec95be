"""A network: images in, features of named layers out."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from deeprecon.errors import InputError
from deeprecon.features.weights import Weights, read_weights, state_digest

Channels = tuple[float, float, float]

IMAGENET_MEAN: Channels = (123.675, 116.28, 103.53)  # RGB, 0-255
IMAGENET_SD: Channels = (58.395, 57.12, 57.375)
CAFFE_MEAN: Channels = (104.00699, 116.66877, 122.67892)  # BGR, 0-255; of ILSVRC 2012


class Network(nn.Module):
    """A module with frozen weights, the names of its layers, and its preprocessing.

    Activation functions do not overwrite their input, so that layers keep their values from before
    the activation.

    Parameters
    ----------
    module : takes images (n, 3, height, width)
    nodes : layer -> node of torchvision's feature extraction (a submodule, or an operation in one),
        from the image upwards
    mean, sd : values of the channels in the module's own order, 0-255; its input is
        `(image - mean) / sd`
    channels : RGB or BGR
    weights_sha256 : of the file of weights

    Attributes
    ----------
    layers : names, from the image upwards
    preprocessing : description of the preprocessing
    mean_image : (3,) RGB, 0-255: the colour that preprocessing maps to zero
    """

    mean: Tensor
    sd: Tensor

    def __init__(
        self,
        module: nn.Module,
        nodes: Mapping[str, str],
        mean: Sequence[float],
        sd: Sequence[float],
        channels: str = "RGB",
        weights_sha256: str = "n/a",
    ) -> None:
        super().__init__()
        for part in module.modules():
            if hasattr(part, "inplace"):
                part.inplace = False  # type: ignore[assignment]
        self.module, self.nodes = module, dict(nodes)
        self.channels, self.weights_sha256 = channels, weights_sha256
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(3, 1, 1))
        self.register_buffer("sd", torch.tensor(sd, dtype=torch.float32).reshape(3, 1, 1))
        self.preprocessing = (
            f"{channels} 0-255, minus {_formatted(mean)}, divided by {_formatted(sd)}"
        )
        self._extractors: dict[tuple[str, ...], Callable[[Tensor], dict[str, Tensor]]] = {}
        self._compiled = False
        self.requires_grad_(False)
        self.eval()

    @property
    def layers(self) -> list[str]:
        """Names of the layers, from the image upwards."""
        return list(self.nodes)

    @property
    def mean_image(self) -> Tensor:
        """The colour that preprocessing maps to zero, (3,) RGB, 0-255."""
        mean = self.mean.flatten()
        return mean.flip(0) if self.channels == "BGR" else mean

    def features(self, images: Tensor, layers: Sequence[str]) -> "OrderedDict[str, Tensor]":
        """Unit values before the activation function; stages above the last layer are not run.

        Parameters
        ----------
        images : (n, 3, height, width) float tensor, RGB, 0-255
        layers : names, in any order

        Returns
        -------
        ordered dict of layer -> (n, *unit_shape) tensor, in the network's order

        Raises
        ------
        InputError
            If a layer is unknown.
        """
        unknown = [name for name in layers if name not in self.nodes]
        if unknown:
            raise InputError(f"unknown layer {unknown[0]!r}; the network has {self.layers}")
        wanted = tuple(name for name in self.nodes if name in layers)
        if wanted not in self._extractors:
            self._extractors[wanted] = self._extractor(wanted)
        x = images.flip(1) if self.channels == "BGR" else images
        found = self._extractors[wanted]((x - self.mean) / self.sd)
        return OrderedDict((name, found[self.nodes[name]]) for name in wanted)

    def compile_features(self) -> None:
        """Compute features with torch.compile from now on."""
        self._compiled = True
        self._extractors.clear()

    def _extractor(self, layers: Sequence[str]) -> Callable[[Tensor], dict[str, Tensor]]:
        """The part of the module that some layers need."""
        nodes = list(dict.fromkeys(self.nodes[layer] for layer in layers))
        extractor: Any = create_feature_extractor(
            self.module, nodes, suppress_diff_warning=True
        ).eval()
        _keep_values(extractor)
        return torch.compile(extractor) if self._compiled else extractor

    def _apply(self, *arguments: Any, **options: Any) -> Any:
        """Torch calls this when the network moves; the extractors must be made again."""
        self._extractors.clear()
        return super()._apply(*arguments, **options)


def _keep_values(extractor: Any) -> None:
    """Let functions that overwrite their input, such as densenet's last ReLU, return a copy."""
    for node in extractor.graph.nodes:
        if node.op == "call_function" and node.kwargs.get("inplace"):
            node.update_kwarg("inplace", False)
        elif node.op == "call_method" and re.fullmatch(r"[a-z]\w*[^_]_", node.target):
            node.target = node.target[:-1]  # x.relu_() becomes x.relu()
    extractor.recompile()


def _formatted(values: Sequence[float]) -> str:
    """'127.5' or '104.007, 116.669, 122.679'."""
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


@dataclass(frozen=True)
class Architecture:
    """How to build a network, without its weights.

    Attributes
    ----------
    name : for messages
    build : makes the module, with random weights or its own
    nodes, mean, sd, channels : see `Network`
    caffe : layer of the .caffemodel -> prefix in the module's state dict; None if there is no such
        file
    member : part of the name of the torch file, for a zip of several
    finish : applied to the module once it has its weights
    """

    name: str
    build: Callable[[], nn.Module]
    nodes: Mapping[str, str]
    mean: Sequence[float]
    sd: Sequence[float]
    channels: str = "RGB"
    caffe: Mapping[str, str] | None = None
    member: str = ""
    finish: Callable[[nn.Module], nn.Module] = lambda module: module

    def read(self, path: Path) -> Weights:
        """Weights from a file in any of the formats of `weights.read_weights`."""
        return read_weights(path, self.build().state_dict(), self.caffe, self.member)

    def network(self, weights: Weights | None = None) -> Network:
        """The network with given weights; by default with those it is built with."""
        module = self.build()
        if weights is not None:
            module.load_state_dict(weights.state)
        sha256 = state_digest(module.state_dict()) if weights is None else weights.sha256
        return Network(
            self.finish(module.eval()), self.nodes, self.mean, self.sd, self.channels, sha256
        )

    def random(self) -> Network:
        """The network with random weights (seed 0), for tests and timing only."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = self.network()
        network.weights_sha256 = "random"
        return network


def check_nodes(name: str, module: nn.Module, nodes: Mapping[str, str]) -> None:
    """Raise InputError unless the module can be traced and has all nodes."""
    try:
        known = get_graph_node_names(module.eval())[1]
    except Exception as error:  # a user's code can raise anything
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"network {name}: torch.fx cannot trace it ({why})") from None
    for layer, node in nodes.items():
        if not any(one == node or one.startswith(f"{node}.") for one in known):
            near = get_close_matches(node, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"network {name}: layer {layer!r}: no node {node!r}{hint}")
