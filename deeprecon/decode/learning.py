"""Accuracy against the amount of training: would more scans help."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeprecon.decode.layer import LayerDecoder, Model, TrainingVoxels, average_trials
from deeprecon.decode.validate import score_layer
from deeprecon.features.sampled import SampledUnits

Array = NDArray[np.floating]

PARTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
FEWEST = 20  # images: fewer train nothing


def nested_images(stimulus_id: Sequence[str], seed: int) -> list[list[str]]:
    """Ever more of the training images, each part in the next, the last one all of them.

    Examples
    --------
    >>> [len(part) for part in nested_images([str(i) for i in range(100)] * 2, seed=0)]
    [25, 50, 100]
    """
    names = list(dict.fromkeys(stimulus_id))
    order = np.random.default_rng(seed).permutation(len(names))
    counts = [math.ceil(part * len(names)) for part in PARTS]
    kept = [n for n in counts if n >= FEWEST or n == len(names)]
    return [[names[i] for i in order[:n]] for n in kept]


def training_curve(
    X: Array,
    stimulus_id: Sequence[str],
    sampled: SampledUnits,
    tests: Mapping[str, tuple[Array, Sequence[str], SampledUnits]],
    model: Model,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Scores on test images of decoders trained on ever more images.

    Parameters
    ----------
    X, stimulus_id : training samples (n_samples, n_voxels) and the image of each
    sampled : features of the training images
    tests : set -> test samples (m, n_voxels), their stimuli, and features in the same units
    model : decoder
    seed : of which images come first

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
