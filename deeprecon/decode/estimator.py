"""Base classes of the decoders as scikit-learn estimators."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from deeprecon.decode.design import Design, Floats, stimulus_rows
from deeprecon.decode.layer import Solver
from deeprecon.decode.parallel import in_threads
from deeprecon.errors import InputError
from deeprecon.features.units import Units


class UnitRegressor(RegressorMixin, BaseEstimator):
    """A regressor that predicts many units at once; units may have a shape.

    Subclasses implement `solver`. NaN and infinity are refused.

    Attributes
    ----------
    solutions_ : list of (columns, solution)
        The fitted models, each with the columns (in C order) of the units that it predicts.
    unit_shape_ : tuple of int
        Shape of the units in Y; units are counted in its C order.
    n_features_in_ : int
    """

    _dtypes: tuple[type, ...] = (np.float64, np.float32)  # the first, unless X has the other

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def solver(self, design: Design) -> Solver:
        """Solver of this model for the training samples of a region."""
        raise NotImplementedError

    def fit(self, X: ArrayLike, Y: ArrayLike, stimulus_index: ArrayLike | None = None) -> Self:
        """Fit every unit.

        Parameters
        ----------
        X : (n_samples, n_features) array
        Y : (n_samples, *unit_shape) array
            Or (n_stimuli, *unit_shape) with `stimulus_index`.
        stimulus_index : (n_samples,) integers, optional
            Row of Y for each row of X, if stimuli were repeated. Equivalent to
            `Y[stimulus_index]`, without the copy. Every row of Y must be used.

        Raises
        ------
        InputError
            If a setting is out of range or the rows of X and Y do not match.
        """
        voxels, targets = validate_data(
            self,
            X,
            Y,
            validate_separately=(
                {"dtype": list(self._dtypes), "ensure_min_samples": 2},
                {"dtype": "numeric", "allow_nd": True, "ensure_2d": False},
            ),
        )
        index = stimulus_rows(stimulus_index, len(voxels), len(targets))
        if getattr(self, "n_jobs", None) == 0:
            raise InputError("n_jobs: 0, expected a number of threads, None or -1")
        self.unit_shape_ = targets.shape[1:]
        self._dtype = voxels.dtype
        self.solutions_ = self._solve(voxels, targets.reshape(len(targets), -1), index)
        return self

    def _solve(self, X: Floats, Y: Floats, index: NDArray[np.intp]) -> list[tuple[Any, Any]]:
        """Fit units Y (n_stimuli, n_units) to X (n_samples, n_voxels) with stimulus `index`."""
        solver = self.solver(Design.of(X, index, len(Y)))
        groups = solver.groups(Units.every(self.unit_shape_))
        solutions = in_threads(
            lambda columns: solver.solve(Y[:, columns]), groups, getattr(self, "n_jobs", None)
        )
        return list(zip(groups, solutions, strict=True))

    def predict(self, X: ArrayLike) -> Floats:
        """Predict (n_samples, *unit_shape) from X (n_samples, n_features)."""
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False, dtype=self._dtype)
        n_units = int(np.prod(self.unit_shape_, dtype=int))
        predicted = np.empty((len(samples), n_units), self._dtype)
        for columns, solution in self.solutions_:
            predicted[:, columns] = solution.predict(samples)
        return predicted.reshape(len(samples), *self.unit_shape_)


class SelectiveRegressor(UnitRegressor):
    """A regressor whose solution for each unit is weights of selected voxels.

    Attributes
    ----------
    selected_ : (n_units, n_selected) int32 array or None
        Columns of X that each unit uses, ascending. None: every unit uses every column.
    weights_ : (n_units, n_selected) array
    intercept_ : (n_units,) array
    """

    @property
    def selected_(self) -> NDArray[np.int32] | None:
        """Columns of X that each unit uses."""
        check_is_fitted(self)
        parts = [solution.selected for _, solution in self.solutions_]
        return None if parts[0] is None else np.concatenate(parts)

    @property
    def weights_(self) -> Floats:
        """Weights of these columns."""
        check_is_fitted(self)
        return np.concatenate([solution.weights for _, solution in self.solutions_])

    @property
    def intercept_(self) -> Floats:
        """Intercept of each unit."""
        check_is_fitted(self)
        return np.concatenate([solution.intercept for _, solution in self.solutions_])
