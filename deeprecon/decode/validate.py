"""How well a layer is decoded: on held-out training images, and on test images.

Cross-validation folds are of groups of images, never of runs: where images come back in several
runs, leaving out a run leaks its images. Groups are categories, because test images are of
categories (in the demo: of photographs) that training has not seen. Test data play no part in it,
so that its accuracies may weight layers.
"""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.atomic import replacing
from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.scores import (
    pairwise_identification,
    pattern_correlation,
    profile_correlation,
)
from deeprecon.errors import InputError
from deeprecon.features.statistics import LayerStatistics

Array = NDArray[np.floating]


def cross_validated_accuracy(
    X: Array,
    stimulus_id: Sequence[str],
    features: Array,
    feature_ids: Sequence[str],
    groups: Mapping[str, str],
    n_voxels: int,
    alpha: float,
    n_folds: int = 5,
    n_units: int = 500,
    seed: int = 0,
) -> float:
    """Mean profile correlation of held-out training images, over a random sample of units.

    Parameters
    ----------
    X : (n_samples, n_voxels)
    stimulus_id : image of each sample
    features : (n_stimuli, *unit_shape)
    feature_ids : image of each row of features
    groups : group of each image; a group is held out as a whole
    n_voxels, alpha : of `TopKRidge`
    n_folds : folds of groups
    n_units : units that are sampled; all, if the layer has fewer

    Returns
    -------
    float
        NaN if no unit varies.
    """
    rng = np.random.default_rng(seed)
    flat = features.reshape(len(features), -1)
    varying = np.flatnonzero(flat.std(axis=0) > 0)
    if len(varying) == 0:
        return float("nan")
    units = np.sort(rng.choice(varying, min(n_units, len(varying)), replace=False))
    wanted = flat[:, units]
    ids, samples = np.asarray(feature_ids), np.asarray(stimulus_id)
    order = {name: i for i, name in enumerate(feature_ids)}
    predicted = np.full(wanted.shape, np.nan)
    names = sorted({groups[name] for name in feature_ids})
    if len(names) < n_folds:
        raise InputError(f"{len(names)} groups of training images, expected {n_folds} or more")
    group = np.array([groups[name] for name in feature_ids])
    for fold in np.array_split(rng.permutation(np.array(names)), n_folds):
        learn = ~np.isin(group, fold)
        held_out = np.isin(samples, ids[~learn])
        model = LayerDecoder(TopKRidge(n_voxels=n_voxels, alpha=alpha))
        model.fit(X[~held_out], samples[~held_out].tolist(), wanted[learn], ids[learn].tolist())
        values, decoded = model.predict(X[held_out], samples[held_out].tolist())
        predicted[[order[name] for name in decoded]] = values
    seen = ~np.isnan(predicted).any(axis=1)
    return float(np.nanmean(profile_correlation(predicted[seen], wanted[seen])))


def score_layer(predicted: Array, true: Array, statistics: LayerStatistics) -> dict[str, float]:
    """Decoding accuracy of a layer on test stimuli, averaged over units or stimuli.

    Parameters
    ----------
    predicted, true : (n_stimuli, *unit_shape)
    statistics : of the training features

    Returns
    -------
    dict
        profile_correlation (mean over units), pattern_correlation (mean over stimuli, z-scored by
        the training statistics), pairwise_identification (mean over stimuli, chance 0.5).
    """
    scores = {
        "profile_correlation": profile_correlation(predicted, true),
        "pattern_correlation": pattern_correlation(predicted, true, statistics.mean, statistics.sd),
        "pairwise_identification": pairwise_identification(predicted, true),
    }
    defined = {name: values[~np.isnan(values)] for name, values in scores.items()}
    return {name: float(v.mean()) if v.size else float("nan") for name, v in defined.items()}


def write_accuracy(path: str | os.PathLike[str], row: Mapping[str, object]) -> None:
    """Write one row with the column `accuracy`."""
    with replacing(path) as temporary:
        pd.DataFrame([row]).to_csv(temporary, sep="\t", index=False)


def read_accuracy(path: str | os.PathLike[str]) -> float:
    """Accuracy of a layer, as `write_accuracy` wrote it."""
    return float(pd.read_csv(path, sep="\t")["accuracy"].iloc[0])
