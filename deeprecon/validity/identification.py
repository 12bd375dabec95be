"""Checks of identification: among training images, within categories, by colour and shape."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from deeprecon.stats.bootstrap import bootstrap_ci
from deeprecon.stats.identification import top_k, two_way_identification, two_way_within
from deeprecon.validity.registry import check
from deeprecon.validity.result import Check, graded, not_run, p_words

SIGNIFICANT = 0.05
TOP = 10
MINIMUM_IMAGES = 8  # with 8 images, two among the first ten of 200 are significant
# Share of pairs within categories; an interval from chance to above this means too few images.
TELLS_APART = 0.7


@check("V14", "identification among all training images", "images")
def among_training(rank: NDArray[np.integer], n_candidates: int, about: str = "") -> Check:
    """Whether the true image is among the top ten of {it, all training images} above chance.

    Parameters
    ----------
    rank : (n,) rank of each true image; 1 is the most similar
    n_candidates : number of training images plus one
    """
    if n_candidates <= TOP or not len(rank):
        return not_run(f"{n_candidates} candidates are too few.", about)
    hits = int(top_k(rank, TOP).sum())
    chance = TOP / n_candidates
    p = float(binomtest(hits, len(rank), chance, alternative="greater").pvalue)
    shares = ", ".join(f"top {k}: {top_k(rank, k).mean():.2f}" for k in (1, TOP, 50))
    return graded(
        hits / len(rank),
        fail=p > SIGNIFICANT and len(rank) >= MINIMUM_IMAGES,
        warn=p > SIGNIFICANT,
        threshold=f"above chance, {chance:.3f}",
        sentence=f"Among {n_candidates} images the true one is found ({shares}), {p_words(p)}: "
        + (
            "more than its category is known."
            if p <= SIGNIFICANT
            else "perhaps no more than its category is known."
        ),
        about=about,
    )


def expected_by_category(n_categories: int, within: float) -> float:
    """Pairwise accuracy if the category is always known (Shirakawa et al. 2024).

    It is (1/k) q + (1 - 1/k) for k equally large categories, where q is the accuracy within a
    category (.5 if nothing but the category is known).

    Examples
    --------
    >>> expected_by_category(50, 0.5)
    0.99
    """
    return within / n_categories + (1 - 1 / n_categories)


@check("V19", "identification within categories", "images")
def within_categories(
    similarity: NDArray, repeated_categories: Sequence[str], about: str = ""
) -> Check:
    """Identification against images of the same category.

    Parameters
    ----------
    similarity : (n, n), true by reconstructed images
    repeated_categories : category of each image, some of them shared; "" stands for none
    """
    categories = repeated_categories
    known = [name for name in categories if name]
    n_categories = len(set(known))
    values = two_way_within(similarity, [name or str(i) for i, name in enumerate(categories)])
    values = values[~np.isnan(values)]
    if n_categories < 2 or len(values) < 4:
        return not_run("No category has several images in this set.", about)
    interval = bootstrap_ci(values, 5000)
    overall = float(two_way_identification(similarity).mean())
    return graded(
        interval.estimate,
        fail=interval.low <= 0.5 and interval.high < TELLS_APART,
        warn=interval.low <= 0.5,
        threshold="interval above 0.5",
        sentence=f"Within categories {interval.estimate:.2f} [{interval.low:.2f}, "
        f"{interval.high:.2f}] of pairs are identified; among all pairs {overall:.2f}. Knowing "
        f"the category alone would give {expected_by_category(n_categories, 0.5):.2f}.",
        about=about,
    )


@check("V18", "colour and shape apart", "images")
def colour_and_shape(by_colour: NDArray, by_shape: NDArray, about: str = "") -> Check:
    """Whether both colour and shape of artificial images are identified.

    Parameters
    ----------
    by_colour : (n,) accuracies against images of the same shape in other colours
    by_shape : (n,) accuracies against images of the same colour in other shapes
    """
    defined = [values[~np.isnan(values)] for values in (by_colour, by_shape)]
    if min(len(values) for values in defined) < 2:
        return not_run("No set of coloured shapes.", about)
    low = [bootstrap_ci(values, 5000).low for values in defined]
    means = [float(values.mean()) for values in defined]
    above = [not math.isnan(end) and end > 0.5 for end in low]
    return graded(
        min(means),
        fail=not any(above),
        warn=not all(above),
        threshold="both above 0.5",
        sentence=f"Colours are identified in {means[0]:.2f} of pairs, shapes in {means[1]:.2f}.",
        about=about,
    )
