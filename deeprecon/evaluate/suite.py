"""Which scores there are, and how each is defined: computed for a set of pictures at once.

Scores come as `Score`s, each with what it takes to compare it with another study's: the pixels
that images had, their colours, and what was fixed while the others competed. `VERSION` rises
whenever a definition changes such that values could.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from deeprecon.evaluate.colours import (
    colour_histogram,
    low_frequencies,
    mean_colour,
    mean_luminance,
    similarity_of_distances,
)
from deeprecon.evaluate.metrics import pixel_correlation
from deeprecon.evaluate.ssim import ssim_425, ssim_columns, ssim_grey, ssim_rgb
from deeprecon.evaluate.within import colours_and_shapes
from deeprecon.features.sampled import SampledUnits
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

Similarity = Callable[[NDArray, NDArray], NDArray[np.float64]]


@dataclass(frozen=True)
class Score:
    """One score of a set of pictures.

    Attributes
    ----------
    metric : name
    direction : "own": an image with its own reconstruction; else what is fixed while the others
        compete, "recon" or "true"
    values : (n,), NaN where it is not defined
    colour : what of the images is compared, such as "RGB" or "grey"
    size : pixels that images had when they were compared
    chance : expected value without any relation, NaN where there is none
    similarity : (n, n), of two-way identification, for its test and its interval
    resized : how images were brought to `size` from the study's size, if they were
    """

    metric: str
    direction: str
    values: NDArray[np.float64]
    colour: str
    size: int
    chance: float = float("nan")
    similarity: NDArray[np.float64] | None = field(default=None, repr=False)
    resized: str = ""


@dataclass(frozen=True)
class _OfImages:
    """A score of an image with its own reconstruction."""

    name: str
    score: Callable[[NDArray, NDArray], NDArray[np.float64]]
    colour: str
    size: int | None = None  # that of the images, if None


IMAGE_SCORES = (
    _OfImages("pixel_correlation", pixel_correlation, "RGB"),
    _OfImages("ssim", ssim_grey, "grey"),
    _OfImages("ssim_rgb", ssim_rgb, "RGB"),
)
# What two families of papers report as "SSIM".
LEGACY_SCORES = (
    _OfImages("ssim_columns", ssim_columns, "grey", 425),
    _OfImages("ssim_425", ssim_425, "grey", 425),
)


@dataclass(frozen=True)
class Space:
    """Vectors of images, in which reconstructions are identified.

    Attributes
    ----------
    name : of the scores
    vectors : (n, H, W, 3) images -> (n, ...)
    similarity : of true and reconstructed vectors -> (n_true, n_recon)
    colour : what of the images it is made of
    among_many : whether n-way and top-k identification are scored too
    """

    name: str
    vectors: Callable[[NDArray], NDArray]
    similarity: Similarity
    colour: str
    among_many: bool = False


# All but the first are controls: how far a colour, or a blur, goes by itself.
SPACES = (
    Space("pixel_identification", lambda images: images, similarity_matrix, "RGB", True),
    Space("luminance_identification", mean_luminance, similarity_of_distances, "mean luminance"),
    Space("colour_identification", mean_colour, similarity_of_distances, "mean colour"),
    Space("histogram_identification", colour_histogram, similarity_of_distances, "histogram"),
    Space("blur_identification", low_frequencies, similarity_matrix, "RGB, 4 x 4"),
)


def image_scores(true: NDArray, recon: NDArray, legacy: bool = True) -> Iterator[Score]:
    """Every score of an image with its own reconstruction, of (n, H, W, 3) arrays, 0-255."""
    for one in IMAGE_SCORES + (LEGACY_SCORES if legacy else ()):
        size = one.size or true.shape[1]
        resized = "bilinear" if one.size else ""
        yield Score(one.name, "own", one.score(true, recon), one.colour, size, resized=resized)


def identification_scores(
    name: str,
    similarity: NDArray[np.float64],
    *,
    colour: str,
    size: int,
    among_many: bool = False,
    resized: str = "",
) -> Iterator[Score]:
    """Two-way identification in both directions and, if asked for, n-way.

    n-way: the own image must beat n - 1 competitors; expected over all that could be drawn.
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
    """Is the true image among the 1, 10, 50 most similar of {it, all training images}?

    Parameters
    ----------
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
    """Of coloured shapes: are colours of one shape told apart, and shapes of one colour."""
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
) -> Iterator[Score]:
    """Every score that needs no network; of one image alone, no identification.

    Parameters
    ----------
    true, recon : (n, H, W, 3) arrays, 0-255
        Image i of one belongs to image i of the other.
    training : (m, H, W, 3), optional
        Images that decoders were trained with, for identification among all of them.
    categories : of the n images; of coloured shapes, both are scored apart
    legacy : whether the variants of SSIM are wanted
    """
    yield from image_scores(true, recon, legacy)
    if len(true) < 2:
        return
    size = true.shape[1]
    for space in SPACES:
        similarity = space.similarity(space.vectors(true), space.vectors(recon))
        yield from identification_scores(
            space.name,
            similarity,
            colour=space.colour,
            size=size,
            among_many=space.among_many,
        )
        if space.among_many:
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
        Of the training images, for identification among all of them, in these units.
    network : its name, for the record
    size : pixels that images had
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
            place = training.units[layer].place
            own, found = (part.reshape(len(part), -1)[:, place] for part in (values, recon[layer]))
            yield from top_scores(
                layer, own, found, training.features[layer], colour=f"{colour}, sampled", size=size
            )
