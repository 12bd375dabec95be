"""Decoded features averaged over subjects."""

import os
from collections.abc import Sequence

import numpy as np

from deeprecon.errors import InputError
from deeprecon.features.store import Attributes, FeatureFile, new_features, rows_of


def average_features(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    attributes: Attributes,
) -> None:
    """Average feature files of the same stimuli over subjects, block by block.

    Parameters
    ----------
    paths : HDF5 files of one layer and stimulus set, one for each subject
    output : HDF5 file to write, with the stimuli in the order of the first file
    attributes : attributes of the output

    Raises
    ------
    InputError
        If unit shapes differ between files, or if a file lacks a stimulus.
    """
    files = [FeatureFile.of(path) for path in paths]
    first = files[0]
    for file in files[1:]:
        if file.unit_shape != first.unit_shape:
            raise InputError(
                f"{file.path}: units have shape {file.unit_shape}, {first.path}: {first.unit_shape}"
            )
    rows = [rows_of(file.path, file.stimulus_id, first.stimulus_id) for file in files]
    with new_features(output, first.unit_shape, first.stimulus_id, attributes) as mean:
        for block in first.blocks(n_more=len(first.stimulus_id)):
            parts = [file.read(block)[order] for file, order in zip(files, rows, strict=True)]
            mean[:, block] = np.mean(parts, axis=0)
