"""Scores by networks that play no part in reconstruction, where their weights are at hand.

The set of MindEye (Scotti et al. 2023), with LPIPS and DreamSim. Weights are files in one folder,
never downloaded here; without its file a score is not computed, and the tables say so. Names tell
apart what papers mix: Brain-Diffuser's EffNet-B has the first weights of torchvision, MindEye's the
second.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
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
from deeprecon.evaluate.networks import PERCEPTUAL_FILES
from deeprecon.evaluate.suite import Score, identification_scores
from deeprecon.stats.correlation import similarity_matrix

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # to the scale from -1 to 1
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
BATCH = 16

Module = Callable[..., Any]


@dataclass(frozen=True)
class Perceptual:
    """One score by a network.

    Attributes
    ----------
    kind : "identification" by features; "correlation_distance" of the features of an image and
        its reconstruction; "distance" that the network itself gives
    file : of its weights, in the folder of weights
    load : file of weights -> network, images (n, 3, H, W) -> features; or distance of two batches
    size : pixels of the square that images are brought to; bilinear, antialiased
    moments : mean and SD that channels are normalised with
    package : that must be installed
    """

    kind: str
    file: str
    load: Callable[[Path], Module]
    size: int
    moments: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
    package: str = "torchvision"


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights, by name."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: not a file of weights ({type(error).__name__})") from None
    state = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(state, dict) or not all(isinstance(x, Tensor) for x in state.values()):
        raise InputError(f"{path}: found {type(found).__name__}, expected weights by name")
    return state


def _filled(network: nn.Module, state: dict[str, Tensor], path: Path) -> nn.Module:
    """A network with its weights."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        problem = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: weights of another network: {problem}") from None
    return network.eval()


def _torchvision(path: Path, name: str, layer: str) -> Module:
    """A layer of a network of torchvision."""
    # Inception takes pixels from -1 to 1; torchvision's pretrained one brings those normalised as
    # for ImageNet to that scale by itself.
    extra = {"transform_input": True, "init_weights": False} if name == "inception_v3" else {}
    network: nn.Module = getattr(torchvision.models, name)(weights=None, **extra)
    extractor = create_feature_extractor(
        _filled(network, _state(path), path), {layer: "features"}, suppress_diff_warning=True
    )
    return lambda images: extractor(images)["features"]


def _swav(path: Path) -> Module:
    """Average-pooled features of the ResNet-50 of SwAV (Caron et al. 2020)."""
    state = {key.removeprefix("module."): value for key, value in _state(path).items()}
    own = {k: v for k, v in state.items() if not k.startswith(("projection_head", "prototypes"))}
    network = torchvision.models.resnet50(weights=None)
    network.fc = nn.Identity()
    return _filled(network, own, path)


def _clip(path: Path) -> Module:
    """Image embedding of OpenAI's ViT-L/14, read by the package open_clip."""
    model = import_module("open_clip").load_openai_model(str(path), precision="fp32", device="cpu")
    embed: Module = model.encode_image
    return embed


def _lpips(path: Path) -> Module:
    """LPIPS (Zhang et al. 2018) with AlexNet; its own few weights come with the package lpips."""
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


def _dreamsim(path: Path) -> Module:
    """DreamSim (Fu et al. 2023), from the folder that its package keeps weights in."""
    for part in DREAMSIM:  # the package would download what is missing
        if not (path / part).exists():
            raise InputError(f"{path}: no {part!r}, one of the six parts of DreamSim's weights")
    model, _ = import_module("dreamsim").dreamsim(
        pretrained=True, device="cpu", cache_dir=str(path)
    )
    distance: Module = model
    return distance


def _of(name: str, layer: str) -> Callable[[Path], Module]:
    return partial(_torchvision, name=name, layer=layer)


_EFFICIENTNET = _of("efficientnet_b1", "avgpool")
_DEFINITIONS: dict[str, tuple[Any, ...]] = {
    "alexnet_2": ("identification", _of("alexnet", "features.4"), 256),
    "alexnet_5": ("identification", _of("alexnet", "features.11"), 256),
    "inception": ("identification", _of("inception_v3", "avgpool"), 342),
    "clip": ("identification", _clip, 224, CLIP, "open_clip"),
    "efficientnet_b1_v1": ("correlation_distance", _EFFICIENTNET, 255),
    "efficientnet_b1_v2": ("correlation_distance", _EFFICIENTNET, 255),
    "swav": ("correlation_distance", _swav, 224),
    "lpips_alex": ("distance", _lpips, 256, HALVES, "lpips"),
    "dreamsim": ("distance", _dreamsim, 224, PLAIN, "dreamsim"),
}
PERCEPTUAL = {
    name: Perceptual(kind, PERCEPTUAL_FILES[name], *rest)
    for name, (kind, *rest) in _DEFINITIONS.items()
}


def not_computed(name: str, folder: str | os.PathLike[str]) -> str | None:
    """Why a score cannot be computed; None if it can.

    Examples
    --------
    >>> not_computed("alexnet_2", "/nowhere")
    'not computed: weights missing: alexnet-owt-7be5be79.pth'
    """
    one = PERCEPTUAL[name]
    if find_spec(one.package) is None:
        return f"not computed: package missing: {one.package}"
    if not Path(folder, one.file).exists():
        return f"not computed: weights missing: {one.file}"
    return None


def _checked(path: Path) -> Path:
    """A file of weights; those with a hash in their name are held to it."""
    wanted = re.search(r"-([0-9a-f]{8})\.pth$", path.name)
    if wanted:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(wanted[1]):
            raise InputError(f"{path}: SHA-256 starts with {found[:8]}, expected {wanted[1]}")
    return path


class PerceptualScore:
    """A score by a network, loaded once for many sets.

    Parameters
    ----------
    name : of `PERCEPTUAL`
    folder : with its weights

    Raises
    ------
    InputError
        If the weights are missing, damaged or of another network.
    """

    def __init__(self, name: str, folder: str | os.PathLike[str]) -> None:
        if reason := not_computed(name, folder):
            raise InputError(f"{name}: {reason}")
        self.name, self.definition = name, PERCEPTUAL[name]
        self.network = self.definition.load(_checked(Path(folder, self.definition.file)))

    def batches(self, images: NDArray) -> Iterator[Tensor]:
        """Images (n, H, W, 3), 0-255, as the network takes them; resized as they are needed."""
        size = [self.definition.size] * 2
        moments = [list(moment) for moment in self.definition.moments]
        whole = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        for part in whole.split(BATCH):
            scaled = resize(part.float() / 255, size, InterpolationMode.BILINEAR, antialias=True)
            yield normalize(scaled, *moments)

    def features(self, images: NDArray) -> NDArray[np.float32]:
        """Features (n, n_units) of images (n, H, W, 3), 0-255."""
        with torch.inference_mode():
            parts = [self.network(batch).flatten(1).float() for batch in self.batches(images)]
        found: NDArray[np.float32] = torch.cat(parts).numpy()
        return found

    def distance(self, true: NDArray, recon: NDArray) -> NDArray[np.float64]:
        """Distance of each image to its own reconstruction: (n,); 0 for equal images."""
        if self.definition.kind == "correlation_distance":
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
        """The score of a set: identification in both directions, or a distance."""
        definition = self.definition
        if definition.kind != "identification":
            distance = self.distance(true, recon)
            yield Score(self.name, "own", distance, "RGB", definition.size, resized="bilinear")
        elif len(true) > 1:
            yield from identification_scores(
                self.name,
                self.similarity(true, recon),
                colour="RGB",
                size=definition.size,
                resized="bilinear",
            )
