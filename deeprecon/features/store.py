"""Feature files: one HDF5 file per (stimulus set, layer), true or decoded.

Layout: `features` (n_stimuli, *unit_shape) float32, chunked by stimulus so that one image's
features are one read; `stimulus_id` (n_stimuli,) strings; whatever attributes the writer gives.
"""

import os
from collections.abc import Mapping, Sequence

import h5py
import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, writing

MAX_CHUNK_UNITS = 200_000


def _chunk_shape(unit_shape: tuple[int, ...]) -> tuple[int, ...]:
    """One stimulus per chunk, at most MAX_CHUNK_UNITS units: split along the first unit axis."""
    per_row = int(np.prod(unit_shape[1:], dtype=int))
    rows = max(1, min(unit_shape[0], MAX_CHUNK_UNITS // per_row))
    return (1, rows, *unit_shape[1:])


def write_features(
    path: str | os.PathLike[str],
    features: NDArray[np.floating],
    stimulus_id: Sequence[str],
    attributes: Mapping[str, str | int | float],
) -> None:
    """Write features and the stimuli that they belong to.

    Parameters
    ----------
    path : path-like
        The HDF5 file; replaced whole if it exists.
    features : (n_stimuli, *unit_shape) array
        Stored as float32.
    stimulus_id : n_stimuli strings
    attributes : mapping
        Attributes of the file, such as the network and the provenance of the values.
    """
    if len(features) != len(stimulus_id):
        raise InputError(f"{path}: {len(features)} feature rows but {len(stimulus_id)} stimuli")
    with writing(path, track_order=True) as file:
        file.create_dataset(
            "features",
            data=np.asarray(features, np.float32),
            chunks=_chunk_shape(features.shape[1:]),
        )
        file.create_dataset("stimulus_id", data=list(stimulus_id), dtype=h5py.string_dtype())
        for key, value in attributes.items():
            file.attrs[key] = value


def read_features(
    path: str | os.PathLike[str], stimulus_id: Sequence[str] | None = None
) -> tuple[NDArray[np.float32], list[str]]:
    """Read features, in the file's order or in the order of `stimulus_id`.

    Returns
    -------
    features : (n_stimuli, *unit_shape) float32 array
    stimulus_id : list of n_stimuli strings

    Raises
    ------
    InputError
        If the file lacks one of the stimuli asked for.
    """
    with reading(path, "features") as file:
        known = [str(name) for name in file["stimulus_id"].asstr()[:]]
        features: NDArray[np.float32] = file["features"][:]
    if stimulus_id is None:
        return features, known
    row = {name: i for i, name in enumerate(known)}
    missing = [name for name in stimulus_id if name not in row]
    if missing:
        raise InputError(
            f"{path}: no features of {len(missing)} of {len(stimulus_id)} stimuli, "
            f"such as {missing[0]!r}"
        )
    return features[[row[name] for name in stimulus_id]], list(stimulus_id)
