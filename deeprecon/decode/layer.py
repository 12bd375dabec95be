"""Scaling and averaging around the decoders, as the Kamitani lab does it.

This reproduces KamitaniLab/feature-decoding's train_decoder_fastl2lir.py and its prediction script:
voxels are standardised over all training samples, units over the UNIQUE training stimuli, both
with ddof=1; test samples of one stimulus are averaged before they are standardised.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.decode.design import Design, Floats, sum_rows
from deeprecon.decode.parallel import in_threads
from deeprecon.errors import InputError
from deeprecon.features.units import Units
from deeprecon.hdf5 import strings

Columns = slice | NDArray[np.intp]  # columns of a table of units


def divisor(sd: Floats) -> Floats:
    """Divisors (n_columns,) for centred columns: the SD, or infinity where it is 0."""
    return np.where(sd > 0, sd, np.inf).astype(sd.dtype)


def _standardise(values: Floats) -> tuple[Floats, Floats]:
    """Standardise each column in place; return the previous means and SDs (ddof=1).

    The SD of a constant column is exactly 0: dividing by one that came from rounding would turn the
    column into noise of variance 1.
    """
    constant = (values == values[0]).all(axis=0)
    mean = values.mean(axis=0, dtype=np.float64).astype(values.dtype)
    values -= mean
    squares = np.einsum("i...,i...->...", values, values, dtype=np.float64)
    sd = np.sqrt(squares / (len(values) - 1)).astype(values.dtype)
    sd[constant] = 0
    values /= divisor(sd)
    return mean, sd


def _check_finite(name: str, values: Floats, stimulus_id: Sequence[str]) -> None:
    """Raise InputError that names the first row with NaN or infinity."""
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(f"{name}: row {row} ({stimulus_id[row]}) has NaN or infinity")


def _samples(X: ArrayLike, stimulus_id: Sequence[str]) -> Floats:
    """Copy X as a (n_samples, n_voxels) array: float32 if X is float32, otherwise float64."""
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    samples: Floats = np.array(X, dtype)
    if samples.ndim != 2 or not samples.size or len(samples) != len(stimulus_id):
        raise InputError(
            f"samples: array of shape {samples.shape}, expected (n_samples, n_voxels) "
            f"with one row for each of {len(stimulus_id)} stimulus ids"
        )
    empty = ~np.isfinite(samples).any(axis=0)
    if empty.any():
        raise InputError(
            f"samples: {empty.sum()} of {samples.shape[1]} voxels have no number at all, "
            f"such as that of column {int(np.argmax(empty))}"
        )
    _check_finite("samples", samples, stimulus_id)
    return samples


def _first_seen(stimulus_id: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The unique ids in order of first appearance, and the index of each row's id among them."""
    index = {name: i for i, name in enumerate(dict.fromkeys(stimulus_id))}
    return list(index), np.array([index[name] for name in stimulus_id], np.intp)


def average_trials(
    X: ArrayLike, stimulus_id: Sequence[str], n_repetitions: int | None = None
) -> tuple[Floats, list[str]]:
    """Average the samples of each stimulus, as test samples are before decoding.

    Parameters
    ----------
    X : (n_samples, n_voxels) array
    stimulus_id : n_samples strings
        Stimulus of each row, in order of presentation.
    n_repetitions : int, optional
        Average only the first `n_repetitions` samples of each stimulus. The default is all.

    Returns
    -------
    averages : (n_stimuli, n_voxels) array
    stimulus_id : list of n_stimuli strings
        In order of first appearance.

    Raises
    ------
    InputError
        If a stimulus has fewer samples.

    Examples
    --------
    >>> average_trials([[1.0], [5.0], [3.0], [9.0]], ["a", "b", "a", "a"], n_repetitions=2)
    Traceback (most recent call last):
    deeprecon.errors.InputError: samples: 1 of stimulus 'b', expected 2 or more to average
    >>> average_trials([[1.0], [5.0], [3.0], [9.0]], ["a", "b", "a", "a"])
    (array([[4.33333333],
           [5.        ]]), ['a', 'b'])
    """
    samples = _samples(X, stimulus_id)
    stimuli, index = _first_seen(stimulus_id)
    counts = np.bincount(index)
    if n_repetitions is not None:
        few = int(np.argmin(counts))
        if counts[few] < n_repetitions:
            raise InputError(
                f"samples: {counts[few]} of stimulus {stimuli[few]!r}, "
                f"expected {n_repetitions} or more to average"
            )
        kept = repetition(stimulus_id) <= n_repetitions
        samples, index = samples[kept], index[kept]
    return sum_rows(samples, index, len(stimuli)) / np.bincount(index)[:, None], stimuli


def repetition(stimulus_id: Sequence[str]) -> NDArray[np.intp]:
    """Number of each sample among the presentations of its stimulus, from 1.

    Examples
    --------
    >>> repetition(["a", "b", "a", "a"])
    array([1, 1, 2, 3])
    """
    seen: Counter[str] = Counter()
    counts = []
    for name in stimulus_id:
        seen[name] += 1
        counts.append(seen[name])
    return np.array(counts, np.intp)


@dataclass(frozen=True)
class TrainingVoxels:
    """Standardised training samples of a region, for the decoders of all layers.

    Attributes
    ----------
    stimulus_id : list of n_stimuli strings
        Training stimuli, in order of first appearance.
    x_mean, x_sd : (n_voxels,) arrays
        Means and SDs (ddof=1) of the training samples before they were standardised.
    design : Design
        The design of the standardised samples.
    """

    stimulus_id: list[str]
    x_mean: Floats
    x_sd: Floats
    design: Design

    @classmethod
    def of(cls, X: ArrayLike, stimulus_id: Sequence[str]) -> Self:
        """Standardise samples X (n_samples, n_voxels), not averaged, with the stimulus of each.

        Voxels and units are processed in float32 if X is float32, otherwise in float64.

        Raises
        ------
        InputError
            If rows and ids do not match, a value is not finite, or there is only one stimulus.
        """
        samples = _samples(X, stimulus_id)
        stimuli, index = _first_seen(stimulus_id)
        if len(stimuli) < 2:
            raise InputError(f"samples: {len(stimuli)} stimulus, expected 2 or more")
        mean, sd = _standardise(samples)
        return cls(stimuli, mean, sd, Design.of(samples, index, len(stimuli)))

    def standardised(self, X: ArrayLike) -> Floats:
        """Standardise test samples (n_samples, n_voxels) with `x_mean` and `x_sd`."""
        samples = np.asarray(X)
        if samples.shape[1] != len(self.x_mean):
            raise InputError(
                f"samples: {samples.shape[1]} voxels, expected {len(self.x_mean)} as in training"
            )
        scaled: Floats = (samples - self.x_mean) / divisor(self.x_sd)
        return scaled.astype(self.x_mean.dtype, copy=False)

    def rows_of(self, known: Sequence[str]) -> list[int]:
        """Row of each training stimulus in `known`, the stimuli that have features.

        Raises
        ------
        InputError
            If a stimulus has no features, or features in two rows.
        """
        row = {name: i for i, name in enumerate(known)}
        if len(row) < len(known):
            twice = next(name for i, name in enumerate(known) if row[name] != i)
            raise InputError(f"features: stimulus {twice!r} has two rows, expected one")
        missing = [name for name in self.stimulus_id if name not in row]
        if missing:
            raise InputError(
                f"features: no row for {len(missing)} of {len(self.stimulus_id)} stimuli that "
                f"were shown, such as {missing[0]!r}"
            )
        return [row[name] for name in self.stimulus_id]

    def write(self, file: h5py.Group) -> None:
        """Write the datasets that `read` reads."""
        file["x_mean"], file["x_sd"] = self.x_mean, self.x_sd
        file["stimulus_id"] = self.stimulus_id
        self.design.write(file.create_group("design"))

    @classmethod
    def read(cls, file: h5py.Group) -> Self:
        """Read what `write` wrote."""
        stimuli = strings(file["stimulus_id"])
        return cls(stimuli, file["x_mean"][:], file["x_sd"][:], Design.read(file["design"]))


class Solution(Protocol):
    """Fitted models of some units."""

    def predict(self, X: Floats) -> Floats:
        """Predict (n_samples, n_units) from X (n_samples, n_voxels)."""


class Solver(Protocol):
    """Fits models of units to the training samples of a region."""

    def groups(self, units: Units) -> Sequence[Columns]:
        """Columns of the units that are solved together."""

    def solve(self, Y: Floats) -> Solution:
        """Models of the units Y (n_stimuli, n_units)."""


class Model(Protocol):
    """Settings of a kind of decoder, such as `TopKRidge`."""

    def solver(self, design: Design) -> Solver:
        """Solver of this model for the training samples of a region."""


class FittedUnits(NamedTuple):
    """Decoders of some units: prediction = solution(standardised voxels) * sd + mean."""

    solution: Solution
    mean: Floats
    sd: Floats


class LayerDecoder:
    """Decodes units of any layer from the voxels of one region.

    Parameters
    ----------
    training : TrainingVoxels
    model : decoder, such as `TopKRidge()`
    n_jobs : int, optional
        Number of threads (None: 1, -1: all cores).

    Examples
    --------
    >>> from deeprecon.decode.ridge import TopKRidge
    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((20, 3, 4))
    >>> names = [f"image{i}" for i in range(20)]
    >>> X = np.tile(features.reshape(20, 12), (5, 1)) + rng.standard_normal((100, 12))
    >>> decoder = LayerDecoder(TrainingVoxels.of(X, names * 5), TopKRidge(n_voxels=6))
    >>> test, stimuli = average_trials(X[[3, 23, 1]], ["image3", "image3", "image1"])
    >>> decoder.decode(features, names, test).shape, stimuli
    ((2, 3, 4), ['image3', 'image1'])
    """

    def __init__(self, training: TrainingVoxels, model: Model, n_jobs: int | None = None) -> None:
        self.training = training
        self.n_jobs = n_jobs
        self._solver = model.solver(training.design)

    def decode(
        self,
        features: Floats,
        known: Sequence[str],
        X: ArrayLike,
        units: Units | None = None,
        keep: Callable[[Columns, FittedUnits], None] | None = None,
    ) -> NDArray[np.float32]:
        """Train the decoders of some units and predict with them. The decoders are not kept.

        Parameters
        ----------
        features : (n_stimuli, *unit_shape) array
            Features of the training stimuli, in any order; there may be more. Not modified.
        known : n_stimuli strings
            Stimulus of each row of `features`.
        X : (n_test, n_voxels) array
            Averaged test samples, see `average_trials`.
        units : Units, optional
            The units, if `features` has only some units of a layer, as (n_stimuli, n_units).
        keep : optional
            Function called with the columns (in C order) of the units that were solved together,
            and with their decoders.

        Returns
        -------
        (n_test, *unit_shape) float32 array
            Decoded features, on the scale of the training features.

        Raises
        ------
        InputError
            If a training stimulus does not have exactly one row of features, if rows and ids do not
            match, or if a value is not finite.
        """
        if features.ndim < 2 or len(features) != len(known):
            raise InputError(
                f"features: array of shape {features.shape}, expected (n_stimuli, *unit_shape) "
                f"with one row for each of {len(known)} stimulus ids"
            )
        rows = self.training.rows_of(known)
        flat = features.reshape(len(features), -1)
        test = self.training.standardised(X)
        decoded = np.empty((len(test), flat.shape[1]), np.float32)

        def work(columns: Columns) -> None:
            targets = flat[:, columns][rows].astype(test.dtype, copy=False)
            _check_finite("features", targets, self.training.stimulus_id)
            mean, sd = _standardise(targets)
            solution = self._solver.solve(targets)
            decoded[:, columns] = solution.predict(test) * sd + mean
            if keep is not None:
                keep(columns, FittedUnits(solution, mean, sd))

        which = Units.every(features.shape[1:]) if units is None else units
        for _ in in_threads(work, self._solver.groups(which), self.n_jobs):
            pass
        return decoded.reshape(len(test), *features.shape[1:])
