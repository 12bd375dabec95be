"""Feature files: one HDF5 file per (stimulus set, layer), true or decoded.

Layout: `features` (n_stimuli, *unit_shape) float32, chunked by stimulus so that one image's
features are read at once; `stimulus_id` (n_stimuli,) strings; the writer's attributes. Files with
only some units have `features` (n_stimuli, n_units) and `unit` (n_units,), the indices in C order.
Files of single samples have `repetition` (n_samples,), from 1.
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
MAX_BLOCK_VALUES = 2**28  # 1 GiB of float32: maximum part of a layer in memory

Attributes = Mapping[str, str | int | float]


def _chunk_shape(unit_shape: tuple[int, ...]) -> tuple[int, ...]:
    """One stimulus per chunk, at most MAX_CHUNK_UNITS units: split along the first unit axis."""
    per_row = int(np.prod(unit_shape[1:], dtype=int))
    rows = max(1, min(unit_shape[0], MAX_CHUNK_UNITS // per_row))
    return (1, rows, *unit_shape[1:])


@dataclass(frozen=True)
class FeatureFile:
    """A feature file, read block by block.

    Attributes
    ----------
    path : HDF5 file
    stimulus_id : list of n_stimuli strings
    unit_shape : shape of the units
    chunk_rows : number of rows of the first unit axis that are stored together
    """

    path: str | os.PathLike[str]
    stimulus_id: list[str]
    unit_shape: tuple[int, ...]
    chunk_rows: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """Inspect a file.

        Raises
        ------
        InputError
            If the file is damaged or is not a feature file.
        """
        with reading(path, "features") as file:
            values, stimuli = file["features"], strings(file["stimulus_id"])
            rows = values.chunks[1] if values.chunks else values.shape[1]
            return cls(path, stimuli, tuple(values.shape[1:]), int(rows))

    def blocks(self, n_more: int = 0) -> list[slice]:
        """Slices of the first unit axis that fit into memory, in whole chunks if possible.

        Parameters
        ----------
        n_more : number of values held for each unit besides those of the stimuli
        """
        per_row = (len(self.stimulus_id) + n_more) * int(np.prod(self.unit_shape[1:], dtype=int))
        step = max(1, MAX_BLOCK_VALUES // per_row)
        if step > self.chunk_rows:
            step -= step % self.chunk_rows
        n = self.unit_shape[0]
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]

    def read(self, rows: slice) -> NDArray[np.float32]:
        """Features of all stimuli in a slice of the first unit axis."""
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
    """Create a dataset (n_stimuli, *unit_shape); the file appears if the block succeeds.

    Parameters
    ----------
    path : HDF5 file, replaced as a whole if it exists
    unit_shape : shape of the units
    stimulus_id : n_stimuli strings
    attributes : attributes of the file, such as the network and the provenance
    more : further datasets, such as `unit`
    """
    with writing(path, track_order=True) as file:
        shape = (len(stimulus_id), *unit_shape)
        chunks = (
            _chunk_shape(unit_shape) if len(stimulus_id) else None
        )  # an empty dataset cannot be chunked
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
    """Write features (n_stimuli, *unit_shape) at once; see `new_features`."""
    if len(features) != len(stimulus_id):
        raise InputError(f"{path}: {len(features)} feature rows but {len(stimulus_id)} stimuli")
    with new_features(path, features.shape[1:], stimulus_id, attributes) as values:
        values[...] = np.asarray(features, np.float32)


def rows_of(
    path: str | os.PathLike[str], known: Sequence[str], stimulus_id: Sequence[str]
) -> list[int]:
    """Row of each stimulus in a file.

    Raises
    ------
    InputError
        If the file lacks one.
    """
    row = {name: i for i, name in enumerate(known)}
    missing = [name for name in dict.fromkeys(stimulus_id) if name not in row]
    if missing:
        raise InputError(
            f"{path}: no features of {len(missing)} of {len(set(stimulus_id))} stimuli, "
            f"such as {missing[0]!r}"
        )
    return [row[name] for name in stimulus_id]


def read_units(path: str | os.PathLike[str]) -> NDArray[np.int64] | None:
    """Indices in C order of the units of a file; None if it has all units of the layer."""
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
    stimulus_id : stimuli to read; by default all
    units : indices in C order of the units to read; by default all

    Returns
    -------
    features : (n_stimuli, *unit_shape) float32, or (n_stimuli, n_units) if `units` are given
    stimulus_id : list of n_stimuli strings

    Raises
    ------
    InputError
        If the file lacks one of the stimuli.
    """
    file = FeatureFile.of(path)
    features = file.read(slice(None))
    if units is not None:
        features = features.reshape(len(features), -1)[:, units]
    if stimulus_id is None:
        return features, file.stimulus_id
    return features[rows_of(path, file.stimulus_id, stimulus_id)], list(stimulus_id)


def read_layers(
    paths: Mapping[str, str | os.PathLike[str]],
) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
    """Features of several layers, all in the order of the first file.

    Parameters
    ----------
    paths : layer -> HDF5 file

    Returns
    -------
    features : layer -> (n_stimuli, *unit_shape) float32 array
    stimulus_id : list of n_stimuli strings
    """
    stimulus_id = FeatureFile.of(next(iter(paths.values()))).stimulus_id
    features = {layer: read_features(path, stimulus_id)[0] for layer, path in paths.items()}
    return features, stimulus_id
