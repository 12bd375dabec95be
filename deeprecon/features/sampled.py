"""A seeded sample of each layer's units, for choosing settings and assessing decoding.

A convolutional layer has millions of units. Cross-validation, repetition curves and identification
among all training images would cost more than decoding if they used every unit.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import h5py
import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.features.store import FeatureFile, rows_of
from deeprecon.features.units import Units
from deeprecon.hdf5 import reading, strings, writing


def sample_units(
    unit_shape: tuple[int, ...], n_units: int, layer: str, seed: int
) -> NDArray[np.int64]:
    """Indices of a sample of a layer's units in C order, ascending; all if it has fewer.

    The sample depends only on the arguments, so it is the same for all sets and subjects.

    Examples
    --------
    >>> sample_units((4, 5, 5), 6, "conv1_1", seed=0)
    array([ 3, 33, 34, 41, 80, 83])
    """
    n_all = int(np.prod(unit_shape, dtype=int))
    rng = np.random.default_rng([seed, crc32(layer.encode())])
    return np.sort(rng.choice(n_all, min(n_units, n_all), replace=False))


@dataclass(frozen=True)
class SampledUnits:
    """A sample of the units of some layers, for the stimuli of one set.

    Attributes
    ----------
    stimulus_id : list of n_stimuli strings
    features : layer -> (n_stimuli, n_units) float32
    units : layer -> the sampled units
    """

    stimulus_id: list[str]
    features: dict[str, NDArray[np.float32]]
    units: dict[str, Units]


def blocks_of(
    file: FeatureFile, units: NDArray[np.int64]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Features (n_stimuli, n_block) of some units block by block, and their slice of `units`."""
    width, done = int(np.prod(file.unit_shape[1:], dtype=int)), 0
    for rows in file.blocks():
        inside = units[(units >= rows.start * width) & (units < rows.stop * width)]
        if inside.size:
            flat = file.read(rows).reshape(len(file.stimulus_id), -1)
            yield slice(done, done + len(inside)), flat[:, inside - rows.start * width]
            done += len(inside)


def sample_features(
    path: str | os.PathLike[str], n_units: int, layer: str, seed: int
) -> tuple[NDArray[np.float32], Units]:
    """Features (n_stimuli, n_units) of a layer's sample of units, and the units."""
    file = FeatureFile.of(path)
    index = sample_units(file.unit_shape, n_units, layer, seed)
    blocks = [block for _, block in blocks_of(file, index)]
    return np.concatenate(blocks, axis=1), Units(file.unit_shape, index)


def write_sampled(
    path: str | os.PathLike[str], sampled: SampledUnits, attributes: Mapping[str, str | int]
) -> None:
    """Write the sampled units of a set, one group per layer: `features` and `unit`."""
    with writing(path, track_order=True) as file:
        file.create_dataset("stimulus_id", data=sampled.stimulus_id, dtype=h5py.string_dtype())
        layers = file.create_group("layers", track_order=True)
        for layer, values in sampled.features.items():
            group = layers.create_group(layer)
            group["features"], group["unit"] = values, sampled.units[layer].index
            group.attrs["unit_shape"] = sampled.units[layer].shape
        file.attrs.update(attributes)


def read_sampled(
    path: str | os.PathLike[str],
    layers: Sequence[str],
    stimulus_id: Sequence[str] | None = None,
) -> SampledUnits:
    """Read the sampled units of some layers, in the order of the file or of `stimulus_id`.

    Raises
    ------
    InputError
        If the file lacks a layer or a stimulus.
    """
    with reading(path, "sampled units") as file:
        known = strings(file["stimulus_id"])
        there = file["layers"]
        for layer in layers:
            if layer not in there:
                raise InputError(f"{path}: no layer {layer!r}, found {', '.join(there)}")
        features = {layer: there[layer]["features"][:] for layer in layers}
        units = {layer: _units(there[layer]) for layer in layers}
    if stimulus_id is None:
        return SampledUnits(known, features, units)
    rows = rows_of(path, known, stimulus_id)
    return SampledUnits(list(stimulus_id), {key: f[rows] for key, f in features.items()}, units)


def _units(group: h5py.Group) -> Units:
    """The units of a layer's group."""
    return Units(tuple(int(n) for n in group.attrs["unit_shape"]), group["unit"][:])
