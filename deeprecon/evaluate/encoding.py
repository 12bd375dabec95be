"""Brain correlation: measured responses and those that an encoding model predicts for an image.

An encoding model predicts voxels from network features of images. It is trained on the training
images of the same subject and sees neither reconstructions nor test responses. Voxels that it does
not predict for held-out training images are left out, as MindEye2 does with its GNet encoder; this
model is the ridge counterpart of that encoder.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

from deeprecon.decode.region import Region
from deeprecon.errors import InputError
from deeprecon.evaluate.registry import BrainMetric, metrics_of
from deeprecon.evaluate.suite import Score, identification_scores
from deeprecon.evaluate.units import take_units
from deeprecon.features.units import Units
from deeprecon.hdf5 import reading, writing
from deeprecon.stats.correlation import correlation

ALPHAS = (0.01, 0.1, 1.0, 10.0)  # in units of the mean diagonal of the kernel
MINIMUM_Z = 3.0  # minimum held-out correlation of a voxel, in standard errors, 1 / sqrt(n images)
MINIMUM_VOXELS = 10

Array = NDArray[np.floating]


def solve_kernel_ridge(kernel: Array, Y: Array, alpha: float) -> NDArray[np.float64]:
    """Dual weights (n, n_voxels) of kernel ridge regression.

    Parameters
    ----------
    kernel : (n, n)
    Y : (n, n_voxels)
    alpha : penalty, in units of the kernel's mean diagonal

    Examples
    --------
    >>> solve_kernel_ridge(np.eye(2), np.array([[2.0], [4.0]]), alpha=1.0)
    array([[1.],
           [2.]])
    """
    ridge = alpha * float(np.diagonal(kernel).mean())
    weights: NDArray[np.float64] = cho_solve(
        cho_factor(kernel + ridge * np.eye(len(kernel)), lower=True), Y
    )
    return weights


@dataclass(frozen=True)
class EncodingModel:
    """Ridge regression from network features to voxels.

    Attributes
    ----------
    features : (n, n_units) standardised features of the training images
    mean, sd : (n_units,) with which features are standardised
    weights : (n, n_voxels) dual weights
    intercept : (n_voxels,)
    accuracy : (n_voxels,) correlation on held-out training images
    alpha : penalty, chosen on held-out training images
    """

    features: NDArray[np.float32]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    alpha: float

    @classmethod
    def fit(cls, features: Array, voxels: Array, folds: Sequence[ArrayLike]) -> Self:
        """Train on all images, and measure accuracy on held-out images.

        Parameters
        ----------
        features : (n, n_units), units of all layers concatenated
        voxels : (n, n_voxels), averaged over the repetitions of each image
        folds : rows of the images of each fold; crops of one photograph are in the same fold

        Raises
        ------
        InputError
            If rows do not match, or there are fewer than two folds.
        """
        if len(features) != len(voxels) or len(folds) < 2:
            raise InputError(
                f"encoding model: {len(features)} images, {len(voxels)} responses and "
                f"{len(folds)} folds; expected equal numbers and at least 2 folds"
            )
        mean, sd = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        sd[sd == 0] = 1
        z = ((features - mean) / sd).astype(np.float32)
        kernel = (z @ z.T).astype(np.float64)
        predicted = {alpha: np.zeros(voxels.shape) for alpha in ALPHAS}
        for fold in folds:
            held = np.zeros(len(z), bool)
            held[np.asarray(fold)] = True
            level = voxels[~held].mean(axis=0)
            for alpha in ALPHAS:
                weights = solve_kernel_ridge(kernel[~held][:, ~held], voxels[~held] - level, alpha)
                predicted[alpha][held] = kernel[held][:, ~held] @ weights + level
        accuracy = {alpha: np.nan_to_num(correlation(predicted[alpha], voxels)) for alpha in ALPHAS}
        best = max(ALPHAS, key=lambda alpha: float(accuracy[alpha].mean()))
        intercept = voxels.mean(axis=0, dtype=np.float64)
        weights = solve_kernel_ridge(kernel, voxels - intercept, best)
        return cls(z, mean, sd, weights, intercept, accuracy[best], best)

    @property
    def used(self) -> NDArray[np.bool_]:
        """Whether each voxel is predicted well enough to be compared, (n_voxels,)."""
        return self.accuracy >= self.minimum_accuracy

    @property
    def minimum_accuracy(self) -> float:
        """Held-out correlation below which a voxel is left out."""
        return MINIMUM_Z / math.sqrt(len(self.features))

    def predict(self, features: Array) -> NDArray[np.float64]:
        """Responses (m, n_voxels) to images with features (m, n_units)."""
        if features.shape[1] != len(self.mean):
            raise InputError(
                f"encoding model: features of {features.shape[1]} units, expected {len(self.mean)}"
            )
        z = (features - self.mean) / self.sd
        predicted: NDArray[np.float64] = (z @ self.features.T) @ self.weights + self.intercept
        return predicted

    def not_usable(self) -> str | None:
        """Why responses to reconstructions cannot be compared; None if they can."""
        n = int(self.used.sum())
        if n >= MINIMUM_VOXELS:
            return None
        return (
            f"not computed: the encoding model predicts {n} of {len(self.used)} voxels at a "
            f"correlation of {self.minimum_accuracy:.2f} on held-out training images, "
            f"{MINIMUM_VOXELS} needed"
        )

    def patterns(self, features: Array) -> NDArray[np.float64]:
        """Predicted responses (m, n_used) of the voxels that are used."""
        return self.predict(features)[:, self.used]

    def save(self, path: str | os.PathLike[str], attributes: Mapping[str, str]) -> None:
        """Write an HDF5 file."""
        with writing(path) as file:
            for name in ("features", "mean", "sd", "weights", "intercept", "accuracy"):
                file[name] = getattr(self, name)
            file.attrs.update(attributes)
            file.attrs["alpha"] = self.alpha

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file written by `save`."""
        with reading(path, "encoding model") as file:
            names = ("features", "mean", "sd", "weights", "intercept", "accuracy")
            return cls(**{name: file[name][:] for name in names}, alpha=float(file.attrs["alpha"]))


def brain_correlation(measured: Array, predicted: Array) -> NDArray[np.float64]:
    """Correlation over voxels between measured and predicted responses to each image: (n,).

    Parameters
    ----------
    measured, predicted : (n, n_voxels)
        All voxels on one scale, such as z scores of the training samples.

    Raises
    ------
    InputError
        If the shapes differ.

    Examples
    --------
    >>> brain_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 3.0, 5.0]]))
    array([1.])
    """
    if predicted.shape != measured.shape:
        raise InputError(
            f"predicted responses have shape {predicted.shape}, measured {measured.shape}"
        )
    r: NDArray[np.float64] = np.nan_to_num(correlation(measured.T, predicted.T))
    return np.round(r, 12)


def brain_scores(
    model: EncodingModel,
    features: Mapping[str, Array],
    units: Mapping[str, Units],
    region: Region,
    stimulus_set: str,
    stimulus_id: Sequence[str],
    size: int,
) -> Iterator[Score]:
    """Brain correlation of a set of images, and identification by predicted responses.

    Parameters
    ----------
    model : encoding model of the same subject and region
    features : layer -> (n, *unit_shape) features of the images
    units : layer -> units with which the model was trained
    region : voxels; test samples are averaged over repetitions
    stimulus_set : name of the set
    stimulus_id : stimuli of the n images
    size : side of the images, pixels
    """
    measured = responses(region, stimulus_set, stimulus_id)[:, model.used]
    predicted = model.patterns(side_by_side(features, units))
    colour = f"encoding model, {predicted.shape[1]} voxels"
    for name, metric in metrics_of(BrainMetric).items():
        if metric.kind == "own":
            values = metric.load()(measured, predicted)
            yield Score(name, "own", values, colour, size)
        elif len(stimulus_id) > 1:
            similarity = metric.load()(measured, predicted)
            yield from identification_scores(name, similarity, colour=colour, size=size)


def side_by_side(features: Mapping[str, Array], units: Mapping[str, Units]) -> Array:
    """Concatenate chosen units of all layers: (n, n_units)."""
    return np.concatenate([take_units(features[layer], units[layer]) for layer in units], axis=1)


def responses(region: Region, stimulus_set: str, stimulus_id: Sequence[str]) -> Array:
    """Mean measured responses (n, n_voxels) to test stimuli, in SDs of the training samples."""
    averages, shown, _ = region.tests[stimulus_set].averaged("all")
    row = {name: i for i, name in enumerate(shown)}
    missing = [name for name in stimulus_id if name not in row]
    if missing:
        raise InputError(f"set {stimulus_set!r}: no response to stimulus {missing[0]!r}")
    return region.training.standardised(averages)[[row[name] for name in stimulus_id]]


def training_responses(region: Region) -> Array:
    """Mean measured responses (n, n_voxels) to training stimuli, standardised."""
    design = region.training.design
    return design.by_stimulus / design.repeats[:, None]
