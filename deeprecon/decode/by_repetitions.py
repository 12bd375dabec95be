"""Decoding accuracy as a function of the number of averaged test samples per stimulus."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deeprecon.decode.choice import chosen_settings
from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.models import build
from deeprecon.decode.region import Region
from deeprecon.decode.reliability import accuracy_by_repetitions, stack_repetitions
from deeprecon.decode.stream import permuted
from deeprecon.features.sampled import SampledUnits, read_sampled

Path = str | os.PathLike[str]


def score_repetitions(
    region: Region,
    train: SampledUnits,
    tests: Mapping[str, Path],
    model: Mapping[str, Any],
    table: Path,
    *,
    seed: int,
    keys: Mapping[str, Any],
    n_jobs: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Scores of each layer and stimulus set for each number of repetitions.

    Parameters
    ----------
    region : Region
    train : training features of some units of each layer
    tests : stimulus set -> HDF5 file with the features of the same units
    model : settings of the decoder
    table : TSV file of cross-validation with the chosen settings
    seed : seed of the permuted labels
    keys : first columns of the rows
    n_jobs : threads that share the units

    Yields
    ------
    dict : `keys`, permuted, set, layer, the columns of `accuracy_by_repetitions`, n_units
    """
    permute = model["permute_labels"]
    known = permuted(train.stimulus_id, seed) if permute else train.stimulus_id
    X = np.concatenate([region.tests[name].X for name in tests])
    bounds = np.cumsum([0, *(len(region.tests[name].X) for name in tests)])
    last = None
    for layer, features in train.features.items():
        settings = chosen_settings(model, table, layer)
        if settings != last:  # otherwise, reuse the previous layer's factors
            decoder = LayerDecoder(region.training, build(settings), n_jobs)
            last = settings
        decoded = decoder.decode(features, known, X, train.units[layer])
        mean, sd = features.mean(axis=0), features.std(axis=0, ddof=1)
        for name, start, stop in zip(tests, bounds[:-1], bounds[1:], strict=True):
            stacked, ids = stack_repetitions(decoded[start:stop], region.tests[name].stimulus_id)
            true = read_sampled(tests[name], [layer], ids).features[layer]
            for row in accuracy_by_repetitions(
                stacked, true, mean, sd, features, model["repetitions"]
            ):
                place = {"permuted": permute, "set": name, "layer": layer}
                yield {**keys, **place, **row, "n_units": true.shape[1]}
