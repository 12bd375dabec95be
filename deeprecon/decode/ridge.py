"""Ridge regression of every unit on its own best voxels: the FastL2LiR model.

For one unit: take the `n_voxels` voxels with the largest absolute correlation with it, append a
column of ones, and solve the ridge equations with the penalty on the weights AND on the bias.
Reference: the program fastl2lir 0.11 (KamitaniLab/PyFastL2LiR); nothing is scaled here, as
nothing is there.

The penalised bias is one more row of data. With N samples, voxel means m, unit mean u and
s = sqrt(alpha N / (N + alpha)), the model's weights are those of the ridge WITHOUT a bias on
Z = [X - m; s m] and t = [y - u; s u], and the bias is N / (N + alpha) (u - m.w). So the Gram
matrix Z'Z + alpha I is made once for all units, each unit solves with the part of it that belongs
to its voxels, and float32 loses far less to large voxel means than with X'X.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, get_lapack_funcs
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from deeprecon.errors import InputError

MIN_VARIANCE = 1e-8  # fastl2lir: below it (ddof=0) a voxel counts as uncorrelated with every unit
UNITS_PER_BLOCK = 256  # keeps (units x voxels) temporaries near 10 MB and the workers balanced

Floats = NDArray[np.floating]


class TopKSolution(NamedTuple):
    """Weights of many units, only where they are not zero.

    Attributes
    ----------
    selected : (n_units, n_selected) int32 array or None
        Columns of X that each unit uses, ascending. None: every unit uses every column.
    weights : (n_units, n_selected) array
    intercept : (n_units,) array
    """

    selected: NDArray[np.int32] | None
    weights: Floats
    intercept: Floats


def sum_rows(values: Floats, index: NDArray[np.integer], n: int) -> Floats:
    """Sum the rows of `values` (n_rows, n_columns) that share an index in 0..n-1, to n rows.

    Examples
    --------
    >>> sum_rows(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0, 1, 0]), 2)
    array([[6., 8.],
           [3., 4.]])
    """
    ones, rows = np.ones(len(values), values.dtype), np.arange(len(values))
    total: Floats = csr_array((ones, (index, rows)), shape=(n, len(values))) @ values
    return total


@dataclass(frozen=True)
class _Design:
    """What all units share: the voxels as the module's docstring rewrites them."""

    rows: Floats  # Z: (n_samples + 1, n_voxels)
    by_stimulus: Floats  # X - m, summed over the rows of each stimulus: (n_stimuli, n_voxels)
    index: NDArray[np.integer]  # (n_samples,), stimulus of each row
    repeats: NDArray[np.float64]  # (n_stimuli,), rows of each stimulus
    mean: Floats  # m: (n_voxels,)
    inverse_sd: Floats  # (n_voxels,), 0 for a constant voxel
    alpha: float

    @property
    def bias_scale(self) -> float:
        """The factor s of the module's docstring."""
        n = len(self.index)
        return float(np.sqrt(self.alpha * n / (n + self.alpha)))

    def targets(self, Y: Floats) -> tuple[Floats, Floats]:
        """Centre units over samples; a constant unit becomes exactly 0. Also their means."""
        Y = Y.astype(self.rows.dtype, copy=False)
        mean = (self.repeats @ Y / len(self.index)).astype(Y.dtype)
        mean = np.where((Y[0] == Y).all(axis=0), Y[0], mean)
        return Y - mean, mean

    def intercept(self, mean: Floats, mean_prediction: Floats) -> Floats:
        """Biases of units with the means `mean`, where m.w is `mean_prediction`."""
        n = len(self.index)
        return n / (n + self.alpha) * (mean - mean_prediction)


def _design(X: Floats, index: NDArray[np.integer], n_stimuli: int, alpha: float) -> _Design:
    """Centre the voxels, add the row of the penalised bias, sum over repeats."""
    n, n_voxels = X.shape
    mean = X.mean(axis=0, dtype=np.float64).astype(X.dtype)
    rows = np.empty((n + 1, n_voxels), X.dtype)
    np.subtract(X, mean, out=rows[:n])
    rows[n] = np.sqrt(alpha * n / (n + alpha)) * mean
    variance = np.einsum("ij,ij->j", rows[:n], rows[:n], dtype=np.float64) / n
    inverse_sd = np.zeros_like(mean)
    varies = variance >= MIN_VARIANCE
    inverse_sd[varies] = 1 / np.sqrt(variance[varies])
    no_repeats = n == n_stimuli and bool((index == np.arange(n)).all())
    by_stimulus = rows[:n] if no_repeats else sum_rows(rows[:n], index, n_stimuli)
    repeats = np.bincount(index, minlength=n_stimuli).astype(np.float64)
    return _Design(rows, by_stimulus, index, repeats, mean, inverse_sd, alpha)


def _regularised_gram(design: _Design, dual: bool) -> Floats:
    """Z'Z + alpha I over voxels, or its dual ZZ' + alpha I over samples."""
    gram: Floats = design.rows @ design.rows.T if dual else design.rows.T @ design.rows
    gram.flat[:: len(gram) + 1] += design.alpha
    return gram


def _largest(score: Floats, k: int) -> NDArray[np.intp]:
    """Columns of the k largest values in each row, ascending; the lower column wins a tie."""
    n_rows, n_columns = score.shape
    kth = np.partition(score, n_columns - k, axis=1)[:, n_columns - k, None]
    keep = score > kth
    tied = score == kth
    keep |= tied & (tied.cumsum(axis=1) <= k - keep.sum(axis=1, keepdims=True))
    return np.nonzero(keep)[1].reshape(n_rows, k)


def _solve_each(gram: Floats, selected: NDArray[np.intp], right: Floats) -> Floats:
    """Solve gram[v, v] w = right[j] for the voxels v = selected[j] of each unit j."""
    (posv,) = get_lapack_funcs(("posv",), (gram,))
    n, k = len(gram), selected.shape[1]
    index, part = np.empty((k, k), np.intp), np.empty((k, k), gram.dtype)
    weights = np.empty_like(right)
    # One thread: systems of a few hundred voxels are too small to share among threads.
    with threadpool_limits(limits=1, user_api="blas"):
        for j, voxels in enumerate(selected):
            np.add(voxels[:, None] * n, voxels, out=index)
            np.take(gram.reshape(-1), index, out=part, mode="clip")  # "raise" would copy `part`
            _, weights[j], info = posv(part.T, right[j], lower=1, overwrite_a=1)
            if info:
                raise LinAlgError(f"the Gram matrix of unit {j} is not positive definite")
    return weights


def _solve_selected(design: _Design, gram: Floats, k: int, Y: Floats) -> TopKSolution:
    """Solve a block of units, each on its own k voxels."""
    centred, mean = design.targets(Y)
    covariance = centred.T @ design.by_stimulus
    selected = _largest(np.abs(covariance) * design.inverse_sd, k)
    right = np.take_along_axis(covariance, selected, axis=1)
    right += design.bias_scale * mean[:, None] * design.rows[-1, selected]
    weights = _solve_each(gram, selected, right)
    mean_prediction = np.einsum("ij,ij->i", weights, design.mean[selected])
    intercept = design.intercept(mean, mean_prediction)
    return TopKSolution(selected.astype(np.int32), weights, intercept)


def _solve_all(design: _Design, factor: tuple[Floats, bool], Y: Floats) -> TopKSolution:
    """Solve a block of units on all voxels, from the factor of the Gram matrix or its dual."""
    centred, mean = design.targets(Y)
    last = design.bias_scale * mean
    if len(factor[0]) == design.rows.shape[1]:
        right = design.by_stimulus.T @ centred + np.outer(design.rows[-1], last)
        weights = cho_solve(factor, right, overwrite_b=True).T
    else:
        weights = cho_solve(factor, np.vstack([centred[design.index], last])).T @ design.rows
    return TopKSolution(None, weights, design.intercept(mean, weights @ design.mean))


def _unit_blocks(n_units: int) -> Iterator[slice]:
    """Consecutive slices of units, the portions of the work."""
    starts = range(0, n_units, UNITS_PER_BLOCK)
    return (slice(start, min(start + UNITS_PER_BLOCK, n_units)) for start in starts)


def _check_settings(n_voxels: int | None, alpha: float) -> None:
    """Raise InputError unless both are in range."""
    if n_voxels is not None and n_voxels < 1:
        raise InputError(f"n_voxels: {n_voxels}, expected at least 1, or None for all voxels")
    if not 0 < alpha < np.inf:
        raise InputError(f"alpha: {alpha}, expected a finite number above 0")


def _check_index(index: ArrayLike | None, n_samples: int, n_targets: int) -> NDArray[np.intp]:
    """The row of Y that belongs to each row of X: it exists, and every row of Y is used."""
    if index is None:
        if n_samples != n_targets:
            raise InputError(f"Y: {n_targets} rows, expected {n_samples}, as many as X has")
        return np.arange(n_samples)
    found = np.asarray(index)
    if found.shape != (n_samples,) or not np.issubdtype(found.dtype, np.integer):
        raise InputError(
            f"stimulus_index: {found.dtype} of shape {found.shape}, "
            f"expected one integer for each of the {n_samples} rows of X"
        )
    if found.min() < 0 or found.max() >= n_targets:
        raise InputError(
            f"stimulus_index: {found.min()} to {found.max()}, expected 0 to {n_targets - 1}"
        )
    unused = np.setdiff1d(np.arange(n_targets), found)
    if unused.size:
        raise InputError(f"stimulus_index: row {unused[0]} of Y belongs to no row of X")
    return found.astype(np.intp)


def solve_topk_ridge(
    X: Floats,
    Y: Floats,
    n_voxels: int | None = 500,
    alpha: float = 100.0,
    *,
    stimulus_index: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> TopKSolution:
    """Weights of the FastL2LiR model, exactly.

    Parameters
    ----------
    X : (n_samples, n_features) float32 or float64 array
        One voxel per column, used as it is: the caller scales. Its dtype is that of the work.
    Y : (n_samples, n_units) array
        Or (n_stimuli, n_units) with `stimulus_index`.
    n_voxels : int or None
        Voxels that each unit uses: those with the largest absolute Pearson correlation with it;
        of equals, the first. None, or not less than X has: all, by one solve for all units.
    alpha : float
        Penalty on the squared weights and the squared bias; above 0, not scaled by n_samples.
    stimulus_index : (n_samples,) integers, optional
        Row of Y that belongs to each row of X, where stimuli were repeated. The same as giving
        `Y[stimulus_index]`, without making it. Every row of Y must be used.
    n_jobs : int, optional
        Processes that share the units (None: 1, -1: all cores), where voxels are selected.
        They read one copy of the Gram matrix. The result does not depend on it.

    Returns
    -------
    TopKSolution

    Raises
    ------
    InputError
        If a setting is out of range or the rows do not fit together.
    scipy.linalg.LinAlgError
        If alpha is so small that the dtype cannot hold it beside the voxels' variance.

    Notes
    -----
    A voxel whose variance (ddof=0) is below 1e-8 has correlation 0, and so has every voxel with a
    constant unit; such a unit is predicted by its mean times N / (N + alpha) if X is centred.

    Examples
    --------
    >>> X = np.array([[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]])
    >>> solve_topk_ridge(X, 6 * X[:, :1], n_voxels=1, alpha=1.0)
    TopKSolution(selected=array([[0]], dtype=int32), weights=array([[4.]]), intercept=array([0.]))
    """
    _check_settings(n_voxels, alpha)
    design = _design(X, _check_index(stimulus_index, len(X), len(Y)), len(Y), alpha)
    n_all, n_units = X.shape[1], Y.shape[1]
    blocks = list(_unit_blocks(n_units))
    parts: Iterable[TopKSolution]
    if n_voxels is None or n_voxels >= n_all:
        gram = _regularised_gram(design, dual=n_all > len(X))
        factor = cho_factor(gram, lower=True, overwrite_a=True)
        parts = (_solve_all(design, factor, Y[:, units]) for units in blocks)
        selected, n_selected = None, n_all
    else:
        gram = _regularised_gram(design, dual=False)
        parts = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_solve_selected)(design, gram, n_voxels, Y[:, units]) for units in blocks
        )
        selected, n_selected = np.empty((n_units, n_voxels), np.int32), n_voxels
    weights, intercept = np.empty((n_units, n_selected), X.dtype), np.empty(n_units, X.dtype)
    for units, part in zip(blocks, parts, strict=True):
        if selected is not None and part.selected is not None:
            selected[units] = part.selected
        weights[units], intercept[units] = part.weights, part.intercept
    return TopKSolution(selected, weights, intercept)


class TopKRidge(RegressorMixin, BaseEstimator):
    """The FastL2LiR model as a scikit-learn regressor of many units at once.

    No scaling inside: the lab's scaling, repeats and averaging are in
    `deeprecon.decode.layer.LayerDecoder`. NaN and infinity are refused.

    Parameters
    ----------
    n_voxels : int or None
        Voxels that each unit uses. None, or not less than X has: all.
    alpha : float
        Penalty on the squared weights and the squared bias.
    n_jobs : int, optional
        Processes that share the units in `fit`; see `solve_topk_ridge`.

    Attributes
    ----------
    selected_ : (n_units, n_voxels) int32 array or None
        Columns of X that each unit uses, ascending. None: every unit uses every column.
    weights_ : (n_units, n_voxels) array
        Their weights, in the dtype of X.
    intercept_ : (n_units,) array
    unit_shape_ : tuple of int
        Shape of the units in Y; units are counted in its C order.
    n_features_in_ : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 20))
    >>> Y = X[:, :6].reshape(50, 2, 3)
    >>> model = TopKRidge(n_voxels=1, alpha=1e-6).fit(X, Y)
    >>> model.selected_.ravel()
    array([0, 1, 2, 3, 4, 5], dtype=int32)
    >>> model.predict(X).shape
    (50, 2, 3)
    """

    def __init__(
        self, n_voxels: int | None = 500, alpha: float = 100.0, n_jobs: int | None = None
    ) -> None:
        self.n_voxels = n_voxels
        self.alpha = alpha
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: ArrayLike, Y: ArrayLike, stimulus_index: ArrayLike | None = None) -> Self:
        """Fit every unit.

        Parameters
        ----------
        X : (n_samples, n_features) array
            float32 is kept; anything else is worked on as float64.
        Y : (n_samples, *unit_shape) array
            Or (n_stimuli, *unit_shape) with `stimulus_index`.
        stimulus_index : (n_samples,) integers, optional
            Row of Y that belongs to each row of X; see `solve_topk_ridge`.
        """
        voxels, targets = validate_data(
            self,
            X,
            Y,
            validate_separately=(
                {"dtype": [np.float64, np.float32], "ensure_min_samples": 2},
                {"dtype": "numeric", "allow_nd": True, "ensure_2d": False},
            ),
        )
        self.unit_shape_ = targets.shape[1:]
        self.selected_, self.weights_, self.intercept_ = solve_topk_ridge(
            voxels,
            targets.reshape(len(targets), -1),
            self.n_voxels,
            self.alpha,
            stimulus_index=stimulus_index,
            n_jobs=self.n_jobs,
        )
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict (n_samples, *unit_shape) from X (n_samples, n_features)."""
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False, dtype=self.weights_.dtype)
        voxels = np.ascontiguousarray(samples.T)
        predicted = np.empty((len(samples), len(self.weights_)), samples.dtype)
        for units in _unit_blocks(len(self.weights_)):
            predicted[:, units] = (self._coefficients(units) @ voxels).T
        predicted += self.intercept_
        return predicted.reshape(len(samples), *self.unit_shape_)

    @property
    def coef_(self) -> csr_array:
        """Weights of all units as a sparse (n_units, n_features) array."""
        check_is_fitted(self)
        return csr_array(self._coefficients(slice(None)))

    def _coefficients(self, units: slice) -> Floats | csr_array:
        """Weights of some units on all voxels: dense where all are used, else sparse."""
        weights = self.weights_[units]
        if self.selected_ is None:
            return weights
        n, k = weights.shape
        columns = self.selected_[units].reshape(-1)
        starts = np.arange(0, n * k + 1, k)
        return csr_array((weights.reshape(-1), columns, starts), shape=(n, self.n_features_in_))
