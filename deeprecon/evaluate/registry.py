"""Registry of metrics: what each score compares, and what it needs.

Adding a metric takes its function and one row here. The order of the rows is that of the tables.
Scores derived from a row, such as n-way identification, are computed in `evaluate.suite`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.registry import Choice, find, is_import_path, load

Better = Literal["larger", "smaller"]


@dataclass(frozen=True)
class Metric(Choice):
    """One score of reconstructed images.

    Attributes
    ----------
    function : import path; each subclass says what the function takes and returns
    colour : the part of the images that is compared, such as "RGB" or "grey"
    size : side in pixels to which images are resized (bilinear); None: the study's size
    better : which values mean a better reconstruction
    in_summary : whether it has a column in summary.tsv
    """

    colour: str = "RGB"
    size: int | None = None
    better: Better = "larger"
    in_summary: bool = True


@dataclass(frozen=True)
class ImageMetric(Metric):
    """A score of each image with its own reconstruction.

    Attributes
    ----------
    function : (true, recon), both (n, H, W, 3) on the scale 0-255 -> (n,), NaN where undefined
    legacy : whether it is a variant of earlier papers; not computed for baselines and halves
    noise_ceiling : whether it is a correlation, for which the noise ceiling is known
    """

    legacy: bool = False
    noise_ceiling: bool = False

    def score(self, true: NDArray, recon: NDArray) -> NDArray[np.float64]:
        """Score every image: (n,).

        Raises
        ------
        InputError
            If the function does not return one number for each image.
        """
        values = np.asarray(self.load()(true, recon), np.float64)
        if values.shape != (len(true),):
            raise InputError(
                f"{self.function} returned shape {values.shape}, expected ({len(true)},)"
            )
        return values


@dataclass(frozen=True)
class VectorMetric(Metric):
    """Identification of reconstructions by a vector of each image.

    Attributes
    ----------
    function : (n, H, W, 3) images, 0-255 -> (n, ...) vectors
    similarity : import path: vectors of true and of reconstructed images -> (n_true, n_recon)
    among_many : whether n-way and top-k identification are computed too
    """

    similarity: str = "deeprecon.stats.correlation:similarity_matrix"
    among_many: bool = False

    def similarities(self, true: NDArray, recon: NDArray) -> NDArray[np.float64]:
        """Similarity of every true and every reconstructed image: (n_true, n_recon)."""
        vectors = self.load()
        found: NDArray[np.float64] = load(self.similarity)(vectors(true), vectors(recon))
        return found


@dataclass(frozen=True)
class BrainMetric(Metric):
    """A score of predicted responses; needs voxels, and an encoding model of the same subject.

    Attributes
    ----------
    function : (measured, predicted), both (n, n_voxels) -> (n,) for "own", (n, n) otherwise
    kind : each image with its own reconstruction, or identification
    """

    kind: Literal["own", "identification"] = "own"


@dataclass(frozen=True)
class NetworkMetric(Metric):
    """A score by a network that is not used in reconstruction; needs a file of weights.

    Attributes
    ----------
    function : (file of weights, **arguments) -> network, which maps images (n, 3, H, W) to
        features (n, ...) or, for the kind "distance", two batches of images to distances (n,)
    kind : identification by features; correlation distance between the features of an image and
        those of its reconstruction; or a distance that the network itself returns
    file : of the weights, in the folder `evaluate.weights`; empty for a user's own function,
        which gets the folder instead
    arguments : further arguments of the function
    package : Python package that must be installed
    mean, sd : mean and SD of each channel, for normalising images on the scale 0-1
    """

    size: int = 224
    kind: Literal["identification", "correlation_distance", "distance"] = "identification"
    file: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    package: str = "torchvision"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # of ImageNet
    sd: tuple[float, float, float] = (0.229, 0.224, 0.225)


_METRICS = "deeprecon.evaluate.metrics"
_SSIM = "deeprecon.evaluate.ssim"
_COLOURS = "deeprecon.evaluate.colours"
_PERCEPTUAL = "deeprecon.evaluate.perceptual"
_BY_DISTANCE = f"{_COLOURS}:similarity_of_distances"
_ALEXNET = "alexnet-owt-7be5be79.pth"

_IMAGE: dict[str, Metric] = {
    "pixel_correlation": ImageMetric(f"{_METRICS}:pixel_correlation", noise_ceiling=True),
    "ssim": ImageMetric(f"{_SSIM}:ssim_grey", "grey"),
    "ssim_rgb": ImageMetric(f"{_SSIM}:ssim_rgb", in_summary=False),
    # Two families of papers report these as "SSIM".
    "ssim_columns": ImageMetric(
        f"{_SSIM}:ssim_columns", "grey", 425, in_summary=False, legacy=True
    ),
    "ssim_425": ImageMetric(f"{_SSIM}:ssim_425", "grey", 425, in_summary=False, legacy=True),
}
# All but the first are controls: how well colour or a blurred image alone identifies.
_VECTOR: dict[str, Metric] = {
    "pixel_identification": VectorMetric(f"{_METRICS}:pixels", among_many=True),
    "luminance_identification": VectorMetric(
        f"{_COLOURS}:mean_luminance", "mean luminance", in_summary=False, similarity=_BY_DISTANCE
    ),
    "colour_identification": VectorMetric(
        f"{_COLOURS}:mean_colour", "mean colour", similarity=_BY_DISTANCE
    ),
    "histogram_identification": VectorMetric(
        f"{_COLOURS}:colour_histogram", "histogram", in_summary=False, similarity=_BY_DISTANCE
    ),
    "blur_identification": VectorMetric(
        f"{_COLOURS}:low_frequencies", "RGB, 4 x 4", in_summary=False
    ),
}
_BRAIN: dict[str, Metric] = {
    "brain_correlation": BrainMetric("deeprecon.evaluate.encoding:brain_correlation"),
    "brain_identification": BrainMetric(
        "deeprecon.stats.correlation:similarity_matrix", kind="identification"
    ),
}
_NETWORK: dict[str, Metric] = {
    "alexnet_2": NetworkMetric(
        f"{_PERCEPTUAL}:torchvision_layer",
        size=256,
        file=_ALEXNET,
        arguments={"name": "alexnet", "layer": "features.4"},
    ),
    "alexnet_5": NetworkMetric(
        f"{_PERCEPTUAL}:torchvision_layer",
        size=256,
        file=_ALEXNET,
        arguments={"name": "alexnet", "layer": "features.11"},
    ),
    "inception": NetworkMetric(
        f"{_PERCEPTUAL}:torchvision_layer",
        size=342,
        file="inception_v3_google-0cc3c7bd.pth",
        arguments={"name": "inception_v3", "layer": "avgpool"},
    ),
    "clip": NetworkMetric(
        f"{_PERCEPTUAL}:clip",
        size=224,
        file="ViT-L-14.pt",
        package="open_clip",
        mean=(0.48145466, 0.4578275, 0.40821073),
        sd=(0.26862954, 0.26130258, 0.27577711),
    ),
    "efficientnet_b1_v1": NetworkMetric(
        f"{_PERCEPTUAL}:torchvision_layer",
        size=255,
        better="smaller",
        kind="correlation_distance",
        file="efficientnet_b1_rwightman-bac287d4.pth",
        arguments={"name": "efficientnet_b1", "layer": "avgpool"},
    ),
    "efficientnet_b1_v2": NetworkMetric(
        f"{_PERCEPTUAL}:torchvision_layer",
        size=255,
        better="smaller",
        kind="correlation_distance",
        file="efficientnet_b1-c27df63c.pth",
        arguments={"name": "efficientnet_b1", "layer": "avgpool"},
    ),
    "swav": NetworkMetric(
        f"{_PERCEPTUAL}:swav",
        size=224,
        better="smaller",
        kind="correlation_distance",
        file="swav_800ep_pretrain.pth.tar",
    ),
    "lpips_alex": NetworkMetric(
        f"{_PERCEPTUAL}:lpips",
        size=256,
        better="smaller",
        kind="distance",
        file=_ALEXNET,
        package="lpips",
        mean=(0.5, 0.5, 0.5),  # to the scale from -1 to 1
        sd=(0.5, 0.5, 0.5),
    ),
    "dreamsim": NetworkMetric(
        f"{_PERCEPTUAL}:dreamsim",
        size=224,
        better="smaller",
        kind="distance",
        file="dreamsim",  # a folder
        package="dreamsim",
        mean=(0.0, 0.0, 0.0),
        sd=(1.0, 1.0, 1.0),
    ),
}
METRICS: dict[str, Metric] = {**_IMAGE, **_VECTOR, **_BRAIN, **_NETWORK}

M = TypeVar("M", bound=Metric)


def metrics_of(kind: type[M]) -> dict[str, M]:
    """The metrics of one class, by name."""
    return {name: one for name, one in METRICS.items() if isinstance(one, kind)}


def network_metric(name: str) -> NetworkMetric:
    """The network metric of a name, or of a user's own `module:function`.

    Raises
    ------
    InputError
        If the name is neither.
    """
    return find(metrics_of(NetworkMetric), name, NetworkMetric, "network metric")


def metric_functions(own: Iterable[str] = ()) -> list[str]:
    """Import paths of all functions that score, and of the user's own among some names."""
    similarities = {one.similarity for one in metrics_of(VectorMetric).values()}
    of_package = sorted({one.function for one in METRICS.values()} | similarities)
    return of_package + [name for name in own if is_import_path(name)]


def available_weights(names: Iterable[str], folder: str) -> list[str]:
    """Files of weights, of the network metrics of these names, that exist in a folder."""
    files = dict.fromkeys(network_metric(name).file for name in names)
    found = [Path(folder, file) for file in files if file]
    return [str(file) for file in found if file.exists()]
