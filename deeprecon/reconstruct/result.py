"""The result of a reconstruction: images, and the history of the search."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Reconstruction:
    """Reconstructed images and the history of the search.

    Attributes
    ----------
    images : (n, size, size, 3) uint8, RGB, as displayed
    raw : (n, size, size, 3) float32, RGB, about 0-255, before clipping and rounding
    loss : (n_evaluations, n) float32, of the start that each image keeps
    layer_loss : layer -> (n,) `losses.relative` of the final images, whatever loss was minimised
    start : (n,) index of the random start that each image keeps
    snapshots : (n_times, n_snapshot, size, size, 3) uint8, as displayed: a fixed sample of the
        images during the search
    snapshot_evaluation : (n_times,) number of evaluations before each snapshot
    snapshot_rows : (n_snapshot,) rows of the sampled images
    """

    images: NDArray[np.uint8]
    raw: Array
    loss: Array
    layer_loss: dict[str, Array]
    start: NDArray[np.int64]
    snapshots: NDArray[np.uint8]
    snapshot_evaluation: NDArray[np.int64]
    snapshot_rows: NDArray[np.int64]


def no_images(layers: Sequence[str], size: int) -> Reconstruction:
    """The result for an empty set, such as halves of the repetitions of images shown once.

    Examples
    --------
    >>> no_images(["conv"], 32).images.shape
    (0, 32, 32, 3)
    """
    blank, none = np.zeros((0, size, size, 3), np.uint8), np.zeros(0, np.int64)
    return Reconstruction(
        images=blank,
        raw=blank.astype(np.float32),
        loss=np.zeros((1, 0), np.float32),
        layer_loss={layer: np.zeros(0, np.float32) for layer in layers},
        start=none,
        snapshots=blank[None],
        snapshot_evaluation=np.zeros(1, np.int64),
        snapshot_rows=none,
    )


def displayed(raw: Array, display: str) -> NDArray[np.uint8]:
    """Images (n, size, size, 3) as they are displayed.

    Parameters
    ----------
    raw : (n, size, size, 3)
    display : clip: clipped to 0-255; percentile: the 2nd and 98th percentile of each image become
        0 and 255, as in Shen et al. 2019. An image without contrast is clipped.
    """
    clipped = np.clip(np.rint(raw), 0, 255).astype(np.uint8)
    if display == "clip":
        return clipped
    low, high = np.percentile(raw, [2, 98], axis=(1, 2, 3), keepdims=True)
    span = np.where(high > low, high - low, 1)
    stretched = (np.clip(raw, low, high) - low) * (255 / span)
    return np.where(high > low, stretched.astype(np.uint8), clipped)
