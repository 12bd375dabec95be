"""Checks that retrain decoders: on uninformative data, and with whole clusters held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from deeprecon.decode.folds import folds_of
from deeprecon.decode.layer import LayerDecoder, Model, TrainingVoxels, average_trials
from deeprecon.decode.validate import cross_validate
from deeprecon.features.sampled import SampledUnits
from deeprecon.validity.decoding import at_chance, cluster_hold_out
from deeprecon.validity.registry import check
from deeprecon.validity.result import Check, not_run

Array = NDArray[np.floating]

N_COMPONENTS, N_CLUSTERS, N_FOLDS = 20, 10, 5
LATER = 3  # samples, each at least 8 s, so that responses do not overlap
ON_REQUEST = "On request: evaluate.retrain."


def later_stimulus(stimulus_id: Sequence[str], run: Sequence[str]) -> list[str | None]:
    """The stimulus three samples later in the same run; None at the end of a run.

    The response to a stimulus outlasts it, but in random order no response can reflect a later
    stimulus.

    Parameters
    ----------
    stimulus_id, run : stimulus and run of each sample, in order of presentation

    Examples
    --------
    >>> later_stimulus(["a", "b", "c", "d", "e"], ["1", "1", "1", "1", "2"])
    ['d', None, None, None, None]
    """
    indices = [i + LATER for i in range(len(stimulus_id))]
    return [
        stimulus_id[later] if later < len(run) and run[later] == run[i] else None
        for i, later in enumerate(indices)
    ]


def decode_test(
    X: Array, stimulus_id: Sequence[str], sampled: SampledUnits, test: Array, model: Model
) -> dict[str, Array]:
    """Decode test samples (n, n_voxels) after training on other samples: layer -> (n, n_units).

    Parameters
    ----------
    X, stimulus_id : training samples (n_samples, n_voxels), and the image of each
    sampled : features of the training images
    test : (n, n_voxels)
    model : decoder, such as `TopKRidge`
    """
    decoder = LayerDecoder(TrainingVoxels.of(X, stimulus_id), model)
    return {
        layer: decoder.decode(values, sampled.stimulus_id, test, sampled.units[layer])
        for layer, values in sampled.features.items()
    }


@dataclass(frozen=True)
class Samples:
    """All samples of a subject's region, in order of presentation.

    Attributes
    ----------
    voxels : (n_samples, n_voxels)
    stimulus_id, run : stimulus and run of each sample
    train, test : (n_samples,) whether a sample belongs to the training set, or to a test set
    """

    voxels: Array
    stimulus_id: Sequence[str]
    run: Sequence[str]
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]

    @property
    def tested(self) -> list[str]:
        """Stimulus of each test sample."""
        return np.asarray(self.stimulus_id)[self.test].tolist()


def decode_images(
    samples: Samples,
    usable: NDArray[np.bool_],
    trained: Sequence[str],
    sampled: SampledUnits,
    stimulus_id: Sequence[str],
    model: Model,
) -> dict[str, Array]:
    """Decode the mean response to each test image: layer -> (n_images, n_units).

    Parameters
    ----------
    usable : (n_samples,) whether the decoder is trained on a sample
    trained : the image that each of these samples is said to show
    sampled : features of the training images
    stimulus_id : n_images test images
    model : decoder, such as `TopKRidge`
    """
    responses, names = average_trials(samples.voxels[samples.test], samples.tested)
    decoded = decode_test(samples.voxels[usable], trained, sampled, responses, model)
    rows = [names.index(name) for name in stimulus_id]
    return {layer: values[rows] for layer, values in decoded.items()}


@check("V09", "decoders trained on a later stimulus", "controls", absent=ON_REQUEST)
def later_control(
    samples: Samples,
    sampled: SampledUnits,
    true: SampledUnits,
    model: Model,
    seed: int,
    about: str = "",
) -> Check:
    """Whether decoders trained on the stimulus three samples later are at chance.

    Parameters
    ----------
    samples : Samples
    sampled : features of the training images
    true : features of the test images, in the same units
    model : decoder, such as `TopKRidge`
    seed : seed of the permutation test
    """
    later = later_stimulus(samples.stimulus_id, samples.run)
    known = set(sampled.stimulus_id)
    usable = samples.train & np.array([name in known for name in later])
    shifted = [str(later[i]) for i in np.flatnonzero(usable)]
    if len(set(shifted)) < 2:
        return not_run("Runs are too short to look three samples ahead.", about)
    found = decode_images(samples, usable, shifted, sampled, true.stimulus_id, model)
    return at_chance(found, true.features, seed=seed, about=about)


@check("V10", "decoders trained on noise", "controls", absent=ON_REQUEST)
def noise_control(
    samples: Samples,
    sampled: SampledUnits,
    true: SampledUnits,
    model: Model,
    seed: int,
    about: str = "",
) -> Check:
    """Whether decoders trained and tested on noise are at chance; parameters: `later_control`."""
    voxels, train = samples.voxels, samples.train
    noise = np.random.default_rng(seed).standard_normal(voxels.shape).astype(voxels.dtype)
    trained = np.asarray(samples.stimulus_id)[train].tolist()
    noisy = replace(samples, voxels=noise)
    found = decode_images(noisy, train, trained, sampled, true.stimulus_id, model)
    return at_chance(found, true.features, seed=seed, about=about)


def clusters_of(features: Array, stimulus_id: Sequence[str], seed: int) -> dict[str, str]:
    """Cluster of each image by k-means in principal components of features (n, n_units)."""
    sd = features.std(axis=0)
    z = (features - features.mean(axis=0))[:, sd > 0] / sd[sd > 0]
    reduced = PCA(min(N_COMPONENTS, *z.shape), random_state=seed).fit_transform(z)
    labels = KMeans(N_CLUSTERS, n_init=4, random_state=seed).fit_predict(reduced)
    return {name: f"cluster {k}" for name, k in zip(stimulus_id, labels, strict=True)}


@check("V16", "held-out clusters", "retrained", absent=ON_REQUEST)
def hold_out_clusters(
    X: Array,
    stimulus_id: Sequence[str],
    sampled: SampledUnits,
    model: Model,
    seed: int,
    about: str = "",
) -> Check:
    """Accuracy when whole clusters of images are held out, compared with single images.

    Parameters
    ----------
    X, stimulus_id : training samples (n_samples, n_voxels), and the image of each
    sampled : features of the training images; clusters are formed in the last layer
    model : decoder, such as `TopKRidge`
    seed : seed of clusters and folds
    """
    names = list(dict.fromkeys(stimulus_id))
    if len(names) < 5 * N_CLUSTERS:
        return not_run(f"{len(names)} images are too few for clusters.", about)
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
