"""What the decoders have in common as scikit-learn estimators."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import validate_data

from deeprecon.decode.design import Floats, stimulus_rows


class UnitRegressor(RegressorMixin, BaseEstimator):
    """A regressor of many units at once, which may have a shape.

    Attributes
    ----------
    unit_shape_ : tuple of int
        Shape of the units in Y; units are counted in its C order.
    n_features_in_ : int
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _training(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        stimulus_index: ArrayLike | None,
        dtypes: tuple[type, ...] = (np.float64, np.float32),
    ) -> tuple[Floats, Floats, NDArray[np.intp]]:
        """Voxels, units (n_targets, n_units), and the row of the units for each row of voxels.

        Parameters
        ----------
        X : (n_samples, n_features) array
            Kept if its type is one of `dtypes`, else worked on as the first of them.
        Y : (n_samples, *unit_shape) array
            Or (n_stimuli, *unit_shape) with `stimulus_index`.
        stimulus_index : (n_samples,) integers or None
            Row of Y that belongs to each row of X; every row of Y must be used.
        """
        voxels, targets = validate_data(
            self,
            X,
            Y,
            validate_separately=(
                {"dtype": list(dtypes), "ensure_min_samples": 2},
                {"dtype": "numeric", "allow_nd": True, "ensure_2d": False},
            ),
        )
        index = stimulus_rows(stimulus_index, len(voxels), len(targets))
        self.unit_shape_ = targets.shape[1:]
        return voxels, targets.reshape(len(targets), -1), index
