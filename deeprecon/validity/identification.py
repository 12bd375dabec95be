"""Checks of what identification means: among training images, within categories, by shape."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from deeprecon.stats.bootstrap import bootstrap_ci
from deeprecon.stats.identification import top_k, two_way_identification, two_way_within
from deeprecon.validity.result import Check, graded, not_run, p_words

SIGNIFICANT = 0.05
TOP = 10
ENOUGH = 8  # images: of so many, two in the first ten of 200 would be significant
# Of pairs within categories: an interval from chance to above it means that there are too few.
TELLS_APART = 0.7


def among_training(place: NDArray[np.integer], n_candidates: int, about: str = "") -> Check:
    """V14: is the true image among the first ten of {it, all training images} above chance.

    Parameters
    ----------
    place : (n,) rank of the true image, from 1
    n_candidates : number of training images, and one
    """
    if n_candidates <= TOP or not len(place):
        return not_run("V14", f"{n_candidates} candidates are too few.", about)
    hits = int(top_k(place, TOP).sum())
    chance = TOP / n_candidates
    p = float(binomtest(hits, len(place), chance, alternative="greater").pvalue)
    shares = ", ".join(f"top {k}: {top_k(place, k).mean():.2f}" for k in (1, TOP, 50))
    return graded(
        "V14",
        hits / len(place),
        fail=p > SIGNIFICANT and len(place) >= ENOUGH,
        warn=p > SIGNIFICANT,
        threshold=f"above chance, {chance:.3f}",
        sentence=f"Among {n_candidates} images the true one is found ({shares}), {p_words(p)}: "
        + ("more than its kind is known." if p <= SIGNIFICANT else "the kind may be all there is."),
        about=about,
    )


def expected_by_category(n_categories: int, within: float) -> float:
    """Pairwise accuracy if the category is always known: (1/k) q + (1 - 1/k).

    Of k equally large categories; q is the accuracy within a category (.5 if nothing but the
    category is known). Shirakawa et al. (2024).

    Examples
    --------
    >>> expected_by_category(50, 0.5)
    0.99
    """
    return within / n_categories + (1 - 1 / n_categories)


def within_categories(similarity: NDArray, categories: Sequence[str], about: str = "") -> Check:
    """V19: identification against images of the same category.

    Parameters
    ----------
    similarity : (n, n)
    categories : of the n images; "" is none
    """
    known = [name for name in categories if name]
    n_categories = len(set(known))
    values = two_way_within(similarity, [name or str(i) for i, name in enumerate(categories)])
    values = values[~np.isnan(values)]
    if n_categories < 2 or len(values) < 4:
        return not_run("V19", "No category has several images of this set.", about)
    interval = bootstrap_ci(values, 5000)
    overall = float(two_way_identification(similarity).mean())
    return graded(
        "V19",
        interval.estimate,
        fail=interval.low <= 0.5 and interval.high < TELLS_APART,
        warn=interval.low <= 0.5,
        threshold="interval above 0.5",
        sentence=f"Within categories {interval.estimate:.2f} [{interval.low:.2f}, "
        f"{interval.high:.2f}] of pairs are identified. Of all pairs it is {overall:.2f}; knowing "
        f"the category alone would give {expected_by_category(n_categories, 0.5):.2f}.",
        about=about,
    )


def colour_and_shape(colour: NDArray, shape: NDArray, about: str = "") -> Check:
    """V18: artificial shapes, by decoders of natural images: colour and shape told apart.

    Parameters
    ----------
    colour : (n,) accuracies against images of the same shape in other colours
    shape : (n,) accuracies against images of the same colour in other shapes
    """
    defined = [values[~np.isnan(values)] for values in (colour, shape)]
    if min(len(values) for values in defined) < 2:
        return not_run("V18", "No set of coloured shapes.", about)
    low = [bootstrap_ci(values, 5000).low for values in defined]
    means = [float(values.mean()) for values in defined]
    above = [not math.isnan(end) and end > 0.5 for end in low]
    return graded(
        "V18",
        min(means),
        fail=not any(above),
        warn=not all(above),
        threshold="both above 0.5",
        sentence=f"Colours are told apart in {means[0]:.2f} of pairs, shapes in {means[1]:.2f}.",
        about=about,
    )
