"""Model observers: formulas that answer the very trials that raters are given.

A model observer chooses the picture that is more similar, by its own measure, to the one on top:
correlation of pixels, distance of mean colours, correlation of features in a layer of the study's
network, and so on, each as `deeprecon.evaluate.suite` defines it. It is no person: it has one
opinion on every pair, does not tire, and, if it looks at the features from which pictures were
made, is no independent judge. What it says is always labelled as a model observer's.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.evaluate.suite import SPACES
from deeprecon.judge.study import pictures_of
from deeprecon.stats.correlation import similarity_matrix

Shown = tuple[str, ...]
"""("original", set) or ("recon", subject, roi, method, set)."""
Similarities = Mapping[Shown, NDArray[np.float64]]

PREFIX = "observer"


def observer_similarities(
    true: NDArray,
    pictures: NDArray,
    true_features: Mapping[str, NDArray],
    features: Mapping[str, NDArray],
) -> dict[str, NDArray[np.float64]]:
    """How similar each observer finds each original and each picture.

    Parameters
    ----------
    true : (n, H, W, 3) arrays, 0-255
        The originals of a set.
    pictures : (m, H, W, 3) arrays, 0-255
        Reconstructions, or the originals again.
    true_features, features : layer -> (n, *unit_shape), (m, *unit_shape)

    Returns
    -------
    dict
        Name of the observer -> (n, m), larger is more alike.
    """
    found = {
        f"{PREFIX}-{space.name.removesuffix('_identification')}": space.similarity(
            space.vectors(true), space.vectors(pictures)
        )
        for space in SPACES
    }
    for layer, values in true_features.items():
        found[f"{PREFIX}-{layer}"] = similarity_matrix(values, features[layer])
    return found


def observe(
    key: pd.DataFrame,
    similarities: Mapping[str, Similarities],
    stimuli: Mapping[str, list[str]],
    seed: int,
) -> pd.DataFrame:
    """Answers of model observers to all trials of a study.

    Parameters
    ----------
    key : DataFrame of `deeprecon.judge.study.read_key`
    similarities : observer -> pictures -> (n, m) similarity of originals and pictures
    stimuli : set -> ids, in the order of rows and columns
    seed : of the coin that decides where both are equally similar, or a similarity is undefined

    Returns
    -------
    DataFrame
        The columns of the key and rater (the observer's name), response ("left" or "right"),
        chose_target and tie; a row for each observer and trial. A repeat is answered anew: only
        a coin can change the answer.

    Raises
    ------
    InputError
        If the similarities lack pictures of a trial.
    """
    place = {(name, own): i for name, ids in stimuli.items() for i, own in enumerate(ids)}
    pairs = [tuple(_cells(row, place)) for row in key.itertuples()]
    tables = []
    for number, (observer, of) in enumerate(similarities.items()):
        rng = np.random.default_rng([seed, number])
        try:
            target, foil = (
                np.array([of[pair[side][0]][pair[side][1:]] for pair in pairs]) for side in (0, 1)
            )
        except KeyError as error:
            raise InputError(f"{observer}: no similarities of {error.args[0]}") from None
        tie = ~((target > foil) | (target < foil))
        chose = np.where(tie, rng.integers(0, 2, len(key)).astype(bool), target > foil)
        left = chose == (key["target_side"] == "left").to_numpy()
        answers = key.assign(
            rater=observer, response=np.where(left, "left", "right"), chose_target=chose, tie=tie
        )
        tables.append(answers)
    return pd.concat(tables, ignore_index=True)


def _cells(trial: object, place: Mapping[tuple[str, str], int]) -> Iterator[tuple[Shown, int, int]]:
    """Pictures, row and column of the similarity of the top picture to target and to foil."""
    top, *below = pictures_of(trial)
    for candidate in below:
        # One of the two is an original; reconstructions are columns.
        original, other = (top, candidate) if top[0] == "original" else (candidate, top)
        shown = (other[0], *other[1:-1])
        yield shown, place[original[1], original[2]], place[other[-2], other[-1]]
