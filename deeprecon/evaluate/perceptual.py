"""Scores by networks that are not used in reconstruction, if their weights are available.

The networks are those of MindEye (Scotti et al. 2023), LPIPS and DreamSim. Weights are files in one
folder and are never downloaded here; if a file is missing, the tables say so in place of its score.
EfficientNet-B1 has two names, because papers use different weights: Brain-Diffuser uses
torchvision's first version, MindEye the second.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.functional import InterpolationMode, normalize, resize

from deeprecon.errors import InputError
from deeprecon.evaluate.registry import network_metric
from deeprecon.evaluate.suite import Score, identification_scores
from deeprecon.stats.correlation import similarity_matrix

BATCH = 16

Module = Callable[..., Any]


def _state(path: Path) -> dict[str, Tensor]:
    """Tensors of a weights file, by name."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: not a file of weights ({type(error).__name__})") from None
    state = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(state, dict) or not all(isinstance(x, Tensor) for x in state.values()):
        raise InputError(f"{path}: found {type(found).__name__}, expected weights by name")
    return state


def _filled(network: nn.Module, state: dict[str, Tensor], path: Path) -> nn.Module:
    """The network with these weights, in evaluation mode."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        problem = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: weights of another network: {problem}") from None
    return network.eval()


def torchvision_layer(path: Path, name: str, layer: str) -> Module:
    """A layer of one of torchvision's networks, as a function of images."""
    # Inception takes pixels from -1 to 1. torchvision's pretrained version converts pixels that are
    # normalised for ImageNet to that scale itself.
    extra = {"transform_input": True, "init_weights": False} if name == "inception_v3" else {}
    network: nn.Module = getattr(torchvision.models, name)(weights=None, **extra)
    extractor = create_feature_extractor(
        _filled(network, _state(path), path), {layer: "features"}, suppress_diff_warning=True
    )
    return lambda images: extractor(images)["features"]


def swav(path: Path) -> Module:
    """Average-pooled features of the ResNet-50 of SwAV (Caron et al. 2020)."""
    state = {key.removeprefix("module."): value for key, value in _state(path).items()}
    own = {k: v for k, v in state.items() if not k.startswith(("projection_head", "prototypes"))}
    network = torchvision.models.resnet50(weights=None)
    network.fc = nn.Identity()
    return _filled(network, own, path)


def clip(path: Path) -> Module:
    """Image embedding of OpenAI's ViT-L/14, loaded by the package open_clip."""
    model = import_module("open_clip").load_openai_model(str(path), precision="fp32", device="cpu")
    embed: Module = model.encode_image
    return embed


def lpips(path: Path) -> Module:
    """LPIPS (Zhang et al. 2018) with AlexNet; its linear weights come with the package lpips."""
    distance = import_module("lpips").LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = _state(path)
    state = distance.state_dict()
    for key in state:
        if match := re.fullmatch(r"net\.slice\d\.(\d+)\.(weight|bias)", key):
            name = f"features.{match[1]}.{match[2]}"
            if name not in trunk or trunk[name].shape != state[key].shape:
                raise InputError(f"{path}: no weights {name!r} of AlexNet")
            state[key] = trunk[name]
    distance.load_state_dict(state)
    evaluated: Module = distance.eval()
    return evaluated


DREAMSIM = [
    f"{name}_vitb16_{part}"
    for name, file in (("dino", ".pth"), ("clip", ".pth.tar"), ("open_clip", ".pth.tar"))
    for part in (f"pretrain{file}", "lora")
]


def dreamsim(path: Path) -> Module:
    """DreamSim (Fu et al. 2023), from the folder in which its package keeps weights."""
    for part in DREAMSIM:  # the package would download missing parts
        if not (path / part).exists():
            raise InputError(f"{path}: no {part!r}, one of the six parts of DreamSim's weights")
    model, _ = import_module("dreamsim").dreamsim(
        pretrained=True, device="cpu", cache_dir=str(path)
    )
    distance: Module = model
    return distance


def not_computed(name: str, folder: str | os.PathLike[str]) -> str | None:
    """Why a score cannot be computed; None if it can.

    Parameters
    ----------
    name : of a `NetworkMetric`, or a user's own `module:function`
    folder : with the weights

    Examples
    --------
    >>> not_computed("alexnet_2", "/nowhere")
    'not computed: weights missing: alexnet-owt-7be5be79.pth'
    """
    one = network_metric(name)
    if find_spec(one.package) is None:
        return f"not computed: package missing: {one.package}"
    if one.file and not Path(folder, one.file).exists():
        return f"not computed: weights missing: {one.file}"
    return None


def _checked(path: Path) -> Path:
    """Check a weights file against the hash in its name, if there is one; return its path."""
    wanted = re.search(r"-([0-9a-f]{8})\.pth$", path.name)
    if wanted:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(wanted[1]):
            raise InputError(f"{path}: SHA-256 starts with {found[:8]}, expected {wanted[1]}")
    return path


class PerceptualScore:
    """A score by a network; the network is loaded once for many sets.

    Parameters
    ----------
    name : of a `NetworkMetric`, or a user's own `module:function`
    folder : with its weights

    Raises
    ------
    InputError
        If the weights are missing, damaged or belong to another network.
    """

    def __init__(self, name: str, folder: str | os.PathLike[str]) -> None:
        if reason := not_computed(name, folder):
            raise InputError(f"{name}: {reason}")
        self.name, self.metric = name, network_metric(name)
        weights = _checked(Path(folder, self.metric.file))
        self.network: Module = self.metric.load()(weights, **self.metric.arguments)

    def batches(self, images: NDArray) -> Iterator[Tensor]:
        """Convert images (n, H, W, 3), 0-255, to batches of the network's input."""
        size = [self.metric.size] * 2
        mean, sd = list(self.metric.mean), list(self.metric.sd)
        whole = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        for part in whole.split(BATCH):
            scaled = resize(part.float() / 255, size, InterpolationMode.BILINEAR, antialias=True)
            yield normalize(scaled, mean, sd)

    def features(self, images: NDArray) -> NDArray[np.float32]:
        """Features (n, n_units) of images (n, H, W, 3), 0-255."""
        with torch.inference_mode():
            parts = [self._of_batch(batch) for batch in self.batches(images)]
        found: NDArray[np.float32] = torch.cat(parts).numpy()
        return found

    def _of_batch(self, batch: Tensor) -> Tensor:
        """Features (n, n_units) of a batch of the network's input."""
        found = self.network(batch)
        if not isinstance(found, Tensor) or found.ndim < 2 or len(found) != len(batch):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise InputError(
                f"{self.metric.function}: the network returned {shape}, expected features "
                f"({len(batch)}, ...)"
            )
        return found.flatten(1).float()

    def distance(self, true: NDArray, recon: NDArray) -> NDArray[np.float64]:
        """Distance between each image and its own reconstruction: (n,); 0 for equal images."""
        if self.metric.kind == "correlation_distance":
            pairs = zip(self.features(true), self.features(recon), strict=True)
            return np.array([1 - similarity_matrix(a[None], b[None])[0, 0] for a, b in pairs])
        both = zip(self.batches(true), self.batches(recon), strict=True)
        with torch.inference_mode():
            parts = [self.network(a, b).flatten() for a, b in both]
        return torch.cat(parts).double().numpy()

    def similarity(self, true: NDArray, recon: NDArray) -> NDArray[np.float64]:
        """Correlation of the features of every true and every reconstructed image: (n, n)."""
        return similarity_matrix(self.features(true), self.features(recon))

    def scores(self, true: NDArray, recon: NDArray) -> Iterator[Score]:
        """Score a set: identification in both directions, or a distance.

        Parameters
        ----------
        true, recon : (n, H, W, 3) arrays, 0-255
        """
        size = self.metric.size
        if self.metric.kind != "identification":
            distance = self.distance(true, recon)
            yield Score(self.name, "own", distance, "RGB", size, resized="bilinear")
        elif len(true) > 1:
            yield from identification_scores(
                self.name,
                self.similarity(true, recon),
                colour="RGB",
                size=size,
                resized="bilinear",
            )
