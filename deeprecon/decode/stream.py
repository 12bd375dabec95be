"""Decode a layer of any size block by block: read, train, predict and write."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.region import DecoderInput
from deeprecon.decode.weights import new_weights
from deeprecon.errors import about
from deeprecon.features.sampled import blocks_of, sample_units
from deeprecon.features.store import FeatureFile, new_features
from deeprecon.features.units import Units

Path = str | os.PathLike[str]


def permuted(stimulus_id: Sequence[str], seed: int) -> list[str]:
    """Permute stimulus labels for a control decoder, whose accuracy must be at chance."""
    return [str(name) for name in np.random.default_rng(seed).permutation(list(stimulus_id))]


def units_to_decode(
    features: Path, n_units: int | None, layer: str, seed: int
) -> NDArray[np.int64] | None:
    """Indices of the units of a layer to decode, see `sample_units`; None: all."""
    if n_units is None:
        return None
    return sample_units(FeatureFile.of(features).unit_shape, n_units, layer, seed)


def decode_layer(
    decoder: LayerDecoder,
    features: Path,
    tests: Mapping[Path, DecoderInput],
    attributes: Mapping[str, str],
    *,
    units: NDArray[np.int64] | None = None,
    permutation_seed: int | None = None,
    weights: Path | None = None,
) -> None:
    """Train the decoders of a layer, and write the features of all stimulus sets.

    No more than `deeprecon.features.store.MAX_BLOCK_VALUES` training and decoded features are in
    memory at once. Either all files appear at the end, or none.

    Parameters
    ----------
    decoder : LayerDecoder
    features : HDF5 file of the training features
    tests : HDF5 file to write -> samples to decode
    attributes : attributes of these files
    units : indices of the units to decode, in C order, ascending; all, if None
    permutation_seed : if given, train on permuted stimuli
    weights : HDF5 file for the weights; not written, if None

    Raises
    ------
    InputError
        If a training stimulus has no features, or a value is not finite.
    """
    X = np.concatenate([samples.X for samples in tests.values()])
    bounds = np.cumsum([0, *(len(samples.X) for samples in tests.values())])
    file = FeatureFile.of(features)
    known = file.stimulus_id
    if permutation_seed is not None:
        known = permuted(known, permutation_seed)
    with ExitStack() as stack:
        outputs = [
            stack.enter_context(_output(path, samples, file, units, attributes))
            for path, samples in tests.items()
        ]
        kept = None
        if weights is not None:
            new = new_weights(weights, decoder.training, file.unit_shape, attributes, units)
            kept = stack.enter_context(new)
        for rows, block, which in _blocks(file, units, len(X)):
            put = None if kept is None else kept.putter(rows.start * _width(block))
            with about(features):
                decoded = decoder.decode(block, known, X, which, put)
            for values, start, stop in zip(outputs, bounds[:-1], bounds[1:], strict=True):
                values[:, rows] = decoded[start:stop]


def _output(
    path: Path,
    samples: DecoderInput,
    file: FeatureFile,
    units: NDArray[np.int64] | None,
    attributes: Mapping[str, str],
) -> AbstractContextManager[h5py.Dataset]:
    """Create the dataset for the features decoded from some test samples."""
    more: dict[str, ArrayLike] = {}
    if samples.repetition is not None:
        more["repetition"] = samples.repetition
    if units is None:
        return new_features(path, file.unit_shape, samples.stimulus_id, attributes, more)
    more |= {"unit": units, "unit_shape": file.unit_shape}
    return new_features(path, (len(units),), samples.stimulus_id, attributes, more)


def _width(block: NDArray[np.float32]) -> int:
    """Number of units for each index of their first axis."""
    return int(np.prod(block.shape[2:], dtype=int))


def _blocks(
    file: FeatureFile, units: NDArray[np.int64] | None, n_tests: int
) -> Iterator[tuple[slice, NDArray[np.float32], Units]]:
    """For each block of training features: its units in the output, the features, their units."""
    if units is not None:
        for rows, block in blocks_of(file, units):
            yield rows, block, Units(file.unit_shape, units[rows])
        return
    for rows in file.blocks(n_tests):
        block = file.read(rows)
        yield rows, block, Units.every(block.shape[1:])
