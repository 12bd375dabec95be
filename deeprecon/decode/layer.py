"""What the lab does around the model: scale, repeat, average, and give the units back their scale.

Reproduces KamitaniLab/feature-decoding's train_decoder_fastl2lir.py and its prediction script:
voxels are standardised over all training samples, units over the UNIQUE training stimuli, both
with ddof=1; test samples of one stimulus are averaged before they are standardised.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from deeprecon.decode.ridge import Floats, TopKRidge, sum_rows
from deeprecon.errors import InputError


def _divisor(sd: Floats) -> Floats:
    """What to divide by so that a column whose SD is 0 becomes 0."""
    return np.where(sd > 0, sd, np.inf).astype(sd.dtype)


def _standardise(values: Floats) -> tuple[Floats, Floats]:
    """Standardise each column in place; return the means and the SDs (ddof=1) that it had.

    A constant column's SD is exactly 0: one that comes from rounding, as the divisor, would turn
    the column into one of variance 1.
    """
    constant = (values == values[0]).all(axis=0)
    mean = values.mean(axis=0, dtype=np.float64).astype(values.dtype)
    values -= mean
    squares = np.einsum("i...,i...->...", values, values, dtype=np.float64)
    sd = np.sqrt(squares / (len(values) - 1)).astype(values.dtype)
    sd[constant] = 0
    values /= _divisor(sd)
    return mean, sd


def _check_finite(name: str, values: Floats, stimulus_id: Sequence[str]) -> None:
    """Raise InputError that names the first row with NaN or infinity."""
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(f"{name}: row {row} ({stimulus_id[row]}) has NaN or infinity")


def _samples(X: ArrayLike, stimulus_id: Sequence[str]) -> Floats:
    """A new (n_samples, n_voxels) array of float32, if X is that, or float64."""
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    samples: Floats = np.array(X, dtype)
    if samples.ndim != 2 or not samples.size or len(samples) != len(stimulus_id):
        raise InputError(
            f"samples: array of shape {samples.shape}, expected (n_samples, n_voxels) "
            f"with one row for each of {len(stimulus_id)} stimulus ids"
        )
    _check_finite("samples", samples, stimulus_id)
    return samples


def _first_seen(stimulus_id: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The unique ids in order of first appearance, and the place of each row's id among them."""
    place = {name: i for i, name in enumerate(dict.fromkeys(stimulus_id))}
    return list(place), np.array([place[name] for name in stimulus_id], np.intp)


def _feature_rows(features: Floats, known: Sequence[str], shown: Sequence[str]) -> list[int]:
    """Row of `features`, which belong to the stimuli `known`, for each stimulus `shown`."""
    if features.ndim < 2 or len(features) != len(known):
        raise InputError(
            f"features: array of shape {features.shape}, expected (n_stimuli, *unit_shape) "
            f"with one row for each of {len(known)} stimulus ids"
        )
    row = {name: i for i, name in enumerate(known)}
    if len(row) < len(known):
        twice = next(name for i, name in enumerate(known) if row[name] != i)
        raise InputError(f"features: stimulus {twice!r} has two rows, expected one")
    missing = [name for name in shown if name not in row]
    if missing:
        raise InputError(
            f"features: no row for {len(missing)} of {len(shown)} stimuli that were shown, "
            f"such as {missing[0]!r}"
        )
    if len(shown) < 2:
        raise InputError(f"samples: {len(shown)} stimulus, expected 2 or more")
    return [row[name] for name in shown]


class LayerDecoder(BaseEstimator):
    """Decode all units of one layer from the voxels of one region.

    Parameters
    ----------
    model : TopKRidge, optional
        Any regressor with its `fit(X, Y, stimulus_index)` and `predict(X)`; a copy is fitted.
        None: TopKRidge() with its default settings.

    Attributes
    ----------
    model_ : TopKRidge
        Fitted to standardised voxels and units.
    x_mean_, x_sd_ : (n_voxels,) arrays
        Over training samples.
    y_mean_, y_sd_ : (*unit_shape) arrays
        Over unique training stimuli; scores and target statistics need them.
    stimulus_id_ : list of str
        Training stimuli, in order of first appearance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features = rng.standard_normal((20, 3, 4))
    >>> names = [f"image{i}" for i in range(20)]
    >>> X = np.tile(features.reshape(20, 12), (5, 1)) + rng.standard_normal((100, 12))
    >>> decoder = LayerDecoder(TopKRidge(n_voxels=6)).fit(X, names * 5, features, names)
    >>> decoded, stimuli = decoder.predict(X[[3, 23, 1]], ["image3", "image3", "image1"])
    >>> decoded.shape, stimuli
    ((2, 3, 4), ['image3', 'image1'])
    """

    def __init__(self, model: TopKRidge | None = None) -> None:
        self.model = model

    def fit(
        self,
        X: ArrayLike,
        stimulus_id: Sequence[str],
        features: Floats,
        feature_stimulus_id: Sequence[str],
    ) -> Self:
        """Fit the decoder of one layer.

        Parameters
        ----------
        X : (n_samples, n_voxels) array
            Training samples, repeats not averaged.
        stimulus_id : n_samples strings
            Stimulus of each row of X.
        features : (n_stimuli, *unit_shape) array
            One row for each stimulus. Worked on in the precision of X: float32 if X is float32,
            else float64. Not changed.
        feature_stimulus_id : n_stimuli strings
            Stimulus of each row of `features`. Stimuli without a sample are left out.

        Raises
        ------
        InputError
            If a sample's stimulus has no features or two, if fewer than 2 stimuli were shown, if
            rows and ids do not fit together, or if a value is not finite.
        """
        samples = _samples(X, stimulus_id)
        self.stimulus_id_, index = _first_seen(stimulus_id)
        rows = _feature_rows(features, feature_stimulus_id, self.stimulus_id_)
        targets = features[rows].astype(samples.dtype, copy=False)
        _check_finite("features", targets, self.stimulus_id_)
        self.x_mean_, self.x_sd_ = _standardise(samples)
        self.y_mean_, self.y_sd_ = _standardise(targets)
        self.model_ = TopKRidge() if self.model is None else clone(self.model)
        self.model_.fit(samples, targets, stimulus_index=index)
        return self

    def predict(
        self, X: ArrayLike, stimulus_id: Sequence[str]
    ) -> tuple[NDArray[np.float32], list[str]]:
        """Decode the features of each stimulus from the average of its samples.

        Parameters
        ----------
        X : (n_samples, n_voxels) array
        stimulus_id : n_samples strings
            Stimulus of each row of X. To decode single samples give each row an id of its own.

        Returns
        -------
        features : (n_stimuli, *unit_shape) float32 array
            In the units of the training features.
        stimulus_id : list of n_stimuli strings
            In order of first appearance.
        """
        check_is_fitted(self)
        samples = _samples(X, stimulus_id)
        if samples.shape[1] != len(self.x_mean_):
            raise InputError(
                f"samples: {samples.shape[1]} voxels, expected {len(self.x_mean_)} as in training"
            )
        stimuli, index = _first_seen(stimulus_id)
        mean = sum_rows(samples, index, len(stimuli)) / np.bincount(index)[:, None]
        decoded = self.model_.predict((mean - self.x_mean_) / _divisor(self.x_sd_))
        decoded *= self.y_sd_
        decoded += self.y_mean_
        return decoded.astype(np.float32, copy=False), stimuli
