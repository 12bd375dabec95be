"""Scores of decoded features on disk, for each unit and each stimulus."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from deeprecon.decode.tables import score_rows, stimulus_rows
from deeprecon.decode.validate import Scores, score_layer
from deeprecon.features.statistics import LayerStatistics
from deeprecon.features.store import read_features, read_units
from deeprecon.hdf5 import writing

Path = str | os.PathLike[str]
Rows = list[dict[str, Any]]


def score_file(decoded: Path, true: Path, statistics: LayerStatistics) -> tuple[Scores, list[str]]:
    """Score a file of decoded features; return the scores and the stimulus of each row.

    Parameters
    ----------
    decoded, true : HDF5 files of one layer
    statistics : statistics of the layer over the training images

    Raises
    ------
    InputError
        If a decoded stimulus has no true features.
    """
    predicted, ids = read_features(decoded)
    units = read_units(decoded)
    wanted = read_features(true, ids, units)[0]
    mean, sd = statistics.mean, statistics.sd
    if units is not None:
        mean, sd = mean.reshape(-1)[units], sd.reshape(-1)[units]
    return score_layer(predicted, wanted, mean, sd, ids), ids


def score_files(
    files: Sequence[tuple[str, str]],
    decoded: Sequence[Path],
    true: Sequence[Path],
    statistics: Mapping[str, LayerStatistics],
    output: Path,
    keys: Mapping[str, Any],
    attributes: Mapping[str, str],
) -> tuple[Rows, Rows]:
    """Score the files of one decoder, and write the profile correlation of each unit.

    Parameters
    ----------
    files : (set, layer) of each file
    decoded, true : HDF5 files in the order of `files`
    statistics : layer -> statistics over the training images
    output : HDF5 file with a float32 dataset `{set}/{layer}` (*unit_shape)
    keys : first columns of the rows
    attributes : attributes of the output

    Returns
    -------
    means : rows of `deeprecon.decode.tables.score_rows`
    stimuli : rows of `deeprecon.decode.tables.stimulus_rows`
    """
    means: Rows = []
    stimuli: Rows = []
    with writing(output, track_order=True) as file:
        for (name, layer), found, wanted in zip(files, decoded, true, strict=True):
            scores, ids = score_file(found, wanted, statistics[layer])
            place = {**keys, "set": name, "layer": layer}
            means += score_rows(scores, place)
            stimuli += stimulus_rows(scores, ids, place)
            file[f"{name}/{layer}"] = scores.profile_correlation.astype("float32")
        file.attrs.update(attributes)
    return means, stimuli
