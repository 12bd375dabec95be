"""Identification against some of the others alone: of the same category, shape or colour."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from deeprecon.data.stimuli import COLOURS, SHAPES
from deeprecon.errors import InputError
from deeprecon.evaluate.metrics import Fixed, two_way_identification


def two_way_within(
    similarity: NDArray, labels: Sequence[Hashable], fixed: Fixed = "recon"
) -> NDArray[np.float64]:
    """Two-way identification in which only images of one label compete; chance is 0.5.

    Parameters
    ----------
    similarity, fixed
        As for `two_way_identification`.
    labels : of the n images

    Returns
    -------
    (n,) array
        NaN for an image that is the only one of its label.

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.3, 0.1], [0.5, 0.2, 0.1], [0.1, 0.1, 0.8]])
    >>> two_way_within(similarity, ["a", "a", "b"])
    array([ 1.,  0., nan])
    """
    if len(labels) != len(similarity):
        raise InputError(f"{len(labels)} labels for {len(similarity)} images")
    values = np.full(len(similarity), np.nan)
    for label in dict.fromkeys(labels):
        rows = [i for i, other in enumerate(labels) if other == label]
        if len(rows) > 1:
            values[rows] = two_way_identification(similarity[np.ix_(rows, rows)], fixed)
    return values


def colours_and_shapes(categories: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """Colour and shape of each image of a set, if all are coloured shapes as in ds001506.

    Examples
    --------
    >>> colours_and_shapes(["red_square", "blue_+"])
    (['red', 'blue'], ['square', '+'])
    >>> colours_and_shapes(["red_square", "A"]) is None
    True
    """
    parts = [str(name).partition("_") for name in categories]
    if not parts or any(a not in COLOURS or b not in SHAPES for a, _, b in parts):
        return None
    return [colour for colour, _, _ in parts], [shape for _, _, shape in parts]
