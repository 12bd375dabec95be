"""Ridge regression with one operator for all units of a part of the image.

Kernel ridge regression on the samples of each training stimulus averaged. Voxel v counts by a
weight: the mean over a tile's units of its absolute correlation with them, to a power. So the
operator from test samples to training stimuli is the same for all units of a tile, and the work
on a layer is a few kernels instead of a system for each unit. The shared operator is that of
KamitaniLab's ridge_factorization; the weights are ours.

With x_i the mean of the n_i samples of stimulus i less the voxels' means, y_i its unit and weights
d, a unit's w minimises sum n_i (y_i - x_i.w)^2 + l sum (w_v / d_v)^2; l is `alpha` times the mean
of n_i |x_i d|^2, so that it has no unit.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve
from sklearn.utils.validation import check_is_fitted, validate_data

from deeprecon.decode.conditioning import cholesky, naming_penalty
from deeprecon.decode.design import Design, Floats
from deeprecon.decode.estimator import UnitRegressor
from deeprecon.errors import InputError
from deeprecon.features.units import Units


class SharedSolution(NamedTuple):
    """Models of the units of a tile.

    Attributes
    ----------
    rows : (n_stimuli, n_voxels)
        What a test sample is multiplied with.
    dual : (n_stimuli, n_units)
    intercept : (n_units,)
    """

    rows: Floats
    dual: Floats
    intercept: Floats

    def predict(self, X: Floats) -> Floats:
        """Predict (n_samples, n_units) from X (n_samples, n_voxels)."""
        predicted: Floats = (X @ self.rows.T) @ self.dual + self.intercept
        return predicted


def solve_shared(design: Design, Y: Floats, power: float, alpha: float) -> SharedSolution:
    """Models of the units of one tile.

    Parameters
    ----------
    design : Design
        Of the training samples.
    Y : (n_stimuli, n_units)
    power : of the mean absolute correlation, by which a voxel is weighted
    alpha : penalty, relative to the mean squared norm of the weighted samples

    Raises
    ------
    deeprecon.decode.conditioning.SingularSystemError
        If alpha is too small for the dtype; this is an InputError and a LinAlgError.
    """
    centred, mean = design.centred(Y)
    norm = np.sqrt(design.repeats @ centred**2).astype(centred.dtype)
    order = design.correlation_order(design.covariance(centred))
    strength = (order / np.where(norm > 0, norm, np.inf)[:, None]).mean(axis=0)
    highest = strength.max()
    weight = (strength / highest if highest > 0 else strength) ** power
    count = np.sqrt(design.repeats).astype(weight.dtype)[:, None]
    rows = design.by_stimulus / count * weight  # sqrt(n_i) x_i d
    kernel = rows @ rows.T
    scale = np.trace(kernel) / len(kernel)
    kernel.flat[:: len(kernel) + 1] += alpha * scale if scale > 0 else 1.0
    with naming_penalty(alpha, kernel.dtype):
        factor = cholesky(kernel)
    dual = cho_solve(factor, centred * count)
    rows *= weight
    return SharedSolution(rows, dual, mean - (rows @ design.mean) @ dual)


@dataclass(frozen=True)
class SharedSolver:
    """Solves the units of one region, tile by tile.

    Parameters
    ----------
    design : Design
        Of the training samples.
    tiles, power, alpha
        As of `SharedRidge`.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    design: Design
    tiles: int
    power: float
    alpha: float

    def __post_init__(self) -> None:
        if self.tiles < 1:
            raise InputError(f"tiles: {self.tiles}, expected at least 1")
        if not 0 <= self.power < np.inf:
            raise InputError(f"power: {self.power}, expected a finite number, at least 0")
        if not 0 < self.alpha < np.inf:
            raise InputError(f"alpha: {self.alpha}, expected a finite number above 0")

    def groups(self, units: Units) -> list[NDArray[np.intp]]:
        """Units that are solved together."""
        return units.tiles(self.tiles)

    def solve(self, Y: Floats) -> SharedSolution:
        """Models of the units Y (n_stimuli, n_units) of one tile."""
        return solve_shared(self.design, Y, self.power, self.alpha)


class SharedRidge(UnitRegressor):
    """Ridge regression with shared voxel weights as a scikit-learn regressor of many units.

    No scaling inside; see `deeprecon.decode.layer.LayerDecoder`. NaN and infinity are refused.

    Parameters
    ----------
    tiles : int
        The image is cut into tiles x tiles windows; units (channels, height, width) of a window
        share an operator, units without a place all do.
    power : float
        Of the mean absolute correlation, by which a voxel is weighted; 0: all alike.
    alpha : float
        Penalty, relative to the mean squared norm of the weighted training samples.

    Attributes
    ----------
    solutions_ : list of (columns, SharedSolution), one for each tile
    unit_shape_ : tuple of int
        Shape of the units in Y; units are counted in its C order.
    n_features_in_ : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 20))
    >>> Y = X[:, :12].reshape(50, 3, 2, 2)
    >>> model = SharedRidge(tiles=2, power=2, alpha=1e-3).fit(X, Y)
    >>> len(model.solutions_), model.predict(X).shape
    (4, (50, 3, 2, 2))
    """

    def __init__(self, tiles: int = 8, power: float = 1.0, alpha: float = 3.0) -> None:
        self.tiles = tiles
        self.power = power
        self.alpha = alpha

    def solver(self, design: Design) -> SharedSolver:
        """What fits this model to the samples of a region; see `deeprecon.decode.layer`."""
        return SharedSolver(design, self.tiles, self.power, self.alpha)

    def fit(self, X: ArrayLike, Y: ArrayLike, stimulus_index: ArrayLike | None = None) -> Self:
        """Fit every tile.

        Parameters
        ----------
        X : (n_samples, n_features) array
            float32 is kept; anything else is worked on as float64.
        Y : (n_samples, *unit_shape) array
            Or (n_stimuli, *unit_shape) with `stimulus_index`.
        stimulus_index : (n_samples,) integers, optional
            Row of Y that belongs to each row of X; every row of Y must be used. Without it each
            row is a stimulus of its own.

        Raises
        ------
        InputError
            If a setting is out of range or the rows do not fit together.
        """
        voxels, targets, index = self._training(X, Y, stimulus_index)
        solver = self.solver(Design.of(voxels, index, len(targets)))
        tiles = solver.groups(Units.every(self.unit_shape_))
        self.solutions_ = [(units, solver.solve(targets[:, units])) for units in tiles]
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict (n_samples, *unit_shape) from X (n_samples, n_features)."""
        check_is_fitted(self)
        dtype = self.solutions_[0][1].dual.dtype
        samples = validate_data(self, X, reset=False, dtype=dtype)
        n_units = sum(len(units) for units, _ in self.solutions_)
        predicted = np.empty((len(samples), n_units), dtype)
        for units, solution in self.solutions_:
            predicted[:, units] = solution.predict(samples)
        return predicted.reshape(len(samples), *self.unit_shape_)
