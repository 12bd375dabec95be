"""Decoders trained anew, on what must tell them nothing, and with whole clusters held out."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from deeprecon.decode.layer import LayerDecoder, Model, TrainingVoxels, average_trials
from deeprecon.decode.validate import cross_validate, folds_of
from deeprecon.features.sampled import SampledUnits
from deeprecon.validity.decoding import at_chance, cluster_hold_out
from deeprecon.validity.result import Check, not_run

Array = NDArray[np.floating]

N_COMPONENTS, N_CLUSTERS, N_FOLDS = 20, 10, 5
LATER = 3  # samples; of 8 s and more, so that responses do not overlap


def later_stimulus(stimulus_id: Sequence[str], run: Sequence[str]) -> list[str | None]:
    """The stimulus three samples later in the same run; None at its end.

    The response to a stimulus is still there during the next; nothing of one that is to come in a
    random order can be.

    Examples
    --------
    >>> later_stimulus(["a", "b", "c", "d", "e"], ["1", "1", "1", "1", "2"])
    ['d', None, None, None, None]
    """
    places = [i + LATER for i in range(len(stimulus_id))]
    return [
        stimulus_id[later] if later < len(run) and run[later] == run[i] else None
        for i, later in enumerate(places)
    ]


def decode_test(
    X: Array, stimulus_id: Sequence[str], sampled: SampledUnits, test: Array, model: Model
) -> dict[str, Array]:
    """Features of test samples (n, n_voxels), by decoders trained on other samples: by layer."""
    decoder = LayerDecoder(TrainingVoxels.of(X, stimulus_id), model)
    return {
        layer: decoder.decode(values, sampled.stimulus_id, test, sampled.units[layer])
        for layer, values in sampled.features.items()
    }


def controls(
    voxels: Array,
    stimulus_id: Sequence[str],
    run: Sequence[str],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    sampled: SampledUnits,
    true: SampledUnits,
    model: Model,
    seed: int,
    about: str,
) -> list[Check]:
    """V09 and V10: decoders of a later stimulus, and of noise, tested as usual.

    Parameters
    ----------
    voxels : (n_samples, n_voxels) of all sets
    stimulus_id, run : of each sample, in order of presentation
    train, test : (n_samples,) which samples are of the training set, and of a test set
    sampled : of the training images
    true : of the test images, in the same units
    model : decoder, such as `TopKRidge`
    seed : of the noise
    about : for the checks
    """
    ids = np.asarray(stimulus_id)
    shown, names = average_trials(voxels[test], ids[test].tolist())
    rows = [names.index(name) for name in true.stimulus_id]
    later = later_stimulus(stimulus_id, run)
    known = set(sampled.stimulus_id)
    usable = train & np.array([name in known for name in later])
    shifted = [str(later[i]) for i in np.flatnonzero(usable)]
    if len(set(shifted)) < 2:
        time = not_run("V09", "Runs are too short to look three samples ahead.", about)
    else:
        found = decode_test(voxels[usable], shifted, sampled, shown, model)
        time = at_chance("V09", take(found, rows), true.features, seed=seed, about=about)
    noise = np.random.default_rng(seed).standard_normal(voxels.shape).astype(voxels.dtype)
    blank, _ = average_trials(noise[test], ids[test].tolist())
    found = decode_test(noise[train], ids[train].tolist(), sampled, blank, model)
    return [time, at_chance("V10", take(found, rows), true.features, seed=seed, about=about)]


def take(features: Mapping[str, Array], rows: Sequence[int]) -> dict[str, Array]:
    """Some rows of every layer."""
    return {layer: values[rows] for layer, values in features.items()}


def clusters_of(features: Array, stimulus_id: Sequence[str], seed: int) -> dict[str, str]:
    """Cluster of each image: k-means in principal components of features (n, n_units)."""
    sd = features.std(axis=0)
    z = (features - features.mean(axis=0))[:, sd > 0] / sd[sd > 0]
    reduced = PCA(min(N_COMPONENTS, *z.shape), random_state=seed).fit_transform(z)
    labels = KMeans(N_CLUSTERS, n_init=4, random_state=seed).fit_predict(reduced)
    return {name: f"cluster {k}" for name, k in zip(stimulus_id, labels, strict=True)}


def hold_out_clusters(
    X: Array,
    stimulus_id: Sequence[str],
    sampled: SampledUnits,
    model: Model,
    seed: int,
    about: str,
) -> Check:
    """V16: cross-validation by images and by clusters of images.

    Parameters
    ----------
    X, stimulus_id : training samples (n_samples, n_voxels) and the image of each
    sampled : of the training images; clusters are of the last layer
    model : decoder
    seed : of clusters and folds
    about : for the check
    """
    names = list(dict.fromkeys(stimulus_id))
    if len(names) < 5 * N_CLUSTERS:
        return not_run("V16", f"{len(names)} images are too few for clusters.", about)
    last = list(sampled.features)[-1]
    rows = [sampled.stimulus_id.index(name) for name in names]
    groups = clusters_of(sampled.features[last][rows], names, seed)
    single = folds_of({name: name for name in names}, N_FOLDS, seed)
    by_cluster = folds_of(groups, N_FOLDS, seed)
    within, held_out = (
        {
            layer: scores.means()["pattern_correlation"]
            for layer, scores in cross_validate(X, stimulus_id, sampled, folds, [model])[0].items()
        }
        for folds in (single, by_cluster)
    )
    return cluster_hold_out(within, held_out, about)
