"""Feature files: one HDF5 file per (stimulus set, layer), true or decoded.

Layout: `features` (n_stimuli, *unit_shape) float32, chunked by stimulus so that one image's
features are one read; `stimulus_id` (n_stimuli,) strings; whatever attributes the writer gives.
Of some units only: `features` (n_stimuli, n_units), and `unit` (n_units,), their places among the
units in C order. Of single samples: `repetition` (n_samples,), from 1.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, strings, writing

MAX_CHUNK_UNITS = 200_000
MAX_BLOCK_VALUES = 2**28  # 1 GiB of float32, what a job holds of a layer of any size

Attributes = Mapping[str, str | int | float]


def _chunk_shape(unit_shape: tuple[int, ...]) -> tuple[int, ...]:
    """One stimulus per chunk, at most MAX_CHUNK_UNITS units: split along the first unit axis."""
    per_row = int(np.prod(unit_shape[1:], dtype=int))
    rows = max(1, min(unit_shape[0], MAX_CHUNK_UNITS // per_row))
    return (1, rows, *unit_shape[1:])


@dataclass(frozen=True)
class FeatureFile:
    """A file of features that is read block by block.

    Attributes
    ----------
    path : HDF5 file
    stimulus_id : list of n_stimuli strings
    unit_shape : shape of the units
    chunk_rows : rows of the first axis of the units that are stored together
    """

    path: str | os.PathLike[str]
    stimulus_id: list[str]
    unit_shape: tuple[int, ...]
    chunk_rows: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """Look at a file; InputError if it is none of features, or damaged."""
        with reading(path, "features") as file:
            values, stimuli = file["features"], strings(file["stimulus_id"])
            rows = values.chunks[1] if values.chunks else values.shape[1]
            return cls(path, stimuli, tuple(values.shape[1:]), int(rows))

    def blocks(self, n_more: int = 0) -> list[slice]:
        """Slices of the first axis of the units that fit into memory, in whole chunks if they do.

        Parameters
        ----------
        n_more : values that are held for each unit besides those of the stimuli
        """
        per_row = (len(self.stimulus_id) + n_more) * int(np.prod(self.unit_shape[1:], dtype=int))
        step = max(1, MAX_BLOCK_VALUES // per_row)
        if step > self.chunk_rows:
            step -= step % self.chunk_rows
        n = self.unit_shape[0]
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]

    def read(self, rows: slice) -> NDArray[np.float32]:
        """Features of all stimuli in a slice of the first axis of the units."""
        with reading(self.path, "features") as file:
            block: NDArray[np.float32] = file["features"][:, rows]
            return block


@contextmanager
def new_features(
    path: str | os.PathLike[str],
    unit_shape: tuple[int, ...],
    stimulus_id: Sequence[str],
    attributes: Attributes,
    more: Mapping[str, ArrayLike] | None = None,
) -> Iterator[h5py.Dataset]:
    """An array (n_stimuli, *unit_shape) to fill; the file appears if the block succeeds.

    Parameters
    ----------
    path : path-like
        The HDF5 file; replaced whole if it exists.
    unit_shape : shape of the units
    stimulus_id : n_stimuli strings
    attributes : mapping
        Attributes of the file, such as the network and the provenance of the values.
    more : mapping, optional
        Further datasets, such as `unit`.
    """
    with writing(path, track_order=True) as file:
        shape = (len(stimulus_id), *unit_shape)
        chunks = _chunk_shape(unit_shape) if len(stimulus_id) else None  # none of no stimulus
        yield file.create_dataset("features", shape, np.float32, chunks=chunks)
        file.create_dataset("stimulus_id", data=list(stimulus_id), dtype=h5py.string_dtype())
        for key, values in (more or {}).items():
            file[key] = values
        for key, value in attributes.items():
            file.attrs[key] = value


def write_features(
    path: str | os.PathLike[str],
    features: NDArray[np.floating],
    stimulus_id: Sequence[str],
    attributes: Attributes,
) -> None:
    """Write (n_stimuli, *unit_shape) features at once; see `new_features`."""
    if len(features) != len(stimulus_id):
        raise InputError(f"{path}: {len(features)} feature rows but {len(stimulus_id)} stimuli")
    with new_features(path, features.shape[1:], stimulus_id, attributes) as values:
        values[...] = np.asarray(features, np.float32)


def rows_of(
    path: str | os.PathLike[str], known: Sequence[str], stimulus_id: Sequence[str]
) -> list[int]:
    """Row of each stimulus among those that a file knows; InputError if it lacks one."""
    row = {name: i for i, name in enumerate(known)}
    missing = [name for name in dict.fromkeys(stimulus_id) if name not in row]
    if missing:
        raise InputError(
            f"{path}: no features of {len(missing)} of {len(set(stimulus_id))} stimuli, "
            f"such as {missing[0]!r}"
        )
    return [row[name] for name in stimulus_id]


def read_units(path: str | os.PathLike[str]) -> NDArray[np.int64] | None:
    """Places of a file's units among the layer's units in C order; None if it has all of them."""
    with reading(path, "features") as file:
        units: NDArray[np.int64] | None = file["unit"][:] if "unit" in file else None
        return units


def read_features(
    path: str | os.PathLike[str],
    stimulus_id: Sequence[str] | None = None,
    units: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float32], list[str]]:
    """Read features, in the file's order or in the order of `stimulus_id`.

    Parameters
    ----------
    path : HDF5 file
    stimulus_id : stimuli to read; all, if None
    units : places in C order of the units to read; all, if None

    Returns
    -------
    features : (n_stimuli, *unit_shape) float32 array, or (n_stimuli, n_units) of some units
    stimulus_id : list of n_stimuli strings

    Raises
    ------
    InputError
        If the file lacks one of the stimuli asked for.
    """
    file = FeatureFile.of(path)
    features = file.read(slice(None))
    if units is not None:
        features = features.reshape(len(features), -1)[:, units]
    if stimulus_id is None:
        return features, file.stimulus_id
    return features[rows_of(path, file.stimulus_id, stimulus_id)], list(stimulus_id)
