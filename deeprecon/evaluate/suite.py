"""The scores of a set of images, computed from the metrics in the registry.

Every `Score` contains what is needed to compare it with those of other studies: the size of the
images, their colours, and which side was fixed while the other competed. `VERSION` rises whenever a
change of a definition could change values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from deeprecon.evaluate.registry import ImageMetric, VectorMetric, metrics_of
from deeprecon.evaluate.units import take_units
from deeprecon.evaluate.within import colours_and_shapes
from deeprecon.features.sampled import SampledUnits
from deeprecon.registry import find
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import (
    Fixed,
    n_way,
    ranks_among_training,
    top_k,
    two_way_identification,
    two_way_within,
)

VERSION = 2
N_WAYS = (10, 50)
TOP = (1, 10, 50)


@dataclass(frozen=True)
class Score:
    """One score of a set of images.

    Attributes
    ----------
    metric : name
    direction : "own" for an image with its own reconstruction; otherwise the side that is fixed
        while the other competes, "recon" or "true"
    values : (n,), NaN where undefined
    colour : the part of the images that is compared, such as "RGB" or "grey"
    size : side of the images when they were compared, pixels
    chance : expected value if images and reconstructions are unrelated, NaN if there is none
    similarity : (n, n) for two-way identification, which its test and interval need
    resized : how images were resized from the study's size to `size`, if they were
    """

    metric: str
    direction: str
    values: NDArray[np.float64]
    colour: str
    size: int
    chance: float = float("nan")
    similarity: NDArray[np.float64] | None = field(default=None, repr=False)
    resized: str = ""


def image_scores(
    true: NDArray, recon: NDArray, legacy: bool = True, own: Iterable[str] = ()
) -> Iterator[Score]:
    """Every score of an image with its own reconstruction.

    Parameters
    ----------
    true, recon : (n, H, W, 3) arrays, 0-255
    legacy : whether the legacy variants are computed too
    own : import paths of a user's own metrics, see `ImageMetric`
    """
    known = metrics_of(ImageMetric)
    for name in (*known, *own):
        metric = find(known, name, ImageMetric, "metric")
        if legacy or not metric.legacy:
            size = metric.size or true.shape[1]
            resized = "bilinear" if metric.size else ""
            values = metric.score(true, recon)
            yield Score(name, "own", values, metric.colour, size, resized=resized)


def identification_scores(
    name: str,
    similarity: NDArray[np.float64],
    *,
    colour: str,
    size: int,
    among_many: bool = False,
    resized: str = "",
) -> Iterator[Score]:
    """Two-way identification in both directions and, if `among_many`, n-way identification.

    In n-way identification an image must beat n - 1 competitors; the score is the expectation over
    all draws of competitors.

    Parameters
    ----------
    name : name of the metric
    similarity : (n_true, n_recon)
    colour, size, resized : see `Score`
    """
    describe = partial(Score, colour=colour, size=size, resized=resized)
    for fixed in get_args(Fixed):
        values = two_way_identification(similarity, fixed)
        yield describe(name, fixed, values, chance=0.5, similarity=similarity)
    for n in N_WAYS if among_many else ():
        if n <= len(similarity):
            values = n_way(similarity, n)
            yield describe(f"{name}_{n}way", "recon", values, chance=1 / n)


def top_scores(
    name: str, true: NDArray, recon: NDArray, training: NDArray, *, colour: str, size: int
) -> Iterator[Score]:
    """Whether the true image is among the 1, 10, 50 most similar of {it, all training images}.

    Parameters
    ----------
    name : prefix of the metrics' names
    true, recon : (n, ...)
    training : (m, ...)
    """
    rank = ranks_among_training(recon, true, training)
    n_candidates = 1 + len(training)
    for k in TOP:
        if k < n_candidates:
            values = top_k(rank, k)
            chance = k / n_candidates
            yield Score(f"{name}_top{k}", "recon", values, colour, size, chance)


def apart_scores(
    similarity: NDArray[np.float64], categories: Sequence[str], size: int
) -> Iterator[Score]:
    """Identification among images of the same shape (colours), and of the same colour (shapes)."""
    parts = colours_and_shapes(categories)
    if parts is None:
        return
    colours, shapes = parts
    for what, same in (("colour", shapes), ("shape", colours)):
        values = two_way_within(similarity, same)
        yield Score(f"pixel_identification_of_{what}", "recon", values, "RGB", size, chance=0.5)


def pixel_scores(
    true: NDArray,
    recon: NDArray,
    *,
    training: NDArray | None = None,
    categories: Sequence[str] = (),
    legacy: bool = True,
    own: Iterable[str] = (),
) -> Iterator[Score]:
    """Every score that needs no network; identification needs at least two images.

    Parameters
    ----------
    true, recon : (n, H, W, 3) arrays, 0-255
        Image i of one belongs to image i of the other.
    training : (m, H, W, 3), optional
        Images that decoders were trained with, for identification among all of them.
    categories : category of each of the n images; for coloured shapes, colour and shape are also
        scored separately
    legacy, own : see `image_scores`
    """
    yield from image_scores(true, recon, legacy, own)
    if len(true) < 2:
        return
    size = true.shape[1]
    for name, metric in metrics_of(VectorMetric).items():
        similarity = metric.similarities(true, recon)
        yield from identification_scores(
            name, similarity, colour=metric.colour, size=size, among_many=metric.among_many
        )
        if metric.among_many:
            yield from apart_scores(similarity, categories, size)
    if training is not None:
        yield from top_scores("pixel", true, recon, training, colour="RGB", size=size)


def feature_scores(
    true: Mapping[str, NDArray],
    recon: Mapping[str, NDArray],
    training: SampledUnits | None = None,
    *,
    network: str,
    size: int,
) -> Iterator[Score]:
    """Identification in the layers of a network.

    Parameters
    ----------
    true, recon : layer -> (n, *unit_shape)
    training : SampledUnits, optional
        Sampled features of the training images, for identification among all of them.
    network : its name
    size : side of the images, pixels
    """
    for layer, values in true.items() if len(next(iter(true.values()))) > 1 else ():
        colour = f"{network} {layer}"
        similarity = similarity_matrix(values, recon[layer])
        yield from identification_scores(
            f"identification_{layer}",
            similarity,
            colour=colour,
            size=size,
            among_many=True,
        )
        if training is not None:
            units = training.units[layer]
            own, found = (take_units(part, units) for part in (values, recon[layer]))
            yield from top_scores(
                layer, own, found, training.features[layer], colour=f"{colour}, sampled", size=size
            )
