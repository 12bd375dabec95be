"""Checks of the reconstructions of one set by one method."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Imported to register their checks.
import deeprecon.validity.identification
import deeprecon.validity.images  # noqa: F401
from deeprecon.evaluate.colours import mean_colour, similarity_of_distances
from deeprecon.evaluate.metrics import pixel_correlation
from deeprecon.evaluate.within import colours_and_shapes
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import (
    ranks_among_training,
    two_way_identification,
    two_way_within,
)
from deeprecon.validity.registry import run_checks
from deeprecon.validity.result import Check

Images = NDArray[np.uint8]

COMPARED = ("shuffled_features", "nearest_training")


def check_set(
    true: Images,
    recon: Images,
    training: Images,
    baselines: Mapping[str, Images],
    *,
    shown: Sequence[Images],
    keys: Mapping[str, str],
    from_true_features: Images | None = None,
    categories: Sequence[str] = (),
    seed: int = 0,
    own: Sequence[str] = (),
) -> list[Check]:
    """Run all checks of images, and a user's own.

    A check may ask for any parameter of this function but `keys` and `own`, and for `similarity`,
    the (n, n) pixel correlation of every true and every reconstructed image.

    Parameters
    ----------
    true, recon : (n, H, W, 3), 0-255
    training : (m, H, W, 3) training images
    baselines : baseline -> (n, H, W, 3), see `evaluate.baselines`
    shown : the n images in the PNG files
    keys : subject, roi, method and set
    from_true_features : (n, H, W, 3) reconstructions from true features, if there are any
    categories : category of each image, if known
    seed : seed of random checks
    own : import paths of a user's own checks
    """
    similarity = similarity_matrix(true, recon)
    known: dict[str, Any] = {
        "true": true, "recon": recon, "training": training, "baselines": baselines,
        "shown": shown, "from_true_features": from_true_features, "categories": categories,
        "seed": seed, "similarity": similarity,
    }  # fmt: skip
    known |= _scores(true, recon, baselines, similarity, from_true_features)
    known |= _within(similarity, categories)
    known["rank"] = ranks_among_training(recon, true, training)
    known["n_candidates"] = 1 + len(training)
    return run_checks("images", keys, known, own)


def _scores(
    true: Images,
    recon: Images,
    baselines: Mapping[str, Images],
    similarity: NDArray[np.float64],
    from_true_features: Images | None,
) -> dict[str, Any]:
    """Scores that the checks compare."""
    compared = {name: baselines[name] for name in COMPARED if name in baselines}
    correlations = {
        name: pixel_correlation(true, images)
        for name, images in ({"reconstruction": recon} | compared).items()
    }
    colour = similarity_of_distances(mean_colour(true), mean_colour(recon))
    found = None
    if from_true_features is not None:
        found = _accuracy(similarity_matrix(true, from_true_features))
    return {
        "correlations": correlations,
        "pixel_accuracy": _accuracy(similarity),
        "colour_accuracy": _accuracy(colour),
        "true_features_accuracy": found,
    }


def _accuracy(similarity: NDArray[np.float64]) -> float:
    """Mean two-way identification; NaN for a single image."""
    return float(two_way_identification(similarity).mean()) if len(similarity) > 1 else np.nan


def _within(similarity: NDArray[np.float64], categories: Sequence[str]) -> dict[str, Any]:
    """Categories if some are shared, and accuracies by colour and by shape of coloured shapes."""
    repeated = len(set(categories)) < len([name for name in categories if name])
    by_colour = by_shape = None
    if (parts := colours_and_shapes(categories)) is not None:
        colours, shapes = parts
        by_colour, by_shape = (two_way_within(similarity, same) for same in (shapes, colours))
    return {
        "repeated_categories": categories if repeated else None,
        "by_colour": by_colour,
        "by_shape": by_shape,
    }


def read_shown(folder: str | os.PathLike[str], stimulus_id: Sequence[str]) -> list[Images]:
    """Read the images in `{folder}/{stimulus_id}.png`."""
    return [np.asarray(Image.open(Path(folder, f"{name}.png"))) for name in stimulus_id]
