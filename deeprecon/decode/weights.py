"""Files of decoder weights, written if the setting `save_weights` is true.

Layout: `selected` (n_units, n_selected), columns of the region's voxels, absent if every unit
uses all voxels; `weights` (n_units, n_selected) float32; `intercept`, `mean` and `sd` (n_units,);
`x_mean` and `x_sd` (n_voxels,); `unit` (n_units,), if only some units are decoded; attribute
`unit_shape`. Units are in C order. A unit is predicted by
(sum of weights * ((x - x_mean) / x_sd)[selected] + intercept) * sd + mean.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.decode.layer import Columns, FittedUnits, TrainingVoxels, divisor
from deeprecon.decode.ridge import TopKSolution
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, writing


class WeightsFile:
    """Weights of all units of a layer, written block by block."""

    def __init__(self, file: h5py.File, training: TrainingVoxels, n_units: int) -> None:
        self._file, self._n_units, self._lock = file, n_units, Lock()
        file["x_mean"], file["x_sd"] = training.x_mean, training.x_sd
        n_voxels = len(training.x_mean)
        self._column = np.uint16 if n_voxels <= np.iinfo(np.uint16).max else np.uint32
        for name in ("intercept", "mean", "sd"):
            file.create_dataset(name, (n_units,), np.float32)

    def putter(self, offset: int) -> Callable[[Columns, FittedUnits], None]:
        """Make a function that writes decoders; `offset` is the index of their first unit."""

        def put(columns: Columns, fitted: FittedUnits) -> None:
            if not isinstance(columns, slice):
                raise TypeError("units that are not consecutive cannot be written")
            self._put(slice(columns.start + offset, columns.stop + offset), fitted)

        return put

    def _put(self, units: slice, fitted: FittedUnits) -> None:
        with self._lock:  # threads share the file
            self._write(units, fitted)

    def _write(self, units: slice, fitted: FittedUnits) -> None:
        solution = fitted.solution
        if not isinstance(solution, TopKSolution):
            raise TypeError(f"{type(solution).__name__} has no weights of voxels")
        parts = {"weights": solution.weights, "selected": solution.selected}
        for name, values in parts.items():
            if values is None:
                continue
            if name not in self._file:
                dtype = self._column if name == "selected" else np.float32
                self._file.create_dataset(name, (self._n_units, values.shape[1]), dtype)
            self._file[name][units] = values
        self._file["intercept"][units] = solution.intercept
        self._file["mean"][units], self._file["sd"][units] = fitted.mean, fitted.sd


@contextmanager
def new_weights(
    path: str | os.PathLike[str],
    training: TrainingVoxels,
    unit_shape: tuple[int, ...],
    attributes: Mapping[str, str],
    unit: NDArray[np.int64] | None = None,
) -> Iterator[WeightsFile]:
    """Open a file of weights for writing; it appears only if the block succeeds.

    Parameters
    ----------
    path : HDF5 file
    training : voxels that the decoders are trained on
    unit_shape : shape of the layer
    attributes : attributes of the file
    unit : indices of the decoded units, if only some are decoded
    """
    with writing(path) as file:
        n_units = len(unit) if unit is not None else int(np.prod(unit_shape, dtype=int))
        yield WeightsFile(file, training, n_units)
        if unit is not None:
            file["unit"] = unit
        file.attrs.update(attributes)
        file.attrs["unit_shape"] = unit_shape


def predict_from_weights(path: str | os.PathLike[str], X: ArrayLike) -> NDArray[np.float32]:
    """Decode samples X (n_samples, n_voxels), averaged but not standardised, with saved weights.

    Returns
    -------
    (n_samples, *unit_shape), or (n_samples, n_units) if only some units were decoded

    Raises
    ------
    InputError
        If the file does not contain decoder weights, or X has another number of voxels.
    """
    samples = np.asarray(X, np.float32)
    with reading(path, "decoder weights") as file:
        sd = file["x_sd"][:]
        if samples.ndim != 2 or samples.shape[1] != len(sd):
            raise InputError(f"{path}: samples of shape {samples.shape}, expected (n, {len(sd)})")
        scaled = (samples - file["x_mean"][:]) / divisor(sd)
        selected = file["selected"][:].astype(np.int32) if "selected" in file else None
        solution = TopKSolution(selected, file["weights"][:], file["intercept"][:])
        predicted = solution.predict(scaled.astype(np.float32)) * file["sd"][:] + file["mean"][:]
        unit_shape = predicted.shape[1:] if "unit" in file else tuple(file.attrs["unit_shape"])
    decoded: NDArray[np.float32] = predicted.reshape(len(samples), *unit_shape)
    return decoded
