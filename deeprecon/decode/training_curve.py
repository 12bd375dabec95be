"""Decoding accuracy as a function of the amount of training data."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeprecon.data.bdata import read_bdata
from deeprecon.decode.layer import LayerDecoder, Model, TrainingVoxels, average_trials
from deeprecon.decode.validate import score_layer
from deeprecon.features.sampled import SampledUnits, read_sampled

Array = NDArray[np.floating]
Path = str | os.PathLike[str]

PARTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
MINIMUM = 20  # images; decoders trained on fewer are at chance


def nested_images(stimulus_id: Sequence[str], seed: int) -> list[list[str]]:
    """Nested subsets of the training images, in increasing order; the last contains all.

    Examples
    --------
    >>> [len(part) for part in nested_images([str(i) for i in range(100)] * 2, seed=0)]
    [25, 50, 100]
    """
    names = list(dict.fromkeys(stimulus_id))
    order = np.random.default_rng(seed).permutation(len(names))
    counts = [math.ceil(part * len(names)) for part in PARTS]
    kept = [n for n in counts if n >= MINIMUM or n == len(names)]
    return [[names[i] for i in order[:n]] for n in kept]


def region_curve(
    samples_file: Path,
    roi: str,
    sampled: SampledUnits,
    tests: Mapping[str, Path],
    model: Model,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Training curve of a decoder in one region of a subject.

    Parameters
    ----------
    samples_file : BData file with the samples of all stimulus sets
    roi : name of the region
    sampled : training features of some units of each layer
    tests : stimulus set -> HDF5 file with the features of the same units
    model : decoder
    seed : seed of the order of the images

    Yields
    ------
    dict : see `training_curve`
    """
    samples = read_bdata(samples_file)
    voxels = samples.select(f"ROI_{roi}").astype(np.float32)
    sets, ids = (np.array(samples.labels(key)) for key in ("stimulus_set", "stimulus_id"))
    layers = list(sampled.features)
    given = {
        name: (voxels[sets == name], ids[sets == name].tolist(), read_sampled(path, layers))
        for name, path in tests.items()
    }
    train = sets == "train"
    yield from training_curve(voxels[train], ids[train].tolist(), sampled, given, model, seed)


def training_curve(
    X: Array,
    stimulus_id: Sequence[str],
    sampled: SampledUnits,
    tests: Mapping[str, tuple[Array, Sequence[str], SampledUnits]],
    model: Model,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Scores on test images of decoders trained on increasing numbers of images.

    Parameters
    ----------
    X, stimulus_id : training samples (n_samples, n_voxels) and the image of each
    sampled : features of the training images
    tests : set -> test samples (m, n_voxels), their stimuli, and features in the same units
    model : decoder
    seed : seed of the order of the images

    Yields
    ------
    dict : set, layer, n_images, n_samples, metric, value
    """
    names = np.asarray(stimulus_id)
    for images in nested_images(stimulus_id, seed):
        rows = np.isin(names, images)
        decoder = LayerDecoder(TrainingVoxels.of(X[rows], names[rows].tolist()), model)
        amount = {"n_images": len(images), "n_samples": int(rows.sum())}
        averages = {name: average_trials(test, ids) for name, (test, ids, _) in tests.items()}
        for layer, features in sampled.features.items():
            mean, sd = features.mean(axis=0), features.std(axis=0, ddof=1)
            for name, (shown, ids) in averages.items():
                units, known = sampled.units[layer], sampled.stimulus_id
                found = decoder.decode(features, known, shown, units)
                true = tests[name][2]
                order = [true.stimulus_id.index(one) for one in ids]
                scores = score_layer(found, true.features[layer][order], mean, sd)
                for metric, value in scores.means().items():
                    place = {"set": name, "layer": layer, "metric": metric, "value": value}
                    yield place | amount
