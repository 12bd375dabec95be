"""Ridge regression of every unit on its own best voxels: the FastL2LiR model.

For one unit: take the `n_voxels` voxels with the largest absolute correlation with it, append a
column of ones, and solve the ridge equations with the penalty on the weights AND on the bias.
The reference is fastl2lir 0.11 (KamitaniLab/PyFastL2LiR). Like it, this module scales nothing.

The penalised bias is equivalent to one more row of data. With N samples, voxel means m, unit mean
u and s = sqrt(alpha N / (N + alpha)), the model's weights are those of the ridge WITHOUT a bias on
Z = [X - m; s m] and t = [y - u; s u], and the bias is N / (N + alpha) (u - m.w). So the matrix
K = Z'Z + alpha I is computed once for all units, each unit is solved with the submatrix of its
voxels, and large voxel means cost far fewer digits in float32 than they do in X'X.

If a unit uses nearly all voxels, its solution comes from P = inv(K), computed once: with R the
voxels that it does NOT use and c = Z't, w = P c - P_R inv(P_RR) (P c)_R, which is 0 on R.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve
from scipy.sparse import csr_array

from deeprecon.decode.conditioning import cholesky, naming_penalty
from deeprecon.decode.design import Design, Floats, centre_units, stimulus_rows
from deeprecon.decode.estimator import SelectiveRegressor
from deeprecon.decode.lapack import solve_parts
from deeprecon.decode.parallel import consecutive, in_threads
from deeprecon.errors import InputError
from deeprecon.features.units import Units

_COMPLEMENT = 0.8  # the complement is faster below this ratio of unused to used voxels


_Weights = tuple[NDArray[np.int32] | None, Floats]  # selected voxels (None: all), weights


class TopKSolution(NamedTuple):
    """Weights of many units, without the voxels that a unit does not use.

    Attributes
    ----------
    selected : (n_units, n_selected) int32 array or None
        Columns of X that each unit uses, ascending. None: every unit uses every column.
    weights : (n_units, n_selected) array
    intercept : (n_units,) array
    n_iter : (n_units,) array or None
        Number of iterations for each unit, if the solver is iterative.
    """

    selected: NDArray[np.int32] | None
    weights: Floats
    intercept: Floats
    n_iter: NDArray[np.intp] | None = None

    def coefficients(self, n_voxels: int) -> Floats | csr_array:
        """Weights of all voxels (n_units, n_voxels): dense if all are used, else sparse."""
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


def shrinkage(n_samples: int, alpha: float) -> float:
    """Factor N / (N + alpha) by which the penalty of the bias shrinks a mean."""
    return n_samples / (n_samples + alpha)


def regularised_gram(design: Design, alpha: float) -> Floats:
    """The matrix K of the module's docstring."""
    penalty = alpha * design.n_samples / (design.n_samples + alpha)
    matrix: Floats = np.outer(design.mean, design.mean * design.mean.dtype.type(penalty))
    matrix += design.gram
    matrix.flat[:: len(matrix) + 1] += alpha
    return matrix


def needs_each_system(n_voxels: int, n_selected: int) -> bool:
    """Whether solving the system of each unit is faster than using the complement."""
    return n_voxels - n_selected >= _COMPLEMENT * n_selected


class TopKSolver:
    """Solves the units of one region, block by block; shared terms are computed once.

    Parameters
    ----------
    design : the training samples
    n_voxels, alpha : see `solve_topk_ridge`

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    def __init__(self, design: Design, n_voxels: int | None, alpha: float) -> None:
        _check_settings(n_voxels, alpha)
        self._design, self._n_selected = design, n_voxels or design.n_voxels
        self._alpha = alpha
        self._kept = shrinkage(design.n_samples, alpha)
        self._penalty = alpha * self._kept  # penalty on the squared mean prediction
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
        """Blocks of units, each for one thread."""
        # Small (units x voxels) arrays stay in the cache; one factor serves larger blocks.
        return consecutive(len(units.index), 64 if self._n_left > 0 else 1024)

    def solve(self, Y: Floats) -> TopKSolution:
        """Weights of the units Y (n_stimuli, n_units)."""
        design = self._design
        centred, mean = design.centred(Y)
        selected, weights = self._solve(design.covariance(centred), mean)
        voxel_mean = design.mean if selected is None else design.mean[selected]
        intercept = self._kept * (mean - (weights * voxel_mean).sum(axis=1))
        return TopKSolution(selected, weights, intercept.astype(weights.dtype))

    def _right(self, covariance: Floats, mean: Floats) -> Floats:
        """The right-hand sides Z't: covariances and the term of the penalised bias."""
        scaled = mean * mean.dtype.type(self._penalty)
        return covariance + scaled[:, None] * self._design.mean

    def _select(self, covariance: Floats) -> NDArray[np.intp]:
        """The voxels of each unit, ascending: (n_units, n_selected)."""
        return largest(self._design.correlation_order(covariance), self._n_selected)

    def _solve_all(self, covariance: Floats, mean: Floats) -> _Weights:
        """Weights of units that use all voxels."""
        right = self._right(covariance, mean)
        return None, cho_solve(self._factor, right.T).T.astype(right.dtype)

    def _solve_selected(self, covariance: Floats, mean: Floats) -> _Weights:
        """Weights from the submatrix of K of each unit."""
        selected = self._select(covariance)
        right = np.take_along_axis(self._right(covariance, mean), selected, axis=1)
        return selected.astype(np.int32), solve_parts(self._matrix, selected, right, self._alpha)

    def _solve_complement(self, covariance: Floats, mean: Floats) -> _Weights:
        """Weights on all voxels, corrected so that those of unused voxels become 0."""
        selected = self._select(covariance)
        unused = np.ones(covariance.shape, bool)
        np.put_along_axis(unused, selected, False, axis=1)
        left = np.nonzero(unused)[1].reshape(len(unused), -1)
        weights = self._right(covariance, mean) @ self._matrix
        excess = np.zeros_like(weights)
        wrong = np.take_along_axis(weights, left, axis=1)
        solved = solve_parts(self._matrix, left, wrong, self._alpha)
        np.put_along_axis(excess, left, solved, axis=1)
        weights -= excess @ self._matrix
        used = np.take_along_axis(weights, selected, axis=1)
        return selected.astype(np.int32), used.astype(covariance.dtype)


def _solve_dual(X: Floats, Y: Floats, index: NDArray[np.integer], alpha: float) -> TopKSolution:
    """Weights of all voxels from the dual system ZZ' + alpha I over samples."""
    kept = shrinkage(len(X), alpha)
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
    """Raise InputError unless both settings are in range."""
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
    """Exact weights of the FastL2LiR model.

    Parameters
    ----------
    X : (n_samples, n_features) float32 or float64 array
        One voxel per column, not scaled here. The result has its dtype.
    Y : (n_samples, n_units) array
        Or (n_stimuli, n_units) with `stimulus_index`.
    n_voxels : int or None
        Voxels that each unit uses: those with the largest absolute Pearson correlation with it.
        The first voxel wins a tie. All voxels, if None or not less than n_features.
    alpha : float
        Penalty on the squared weights and the squared bias, above 0, not scaled by n_samples.
    stimulus_index : (n_samples,) integers, optional
        Row of Y for each row of X, if stimuli were repeated. Equivalent to
        `Y[stimulus_index]`, without the copy. Every row of Y must be used.
    n_jobs : int, optional
        Number of threads (None: 1, -1: all cores). The result does not depend on it.

    Returns
    -------
    TopKSolution

    Raises
    ------
    InputError
        If a setting is out of range or the rows of X and Y do not match.
    deeprecon.decode.conditioning.SingularSystemError
        If alpha is too small for the dtype; this is an InputError and a LinAlgError.

    Notes
    -----
    Voxels with a variance (ddof=0) below 1e-8 count as uncorrelated, as do all voxels for a
    constant unit. If X is centred, a constant unit is predicted by its mean times N / (N + alpha).

    Examples
    --------
    >>> X = np.array([[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]])
    >>> solution = solve_topk_ridge(X, 6 * X[:, :1], n_voxels=1, alpha=1.0)
    >>> solution.selected, solution.weights, solution.intercept
    (array([[0]], dtype=int32), array([[4.]]), array([0.]))
    """
    _check_settings(n_voxels, alpha)
    index = stimulus_rows(stimulus_index, len(X), len(Y))
    n_samples, n_all = X.shape
    if n_all > n_samples and (n_voxels is None or n_voxels >= n_all):
        return _solve_dual(X, Y.astype(X.dtype, copy=False), index, alpha)
    solver = TopKSolver(Design.of(X, index, len(Y)), n_voxels, alpha)
    blocks = solver.groups(Units.every((Y.shape[1],)))
    solutions = list(in_threads(lambda units: solver.solve(Y[:, units]), blocks, n_jobs))
    return _joined(solutions, X.dtype)


def _joined(solutions: list[TopKSolution], dtype: np.dtype[Any]) -> TopKSolution:
    """Join the solutions of consecutive blocks of units."""
    selected = [part.selected for part in solutions if part.selected is not None]
    return TopKSolution(
        np.concatenate(selected) if selected else None,
        np.concatenate([part.weights for part in solutions]).astype(dtype, copy=False),
        np.concatenate([part.intercept for part in solutions]).astype(dtype, copy=False),
    )


class TopKRidge(SelectiveRegressor):
    """The FastL2LiR model as a scikit-learn regressor of many units at once.

    The data are not scaled here: see `deeprecon.decode.layer.LayerDecoder` for that and for
    repetitions. NaN and infinity are refused.

    Parameters
    ----------
    n_voxels : int or None
        Voxels that each unit uses. All, if None or not less than n_features.
    alpha : float
        Penalty on the squared weights and the squared bias.
    n_jobs : int, optional
        Number of threads in `fit`; see `solve_topk_ridge`.

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
        """Solver of this model for the training samples of a region."""
        return TopKSolver(design, self.n_voxels, self.alpha)

    def _solve(
        self, X: Floats, Y: Floats, index: NDArray[np.intp]
    ) -> list[tuple[slice, TopKSolution]]:
        solution = solve_topk_ridge(
            X, Y, self.n_voxels, self.alpha, stimulus_index=index, n_jobs=self.n_jobs
        )
        return [(slice(0, Y.shape[1]), solution)]

    @property
    def coef_(self) -> csr_array:
        """Weights of all units as a sparse (n_units, n_features) array."""
        solution = TopKSolution(self.selected_, self.weights_, self.intercept_)
        return csr_array(solution.coefficients(self.n_features_in_))
