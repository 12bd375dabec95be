"""Any scikit-learn regressor as a decoder: for a user's own model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deeprecon.decode.design import Design, Floats
from deeprecon.decode.parallel import consecutive
from deeprecon.errors import InputError
from deeprecon.features.units import Units


@dataclass(frozen=True)
class RegressorSolution:
    """A regressor fitted to some units.

    Attributes
    ----------
    regressor : object with `predict(X)`
    n_units : int
    """

    regressor: Any
    n_units: int

    def predict(self, X: Floats) -> Floats:
        """Predict (n_samples, n_units) from X (n_samples, n_voxels).

        Raises
        ------
        InputError
            If the regressor predicts an array of another size.
        """
        predicted: Floats = np.asarray(self.regressor.predict(X))
        if predicted.size != len(X) * self.n_units:
            kind = type(self.regressor)
            raise InputError(
                f"{kind.__module__}:{kind.__name__}.predict: array of shape {predicted.shape}, "
                f"expected ({len(X)}, {self.n_units})"
            )
        return predicted.reshape(len(X), self.n_units)


class RegressorSolver:
    """Fits a regressor to the units of one region, block by block.

    Parameters
    ----------
    design : the training samples
    make : function that returns a regressor that is not fitted
    """

    def __init__(self, design: Design, make: Callable[[], Any]) -> None:
        self._make = make
        self._X = design.by_stimulus / design.repeats[:, None].astype(design.mean.dtype)
        self._X += design.mean

    def groups(self, units: Units) -> list[slice]:
        """Units that are fitted together."""
        return consecutive(len(units.index), 1024)

    def solve(self, Y: Floats) -> RegressorSolution:
        """Fit the units Y (n_stimuli, n_units)."""
        regressor = self._make()
        regressor.fit(self._X, Y.astype(self._X.dtype, copy=False))
        return RegressorSolution(regressor, Y.shape[1])


@dataclass(frozen=True)
class RegressorModel:
    """A regressor fitted to training samples averaged by stimulus.

    Attributes
    ----------
    make : returns an object with `fit(X, Y)` and `predict(X)` such as a scikit-learn regressor.
        X is (n_stimuli, n_voxels), standardised over training samples before averaging; Y is
        (n_stimuli, n_units), standardised. A region of up to 1024 voxels comes in float64.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.standard_normal((20, 6)), rng.standard_normal((20, 3))
    >>> solver = RegressorModel(lambda: Ridge(alpha=2.0)).solver(Design.of(X, np.arange(20), 20))
    >>> solver.solve(Y).predict(X[:5]).shape
    (5, 3)
    """

    make: Callable[[], Any]

    def solver(self, design: Design) -> RegressorSolver:
        """Solver of this model for the training samples of a region."""
        return RegressorSolver(design, self.make)
