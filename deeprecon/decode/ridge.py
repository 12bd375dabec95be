"""Ridge regression of every unit on its own best voxels: the FastL2LiR model.

For one unit: take the `n_voxels` voxels with the largest absolute correlation with it, append a
column of ones, and solve the ridge equations with the penalty on the weights AND on the bias.
Reference: the program fastl2lir 0.11 (KamitaniLab/PyFastL2LiR); nothing is scaled here, as
nothing is there.

The penalised bias is one more row of data. With N samples, voxel means m, unit mean u and
s = sqrt(alpha N / (N + alpha)), the model's weights are those of the ridge WITHOUT a bias on
Z = [X - m; s m] and t = [y - u; s u], and the bias is N / (N + alpha) (u - m.w). So the matrix
K = Z'Z + alpha I is made once for all units, each unit solves with the part of it that belongs
to its voxels, and float32 loses far less to large voxel means than with X'X.

Where a unit leaves few voxels out, its solution comes from P = inv(K), made once: with R the
voxels that it does NOT use and c = Z't, w = P c - P_R inv(P_RR) (P c)_R, which is 0 on R.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted, validate_data

from deeprecon.decode.conditioning import check_factor, cholesky, naming_penalty
from deeprecon.decode.design import Design, Floats, centre_units, stimulus_rows
from deeprecon.decode.estimator import UnitRegressor
from deeprecon.decode.lapack import solve_upper
from deeprecon.decode.parallel import consecutive, in_threads
from deeprecon.errors import InputError
from deeprecon.features.units import Units

_BANDS = 8  # a symmetric matrix is gathered in bands of rows, each from its diagonal on
_COMPLEMENT = 0.8  # voxels left out per voxel used below which the complement is faster


_Weights = tuple[NDArray[np.int32] | None, Floats]  # selected voxels (None: all), weights


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

    def coefficients(self, n_voxels: int) -> Floats | csr_array:
        """Weights on all voxels, (n_units, n_voxels): dense where all are used, else sparse."""
        if self.selected is None:
            return self.weights
        n, k = self.weights.shape
        starts = np.arange(0, n * k + 1, k)
        columns = self.selected.reshape(-1)
        return csr_array((self.weights.reshape(-1), columns, starts), shape=(n, n_voxels))

    def predict(self, X: Floats) -> Floats:
        """Predict (n_samples, n_units) from X (n_samples, n_voxels)."""
        product = self.coefficients(X.shape[1]) @ np.ascontiguousarray(X.T)
        predicted: Floats = np.ascontiguousarray(product.T)
        predicted += self.intercept
        return predicted


def largest(score: Floats, k: int) -> NDArray[np.intp]:
    """Columns of the k largest values in each row, ascending; the lower column wins a tie."""
    n_rows, n_columns = score.shape
    kth = np.partition(score, n_columns - k, axis=1)[:, n_columns - k, None]
    keep = score >= kth
    (tied,) = np.nonzero(keep.sum(axis=1) > k)
    if tied.size:
        above, level = score[tied] > kth[tied], score[tied] == kth[tied]
        room = k - above.sum(axis=1, keepdims=True)
        keep[tied] = above | level & (level.cumsum(axis=1) <= room)
    return np.nonzero(keep)[1].reshape(n_rows, k)


def _solve_parts(matrix: Floats, used: NDArray[np.intp], right: Floats, alpha: float) -> Floats:
    """Solve matrix[v, v] w = right[j] for the rows and columns v = used[j] of each unit j."""
    n, k = len(matrix), used.shape[1]
    flat, part = matrix.reshape(-1), np.empty((k, k), matrix.dtype)
    bands = [(i * k // _BANDS, (i + 1) * k // _BANDS) for i in range(_BANDS)]
    solved = np.array(right, matrix.dtype, order="C")
    factors = np.empty_like(solved)
    with naming_penalty(alpha, matrix.dtype):
        for voxels, solution, factor in zip(used, solved, factors, strict=True):
            rows = voxels[:, None] * n
            for start, stop in bands:
                part[start:stop, start:] = flat[rows[start:stop] + voxels[start:]]
            solve_upper(part, solution)
            factor[:] = part.diagonal()
        check_factor(factors, matrix.diagonal()[used])
    return solved


def regularised_gram(design: Design, alpha: float) -> Floats:
    """The matrix K of the module's docstring."""
    penalty = alpha * design.n_samples / (design.n_samples + alpha)
    matrix: Floats = np.outer(design.mean, design.mean * design.mean.dtype.type(penalty))
    matrix += design.gram
    matrix.flat[:: len(matrix) + 1] += alpha
    return matrix


def needs_each_system(n_voxels: int, n_selected: int) -> bool:
    """Whether units leave so many voxels out that solving each by itself is the fastest way."""
    return n_voxels - n_selected >= _COMPLEMENT * n_selected


class TopKSolver:
    """Solves the units of one region, block by block; what they share is worked out once.

    Parameters
    ----------
    design : Design
        Of the training samples.
    n_voxels, alpha
        As of `solve_topk_ridge`.

    Raises
    ------
    InputError
        As `solve_topk_ridge`.
    """

    def __init__(self, design: Design, n_voxels: int | None, alpha: float) -> None:
        _check_settings(n_voxels, alpha)
        self._design, self._n_selected = design, n_voxels or design.n_voxels
        self._alpha = alpha
        self._kept = design.n_samples / (design.n_samples + alpha)
        self._penalty = alpha * self._kept  # of the squared mean prediction
        self._n_left = design.n_voxels - self._n_selected
        if needs_each_system(design.n_voxels, self._n_selected):
            self._solve, self._matrix = self._solve_selected, regularised_gram(design, alpha)
            return
        matrix = regularised_gram(design, alpha)
        if self._n_left > 0 or design.n_voxels > design.n_samples:
            matrix = matrix.astype(np.float64, copy=False)  # for differences of large numbers
        with naming_penalty(alpha, design.gram.dtype):
            self._factor = cholesky(matrix, design.gram.dtype)
        self._solve = self._solve_all
        if self._n_left > 0:
            self._matrix = cho_solve(self._factor, np.eye(design.n_voxels), overwrite_b=True)
            self._solve = self._solve_complement

    def groups(self, units: Units) -> list[slice]:
        """Units that a thread takes at a time."""
        # Few keep what is (units x voxels) in the processor's cache; one factor serves many.
        return consecutive(len(units.place), 64 if self._n_left > 0 else 1024)

    def solve(self, Y: Floats) -> TopKSolution:
        """Weights of the units Y (n_stimuli, n_units)."""
        design = self._design
        centred, mean = design.centred(Y)
        selected, weights = self._solve(design.covariance(centred), mean)
        voxel_mean = design.mean if selected is None else design.mean[selected]
        intercept = self._kept * (mean - (weights * voxel_mean).sum(axis=1))
        return TopKSolution(selected, weights, intercept.astype(weights.dtype))

    def _right(self, covariance: Floats, mean: Floats) -> Floats:
        """The right sides Z't: the row of the penalised bias adds to the covariances."""
        scaled = mean * mean.dtype.type(self._penalty)
        return covariance + scaled[:, None] * self._design.mean

    def _select(self, covariance: Floats) -> NDArray[np.intp]:
        """The voxels of each unit, ascending: (n_units, n_selected)."""
        return largest(self._design.correlation_order(covariance), self._n_selected)

    def _solve_all(self, covariance: Floats, mean: Floats) -> _Weights:
        """Every unit on all voxels."""
        right = self._right(covariance, mean)
        return None, cho_solve(self._factor, right.T).T.astype(right.dtype)

    def _solve_selected(self, covariance: Floats, mean: Floats) -> _Weights:
        """Each unit on its part of K."""
        selected = self._select(covariance)
        right = np.take_along_axis(self._right(covariance, mean), selected, axis=1)
        return selected.astype(np.int32), _solve_parts(self._matrix, selected, right, self._alpha)

    def _solve_complement(self, covariance: Floats, mean: Floats) -> _Weights:
        """Each unit on all voxels, corrected by what makes the others 0."""
        selected = self._select(covariance)
        unused = np.ones(covariance.shape, bool)
        np.put_along_axis(unused, selected, False, axis=1)
        left = np.nonzero(unused)[1].reshape(len(unused), -1)
        weights = self._right(covariance, mean) @ self._matrix
        excess = np.zeros_like(weights)
        wrong = np.take_along_axis(weights, left, axis=1)
        solved = _solve_parts(self._matrix, left, wrong, self._alpha)
        np.put_along_axis(excess, left, solved, axis=1)
        weights -= excess @ self._matrix
        used = np.take_along_axis(weights, selected, axis=1)
        return selected.astype(np.int32), used.astype(covariance.dtype)


def _solve_dual(X: Floats, Y: Floats, index: NDArray[np.integer], alpha: float) -> TopKSolution:
    """All units on all voxels, through the matrix ZZ' + alpha I over samples."""
    kept = len(X) / (len(X) + alpha)
    voxel_mean = X.mean(axis=0, dtype=np.float64).astype(X.dtype)
    scale = X.dtype.type(np.sqrt(alpha * kept))
    rows = np.vstack([X - voxel_mean, scale * voxel_mean])
    gram = rows @ rows.T
    gram.flat[:: len(gram) + 1] += alpha
    centred, mean = centre_units(Y, np.bincount(index).astype(np.float64))
    targets = np.vstack([centred[index], scale * mean])
    with naming_penalty(alpha, gram.dtype):
        factor = cholesky(gram)
    weights = cho_solve(factor, targets).T @ rows
    return TopKSolution(None, weights, (kept * (mean - weights @ voxel_mean)).astype(X.dtype))


def _check_settings(n_voxels: int | None, alpha: float) -> None:
    """Raise InputError unless both are in range."""
    if n_voxels is not None and n_voxels < 1:
        raise InputError(f"n_voxels: {n_voxels}, expected at least 1, or None for all voxels")
    if not 0 < alpha < np.inf:
        raise InputError(f"alpha: {alpha}, expected a finite number above 0")


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
        Threads that share the units (None: 1, -1: all cores). The result does not depend on it.

    Returns
    -------
    TopKSolution

    Raises
    ------
    InputError
        If a setting is out of range or the rows do not fit together.
    deeprecon.decode.conditioning.SingularSystemError
        If alpha is too small for the dtype; this is an InputError and a LinAlgError.

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
    index = stimulus_rows(stimulus_index, len(X), len(Y))
    n_samples, n_all = X.shape
    if n_all > n_samples and (n_voxels is None or n_voxels >= n_all):
        return _solve_dual(X, Y.astype(X.dtype, copy=False), index, alpha)
    solver = TopKSolver(Design.of(X, index, len(Y)), n_voxels, alpha)
    blocks = solver.groups(Units.every((Y.shape[1],)))
    solutions = list(in_threads(lambda units: solver.solve(Y[:, units]), blocks, n_jobs))
    selected = [part.selected for part in solutions if part.selected is not None]
    return TopKSolution(
        np.concatenate(selected) if selected else None,
        np.concatenate([part.weights for part in solutions]).astype(X.dtype, copy=False),
        np.concatenate([part.intercept for part in solutions]).astype(X.dtype, copy=False),
    )


class TopKRidge(UnitRegressor):
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
        Threads that share the units in `fit`; see `solve_topk_ridge`.

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

    def solver(self, design: Design) -> TopKSolver:
        """What fits this model to the samples of a region; see `deeprecon.decode.layer`."""
        return TopKSolver(design, self.n_voxels, self.alpha)

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
        voxels, units, index = self._training(X, Y, stimulus_index)
        self.selected_, self.weights_, self.intercept_ = solve_topk_ridge(
            voxels,
            units,
            self.n_voxels,
            self.alpha,
            stimulus_index=index,
            n_jobs=self.n_jobs,
        )
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict (n_samples, *unit_shape) from X (n_samples, n_features)."""
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False, dtype=self.weights_.dtype)
        predicted = self._solution.predict(samples)
        return predicted.reshape(len(samples), *self.unit_shape_)

    @property
    def coef_(self) -> csr_array:
        """Weights of all units as a sparse (n_units, n_features) array."""
        check_is_fitted(self)
        return csr_array(self._solution.coefficients(self.n_features_in_))

    @property
    def _solution(self) -> TopKSolution:
        return TopKSolution(self.selected_, self.weights_, self.intercept_)
