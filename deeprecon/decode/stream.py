"""Decode a layer of any size: read, train, predict and write block by block."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.weights import new_weights
from deeprecon.errors import about
from deeprecon.features.sampled import blocks_of
from deeprecon.features.store import FeatureFile, new_features
from deeprecon.features.units import Units

Path = str | os.PathLike[str]


class Wanted(NamedTuple):
    """Test samples, and the file for what is decoded from them.

    Attributes
    ----------
    path : HDF5 file
    X : (n_samples, n_voxels), averaged or not
    stimulus_id : n_samples strings
    repetition : (n_samples,) or None, if averaged
    """

    path: Path
    X: NDArray[np.floating]
    stimulus_id: list[str]
    repetition: NDArray[np.intp] | None = None


def permuted(stimulus_id: Sequence[str], seed: int) -> list[str]:
    """Stimuli in another order: of a control that must decode nothing."""
    return [str(name) for name in np.random.default_rng(seed).permutation(list(stimulus_id))]


def decode_layer(
    decoder: LayerDecoder,
    features: Path,
    wanted: Sequence[Wanted],
    attributes: Mapping[str, str],
    *,
    units: NDArray[np.int64] | None = None,
    permutation_seed: int | None = None,
    weights: Path | None = None,
) -> None:
    """Train the decoders of a layer, and write the features of all stimulus sets.

    At no time are more than `deeprecon.features.store.MAX_BLOCK_VALUES` of training and decoded
    features in memory. The files appear together at the end, or none does.

    Parameters
    ----------
    decoder : LayerDecoder
    features : file of the training features
    wanted : test samples and the files to write
    attributes : of these files
    units : decode only these, places in C order, ascending
    permutation_seed : train on permuted stimuli
    weights : file for the weights; not written, if None

    Raises
    ------
    InputError
        If a stimulus of training has no features, or a value is not finite.
    """
    tests = np.concatenate([part.X for part in wanted])
    bounds = np.cumsum([0, *(len(part.X) for part in wanted)])
    file = FeatureFile.of(features)
    known = file.stimulus_id
    if permutation_seed is not None:
        known = permuted(known, permutation_seed)
    with ExitStack() as stack:
        outputs = [stack.enter_context(_output(part, file, units, attributes)) for part in wanted]
        kept = None
        if weights is not None:
            new = new_weights(weights, decoder.training, file.unit_shape, attributes, units)
            kept = stack.enter_context(new)
        for rows, block, which in _blocks(file, units, len(tests)):
            put = None if kept is None else kept.putter(rows.start * _width(block))
            with about(features):
                decoded = decoder.decode(block, known, tests, which, put)
            for values, start, stop in zip(outputs, bounds[:-1], bounds[1:], strict=True):
                values[:, rows] = decoded[start:stop]


def _output(
    part: Wanted,
    file: FeatureFile,
    units: NDArray[np.int64] | None,
    attributes: Mapping[str, str],
) -> AbstractContextManager[h5py.Dataset]:
    """The array to fill with what is decoded from some test samples."""
    more: dict[str, ArrayLike] = {}
    if part.repetition is not None:
        more["repetition"] = part.repetition
    if units is None:
        return new_features(part.path, file.unit_shape, part.stimulus_id, attributes, more)
    more |= {"unit": units, "unit_shape": file.unit_shape}
    return new_features(part.path, (len(units),), part.stimulus_id, attributes, more)


def _width(block: NDArray[np.float32]) -> int:
    """Units in a row of the first axis of the units."""
    return int(np.prod(block.shape[2:], dtype=int))


def _blocks(
    file: FeatureFile, units: NDArray[np.int64] | None, n_tests: int
) -> Iterator[tuple[slice, NDArray[np.float32], Units]]:
    """Training features block by block, their rows in the output, and which units they are."""
    if units is not None:
        for rows, block in blocks_of(file, units):
            yield rows, block, Units(file.unit_shape, units[rows])
        return
    for rows in file.blocks(n_tests):
        block = file.read(rows)
        yield rows, block, Units.every(block.shape[1:])
