"""Identification among many: n candidates, or all training images.

Two-way identification saturates: who knows the category alone is right in .99 of pairs of 50
categories. The rank among many candidates does not.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.evaluate.metrics import Fixed, Groups, identification_pairs, similarity_matrix

CHUNK = 256  # training images at once


def n_way(
    similarity: NDArray, n: int, fixed: Fixed = "recon", groups: Groups = None
) -> NDArray[np.float64]:
    """Probability that each image's own partner beats n - 1 competitors drawn at random.

    Exact, over all draws without replacement: C(beaten, n - 1) / C(competitors, n - 1). Published
    n-way scores are means over draws, not all of them seeded.

    Parameters
    ----------
    similarity, fixed, groups
        As for `two_way_identification`, which this is for n = 2.
    n : candidates, own image and competitors

    Returns
    -------
    (n_images,) array
        Ties and NaN count as not beaten. NaN where there are fewer than n - 1 competitors. Chance
        is 1 / n.

    Raises
    ------
    InputError
        If n is below 2, or as `two_way_identification`.

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.1, 0.2], [0.3, 0.5, 0.6], [0.2, 0.4, 0.7]])
    >>> n_way(similarity, 2), n_way(similarity, 3)
    (array([1., 1., 1.]), array([1., 1., 1.]))
    """
    if n < 2:
        raise InputError(f"n-way identification of {n} candidates, expected at least 2")
    won, competes = identification_pairs(similarity, fixed, groups)
    beaten, rivals = won.sum(axis=0), competes.sum(axis=0)
    # C(beaten, n - 1) / C(rivals, n - 1) as a product: of 1,200 images both overflow.
    drawn = np.arange(n - 1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        chances = np.maximum(beaten - drawn, 0) / (rivals - drawn)
    return np.where(rivals >= n - 1, chances.prod(axis=0), np.nan)


def ranks(own: ArrayLike, others: NDArray) -> NDArray[np.intp]:
    """Place of the own candidate among all, from 1.

    Parameters
    ----------
    own : (n,) similarity of each image to its own candidate
    others : (n, m) similarity to the other candidates

    Returns
    -------
    (n,) array
        Ties count against the own candidate. If its similarity is NaN it is the last; others that
        are NaN count as better, since nothing shows that they are beaten.

    Examples
    --------
    >>> ranks([0.5, 0.5, np.nan], np.array([[0.1, 0.2], [0.5, 0.9], [0.1, 0.2]]))
    array([1, 3, 3])
    """
    own = np.asarray(own, dtype=np.float64)
    if others.ndim != 2 or own.shape != others.shape[:1]:
        raise InputError(f"own has shape {own.shape} and others {others.shape}, expected (n, m)")
    place: NDArray[np.intp] = 1 + (~(others < own[:, None])).sum(axis=1)
    return place


def ranks_among_training(recon: NDArray, true: NDArray, training: NDArray) -> NDArray[np.intp]:
    """Place of the true image among {it, all training images}, by Pearson correlation: (n,).

    The zero-shot identification of Shirakawa et al. (2024): a method that gives back what it was
    trained with finds training images first.

    Parameters
    ----------
    recon, true : (n, ...) images or features
    training : (m, ...)
        A few at a time are brought to float64: 8,000 images of 150,000 values are 10 GB.
    """
    own = np.array(
        [similarity_matrix(a[None], b[None])[0, 0] for a, b in zip(true, recon, strict=True)]
    )
    starts = range(0, len(training), CHUNK)
    others = [similarity_matrix(training[i : i + CHUNK], recon).T for i in starts]
    return ranks(own, np.hstack(others))


def top_k(place: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """1 where the own candidate is among the first k, else 0.

    Examples
    --------
    >>> top_k(np.array([1, 3, 2]), 2)
    array([1., 0., 1.])
    """
    if k < 1:
        raise InputError(f"top {k}, expected at least 1")
    return (place <= k).astype(np.float64)
