"""Ridge regression with one operator for all units of an image region (tile).

This is kernel ridge regression on the average sample of each training stimulus. A voxel is
weighted by its mean absolute correlation with the units of a tile, raised to a power. So all units
of a tile share the operator from test samples to training stimuli, and a layer needs a few kernels
instead of a system for each unit. The shared operator is that of KamitaniLab's
ridge_factorization; the weights are our own.

Let x_i be the mean of the n_i samples of stimulus i minus the voxels' means, y_i its unit, and d
the weights of the voxels. Then w of a unit minimises sum n_i (y_i - x_i.w)^2 + l sum (w_v / d_v)^2.
l is `alpha` times the mean of n_i |x_i d|^2, so that `alpha` is dimensionless.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

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
        Weighted training samples; test samples are multiplied by their transpose.
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
    design : the training samples
    Y : (n_stimuli, n_units)
    power : exponent of the mean absolute correlation in the weight of a voxel
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
    design : the training samples
    tiles, power, alpha : see `SharedRidge`

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
        """Units of each tile."""
        return units.tiles(self.tiles)

    def solve(self, Y: Floats) -> SharedSolution:
        """Models of the units Y (n_stimuli, n_units) of one tile."""
        return solve_shared(self.design, Y, self.power, self.alpha)


class SharedRidge(UnitRegressor):
    """Ridge regression with shared voxel weights as a scikit-learn regressor of many units.

    The data are not scaled here, see `deeprecon.decode.layer.LayerDecoder`. NaN and infinity are
    refused.

    Parameters
    ----------
    tiles : int
        The image is divided into tiles x tiles windows. Units (channels, height, width) of one
        window share an operator; all units share one in layers without spatial axes.
    power : float
        Exponent of the mean absolute correlation in the weight of a voxel; 0 weights all equally.
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
        """Solver of this model for the training samples of a region."""
        return SharedSolver(design, self.tiles, self.power, self.alpha)
