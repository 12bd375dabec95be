"""Model observers: formulas that answer the same trials as raters.

A model observer chooses the picture that is, by its own measure, more similar to the one on top:
by correlation of pixels, distance of mean colours, correlation of features in a layer of the
study's network, and so on, as defined in `deeprecon.evaluate.suite`. It is not a person: it always
gives the same answer to the same pictures and does not tire. If it compares the features from
which the pictures were reconstructed, it is not an independent judge. Its answers are always
labelled as those of a model observer.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.errors import InputError
from deeprecon.evaluate.registry import VectorMetric, metrics_of
from deeprecon.judge.study import pictures_of
from deeprecon.reconstruct.store import read_images
from deeprecon.stats.correlation import similarity_matrix

Shown = tuple[str, ...]
"""("original", set) or ("recon", subject, roi, method, set)."""
Similarities = Mapping[Shown, NDArray[np.float64]]


def observer_similarities(
    true: NDArray,
    pictures: NDArray,
    true_features: Mapping[str, NDArray],
    features: Mapping[str, NDArray],
) -> dict[str, NDArray[np.float64]]:
    """Similarity of each original to each picture, by the measure of each observer.

    Parameters
    ----------
    true : (n, H, W, 3) array, 0-255
        The originals of a set.
    pictures : (m, H, W, 3) array, 0-255
        Reconstructions, or the originals themselves.
    true_features, features : layer -> (n, *unit_shape), (m, *unit_shape)

    Returns
    -------
    dict
        Name of the observer -> (n, m); larger is more similar.
    """
    found = {
        name.removesuffix("_identification"): metric.similarities(true, pictures)
        for name, metric in metrics_of(VectorMetric).items()
    }
    for layer, values in true_features.items():
        found[layer] = similarity_matrix(values, features[layer])
    return {f"observer-{name}": values for name, values in found.items()}


def study_similarities(
    targets: Sequence[str],
    results: Sequence[str],
    tables: Sequence[str],
    features: Callable[[NDArray], Mapping[str, NDArray]],
    image: Mapping[str, Any],
) -> tuple[dict[str, dict[Shown, NDArray[np.float64]]], dict[str, list[str]]]:
    """The similarities of all originals and reconstructions that are judged.

    Parameters
    ----------
    targets : "subject/roi/method/set" of each result
    results : files of reconstructions
    tables : stimulus table of each set, named after it
    features : (n, H, W, 3) images, 0-255 -> layer -> (n, *unit_shape)
    image : size and resampling of the originals, as `deeprecon.data.stimuli.load_images` takes them

    Returns
    -------
    observer -> pictures -> (n, m) similarities, and set -> stimulus ids: what `observe` takes
    """
    similarities: dict[str, dict[Shown, NDArray[np.float64]]] = defaultdict(dict)
    stimuli = {}
    for table in tables:
        name = Path(table).stem
        files = {
            target: file
            for target, file in zip(targets, results, strict=True)
            if target.split("/")[-1] == name
        }
        if not files:
            continue
        originals = read_stimuli(table)
        ids = stimuli[name] = list(originals["stimulus_id"])
        true = load_images(originals, **image)
        shown: dict[Shown, NDArray] = {("original", name): true}
        shown |= {("recon", *t.split("/")): read_images(file, ids) for t, file in files.items()}
        of_true = features(true)
        for what, pictures in shown.items():
            own = of_true if what[0] == "original" else features(pictures)
            found = observer_similarities(true, pictures, of_true, own)
            for observer, similarity in found.items():
                similarities[observer][what] = similarity
    return dict(similarities), stimuli


def observe(
    key: pd.DataFrame,
    similarities: Mapping[str, Similarities],
    stimuli: Mapping[str, list[str]],
    seed: int,
) -> pd.DataFrame:
    """The answers of model observers to all trials of a study.

    Parameters
    ----------
    key : DataFrame from `deeprecon.judge.study.read_key`
    similarities : observer -> pictures -> (n, m) similarities of originals to pictures
    stimuli : set -> ids, in the order of rows and columns
    seed : of the coin that decides if both are equally similar or a similarity is undefined

    Returns
    -------
    DataFrame
        A row for each observer and trial: the columns of the key, rater (the observer's name),
        response ("left" or "right"), chose_target and tie. A repeat gets the same answer as
        before, unless a coin decides.

    Raises
    ------
    InputError
        If the similarities of a trial's pictures are missing.
    """
    index = {(name, own): i for name, ids in stimuli.items() for i, own in enumerate(ids)}
    pairs = [tuple(_cells(row, index)) for row in key.itertuples()]
    target_left = (key["target_side"] == "left").to_numpy()
    tables = []
    for number, (observer, of) in enumerate(similarities.items()):
        rng = np.random.default_rng([seed, number])
        try:
            target, foil = np.array([[of[what][i, j] for what, i, j in pair] for pair in pairs]).T
        except KeyError as error:
            raise InputError(f"{observer}: no similarities of {error.args[0]}") from None
        tie = ~((target > foil) | (target < foil))
        chose = np.where(tie, rng.integers(0, 2, len(key)).astype(bool), target > foil)
        response = np.where(chose == target_left, "left", "right")
        tables.append(key.assign(rater=observer, response=response, chose_target=chose, tie=tie))
    return pd.concat(tables, ignore_index=True)


def _cells(trial: object, index: Mapping[tuple[str, str], int]) -> Iterator[tuple[Shown, int, int]]:
    """Pictures, row and column of the similarity of the top picture to the target and the foil."""
    top, *below = pictures_of(trial)
    for candidate in below:
        # At least one of the two is an original, which is the row; the other is the column.
        original, other = (top, candidate) if top[0] == "original" else (candidate, top)
        shown = (other[0], *other[1:-1])
        yield shown, index[original[1], original[2]], index[other[-2], other[-1]]
