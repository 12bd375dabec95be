"""Identification: is an image more similar to its own partner than to competitors?

Two-way identification saturates: with 50 categories, knowing only the category is enough for .99 of
the pairs. The rank among many candidates does not saturate.
"""

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.stats.correlation import similarity_matrix

Fixed = Literal["recon", "true"]

CHUNK = 256  # training images compared at once


def identification_pairs(similarity: NDArray, fixed: Fixed = "recon") -> NDArray[np.bool_]:
    """Whether each image's own partner beats each competitor.

    Parameters
    ----------
    similarity, fixed
        See `two_way_identification`.

    Returns
    -------
    (n, n) bool array
        Element [i, j]: for the fixed image j, its own partner beats competitor i. False on the
        diagonal.
    """
    n = len(similarity)
    if similarity.shape != (n, n):
        raise InputError(f"similarity has shape {similarity.shape}, expected (n, n), own on i = j")
    if n < 2:
        raise InputError(f"two-way identification needs at least two images, found {n}")
    if fixed not in ("recon", "true"):
        raise InputError(f"fixed is {fixed!r}, expected 'recon' or 'true'")
    columns = similarity if fixed == "recon" else similarity.T
    return (columns < np.diagonal(similarity)) & ~np.eye(n, dtype=bool)


def two_way_identification(similarity: NDArray, fixed: Fixed = "recon") -> NDArray[np.float64]:
    """Share of competitors that each image's own partner beats; chance is 0.5.

    Parameters
    ----------
    similarity : (n, n) array
        Element [i, j]: similarity of true image i and reconstruction j.
    fixed : {"recon", "true"}
        "recon": each reconstruction is compared with its own and with every other true image, as
        in Shen et al. (2019), bdpy and MindEye. "true": each true image is compared with its own
        and with every other reconstruction. The two differ; say which one is reported.

    Returns
    -------
    (n,) array
        A competitor is beaten if it is strictly less similar; ties and NaN count as not beaten.

    Raises
    ------
    InputError
        If the matrix is not square or has fewer than two images.

    Examples
    --------
    >>> two_way_identification(np.array([[0.9, 0.3], [0.5, 0.2]]))
    array([1., 0.])
    """
    beaten: NDArray[np.intp] = identification_pairs(similarity, fixed).sum(axis=0)
    return beaten / (len(similarity) - 1)


def two_way_within(
    similarity: NDArray, labels: Sequence[Hashable], fixed: Fixed = "recon"
) -> NDArray[np.float64]:
    """Two-way identification in which only images with the same label compete; chance is 0.5.

    Parameters
    ----------
    similarity, fixed
        See `two_way_identification`.
    labels : label of each of the n images

    Returns
    -------
    (n,) array
        NaN for an image that is the only one with its label.

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


def n_way(similarity: NDArray, n: int, fixed: Fixed = "recon") -> NDArray[np.float64]:
    """Probability that each image's own partner beats n - 1 competitors drawn at random.

    The probability is exact, over all draws without replacement: C(beaten, n - 1) /
    C(competitors, n - 1). Published n-way scores are means over draws, some of them unseeded.

    Parameters
    ----------
    similarity, fixed
        See `two_way_identification`, which is the case n = 2.
    n : number of candidates: the image's partner and its competitors

    Returns
    -------
    (n_images,) array
        Ties and NaN count as not beaten. NaN where there are fewer than n - 1 competitors. Chance
        is 1 / n.

    Raises
    ------
    InputError
        If n is below 2, or see `two_way_identification`.

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.1, 0.2], [0.3, 0.5, 0.6], [0.2, 0.4, 0.7]])
    >>> n_way(similarity, 2), n_way(similarity, 3)
    (array([1., 1., 1.]), array([1., 1., 1.]))
    """
    if n < 2:
        raise InputError(f"n-way identification of {n} candidates, expected at least 2")
    beaten = identification_pairs(similarity, fixed).sum(axis=0)
    competitors = len(similarity) - 1
    if competitors < n - 1:
        return np.full(len(similarity), np.nan)
    # C(beaten, n - 1) / C(competitors, n - 1) as a product, because both overflow for 1,200 images.
    drawn = np.arange(n - 1)[:, None]
    chances: NDArray[np.float64] = np.maximum(beaten - drawn, 0) / (competitors - drawn)
    return chances.prod(axis=0)


def ranks(own: ArrayLike, others: NDArray) -> NDArray[np.intp]:
    """Rank of each image's own candidate among all candidates; 1 is the most similar.

    Parameters
    ----------
    own : (n,) similarity of each image to its own candidate
    others : (n, m) similarity to the other candidates

    Returns
    -------
    (n,) array
        Ties count against the image's own candidate. It gets the last rank if its similarity is
        NaN. Other candidates with NaN count as more similar, because nothing shows that they are
        not.

    Examples
    --------
    >>> ranks([0.5, 0.5, np.nan], np.array([[0.1, 0.2], [0.5, 0.9], [0.1, 0.2]]))
    array([1, 3, 3])
    """
    own = np.asarray(own, dtype=np.float64)
    if others.ndim != 2 or own.shape != others.shape[:1]:
        raise InputError(f"own has shape {own.shape} and others {others.shape}, expected (n, m)")
    rank: NDArray[np.intp] = 1 + (~(others < own[:, None])).sum(axis=1)
    return rank


def ranks_among_training(recon: NDArray, true: NDArray, training: NDArray) -> NDArray[np.intp]:
    """Rank of the true image among {it, all training images}, by Pearson correlation: (n,).

    This is the zero-shot identification of Shirakawa et al. (2024): a method that reproduces its
    training data ranks training images first.

    Parameters
    ----------
    recon, true : (n, ...) images or features
    training : (m, ...)
        Converted to float64 in chunks: 8,000 images of 150,000 values would take 10 GB.
    """
    own = np.array(
        [similarity_matrix(a[None], b[None])[0, 0] for a, b in zip(true, recon, strict=True)]
    )
    starts = range(0, len(training), CHUNK)
    others = [similarity_matrix(training[i : i + CHUNK], recon).T for i in starts]
    return ranks(own, np.hstack(others))


def top_k(rank: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """1 where the own candidate is among the first k, else 0.

    Examples
    --------
    >>> top_k(np.array([1, 3, 2]), 2)
    array([1., 0., 1.])
    """
    if k < 1:
        raise InputError(f"top {k}, expected at least 1")
    return (rank <= k).astype(np.float64)
