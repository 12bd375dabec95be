"""Sparse linear regression of every unit on its own best voxels: the 2019 paper's decoder.

For one unit: take the `n_voxels` voxels with the largest absolute correlation with it, and give
each weight a normal prior of its own precision. The precisions and that of the noise are those
of the largest evidence (automatic relevance determination, ARD): a voxel whose precision passes
a threshold is left out for good. The updates are MacKay's (1994; see also Tipping 2001), with
the initial values, pruning and stopping of scikit-learn's ARDRegression. The lab used its MATLAB
package SLR (SPR_2009_12_17, linear_map_sparse_cov), which was not run here: when it prunes and
when it stops may differ, and so may the weights.

Samples enter only through X'X, X'y and y'y, centred, so an iteration costs the cube of the
voxels that are left, however many samples there are, and all units share one X'X.
"""

from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, eigh
from scipy.linalg.lapack import dtrtri
from sklearn.utils.validation import check_is_fitted, validate_data

from deeprecon.decode.conditioning import check_factor
from deeprecon.decode.design import Design, Floats
from deeprecon.decode.estimator import UnitRegressor
from deeprecon.decode.parallel import consecutive, in_threads
from deeprecon.decode.ridge import TopKSolution, largest
from deeprecon.errors import InputError
from deeprecon.features.units import Units

_Vector = NDArray[np.float64]
_BASE = 64  # rows up to which LAPACK is faster than halves


class ARDSolution(NamedTuple):
    """One unit's model.

    Attributes
    ----------
    weights : (n_voxels,) float64 array
        Posterior means; exactly 0 where the voxel was pruned.
    precision : (n_voxels,) float64 array
        Of the weights' priors, 1 / weight squared; not below the threshold where pruned.
    noise_precision : float
        1 / unit squared.
    n_iter : int
        Iterations done.
    """

    weights: _Vector
    precision: _Vector
    noise_precision: float
    n_iter: int


def _inverse_factor(matrix: _Vector) -> _Vector:
    """L^-1 (k, k) of the Cholesky factor L of a positive definite matrix (k, k), by halves.

    Nearly all of the work is products of matrices, during which, unlike in SciPy's LAPACK
    functions, other threads of Python can run.
    """
    k, half = len(matrix), len(matrix) // 2
    if k <= _BASE:
        base: _Vector = dtrtri(np.linalg.cholesky(matrix), lower=1)[0]
        return base
    inverse = np.zeros((k, k))
    first = inverse[:half, :half] = _inverse_factor(matrix[:half, :half])
    below = matrix[half:, :half] @ first.T
    last = inverse[half:, half:] = _inverse_factor(matrix[half:, half:] - below @ below.T)
    inverse[half:, :half] = -(last @ below) @ first
    return inverse


def _square_root(gram: _Vector, precision: _Vector) -> _Vector:
    """A matrix R (k, k) with R'R = inv(gram + diag(precision))."""
    matrix = gram + np.diag(precision)
    try:
        inverse = _inverse_factor(matrix)
        check_factor(1 / inverse.diagonal(), matrix.diagonal())
        return inverse
    except LinAlgError:
        # The matrix is singular in float64: voxels are collinear and the noise is nearly 0, or the
        # unit is constant. With S = sqrt(precision), the matrix is S (I + M) S, where the
        # eigenvalues of M are not below 0 but for rounding.
        scale = np.sqrt(precision)
        values, vectors = eigh(gram / np.outer(scale, scale))
        root: _Vector = (vectors / np.sqrt(1 + np.maximum(values, 0))).T / scale
        return root


def solve_ard(
    gram: Floats,
    xty: Floats,
    yty: float,
    n_samples: int,
    *,
    max_iter: int = 300,
    tol: float = 1e-3,
    alpha_1: float = 1e-6,
    alpha_2: float = 1e-6,
    lambda_1: float = 1e-6,
    lambda_2: float = 1e-6,
    threshold_lambda: float = 1e4,
) -> ARDSolution:
    """Weights of one unit by automatic relevance determination.

    Parameters
    ----------
    gram : (n_voxels, n_voxels) array
        X'X of the voxels less their means, finite. The work is in float64.
    xty : (n_voxels,) array
        X'y, y being the unit less its mean.
    yty : float
        y'y.
    n_samples : int
    max_iter : int
        Iterations at most; at least 1.
    tol : float
        Stop when the absolute changes of all weights in an iteration add up to less.
    alpha_1, alpha_2 : float
        Shape and rate of the gamma prior on the precision of the noise.
    lambda_1, lambda_2 : float
        The same on the precision of each weight.
    threshold_lambda : float
        A voxel whose precision reaches it is left out from then on.

    Returns
    -------
    ARDSolution
        `coef_`, `lambda_`, `alpha_` and `n_iter_` of scikit-learn's ARDRegression on X and y.

    Notes
    -----
    With G = X'X, diagonal prior precisions l and noise precision a, an iteration is

        C = inv(a G + diag(l)),  w = a C X'y,  g = 1 - l diag(C),
        l = (g + 2 lambda_1) / (w^2 + 2 lambda_2),
        a = (n_samples - sum(g) + 2 alpha_1) / (|y - X w|^2 + 2 alpha_2),

    from l = 1 and a = n_samples / y'y, each on the voxels that are left.

    With fewer samples than voxels, scikit-learn gets C from a matrix over samples. Once the fit
    is nearly perfect (a above about 1000), that loses digits and its weights leave the course of
    exact arithmetic; these do not.

    References
    ----------
    MacKay (1994), Bayesian nonlinear modeling for the prediction competition, ASHRAE
    Transactions. Tipping (2001), Sparse Bayesian learning and the relevance vector machine, JMLR.

    Examples
    --------
    >>> gram = np.diag([100.0, 100.0])  # two voxels; the unit is twice the first, and noise
    >>> solution = solve_ard(gram, np.array([200.0, 1.0]), 410.0, n_samples=100)
    >>> solution.weights.round(2)
    array([2., 0.])
    """
    weights, precision = np.zeros(len(gram)), np.ones(len(gram))
    noise_precision = 1 / (yty / n_samples + np.finfo(float).eps)
    left = np.arange(len(gram))
    part, target = np.asarray(gram, np.float64), np.asarray(xty, np.float64)
    for n_iter in range(1, max_iter + 1):
        before = weights.copy()
        root = _square_root(noise_precision * part, precision[left])
        w = weights[left] = noise_precision * ((root @ target) @ root)
        determined = 1 - precision[left] * np.einsum("ij,ij->j", root, root)
        error = max(float(yty - 2 * w @ target + w @ part @ w), 0.0)
        precision[left] = (determined + 2 * lambda_1) / (w**2 + 2 * lambda_2)
        noise_precision = (n_samples - determined.sum() + 2 * alpha_1) / (error + 2 * alpha_2)
        keep = precision[left] < threshold_lambda
        if not keep.all():
            weights[left[~keep]] = 0
            left, target, part = left[keep], target[keep], part[np.ix_(keep, keep)]
        if not left.size or (n_iter > 1 and np.abs(before - weights).sum() < tol):
            break
    if left.size:
        root = _square_root(noise_precision * part, precision[left])
        weights[left] = noise_precision * ((root @ target) @ root)
    return ARDSolution(weights, precision, float(noise_precision), n_iter)


@dataclass(frozen=True)
class SparseSolver:
    """Solves the units of one region.

    Parameters
    ----------
    design : Design
        Of the training samples.
    n_voxels, max_iter, tol
        As of `SparseRegression`.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    design: Design
    n_voxels: int | None
    max_iter: int
    tol: float

    def __post_init__(self) -> None:
        for name in ("n_voxels", "max_iter"):
            value = getattr(self, name)
            if value is None and name == "n_voxels":
                continue
            if not isinstance(value, Integral) or value < 1:
                raise InputError(f"{name}: {value}, expected a whole number, at least 1")
        if not 0 <= self.tol < np.inf:
            raise InputError(f"tol: {self.tol}, expected a finite number, at least 0")

    def groups(self, units: Units) -> list[slice]:
        """Units that a thread takes at a time: single ones, as one may take seconds."""
        return consecutive(len(units.place), 1)

    def solve(self, Y: Floats) -> TopKSolution:
        """Weights of the units Y (n_stimuli, n_units), in float64."""
        return self.solve_counting(Y)[0]

    def solve_counting(self, Y: Floats) -> tuple[TopKSolution, NDArray[np.intp]]:
        """Weights of the units Y (n_stimuli, n_units), and the iterations of each: (n_units,)."""
        design = self.design
        centred, mean = design.centred(Y)
        covariance = design.covariance(centred)
        n_selected = min(self.n_voxels or design.n_voxels, design.n_voxels)
        selected = largest(design.correlation_order(covariance), n_selected)
        weights, n_iter = np.empty(selected.shape), np.empty(len(selected), np.intp)
        power = design.repeats @ centred.astype(np.float64) ** 2
        for unit, voxels in enumerate(selected):
            solution = solve_ard(
                design.gram[np.ix_(voxels, voxels)],
                covariance[unit, voxels],
                power[unit],
                design.n_samples,
                max_iter=self.max_iter,
                tol=self.tol,
            )
            weights[unit], n_iter[unit] = solution.weights, solution.n_iter
        intercept = mean - (weights * design.mean[selected]).sum(axis=1)
        return TopKSolution(selected.astype(np.int32), weights, intercept), n_iter


class SparseRegression(UnitRegressor):
    """The 2019 paper's sparse regression as a scikit-learn regressor of many units at once.

    No scaling inside; see `deeprecon.decode.layer.LayerDecoder`. NaN and infinity are refused.
    The bias is the unit's mean less what the voxels' means predict, and has no penalty. The work
    is in float64.

    Parameters
    ----------
    n_voxels : int or None
        Voxels that each unit is given, as in `deeprecon.decode.ridge.TopKRidge`: those of the
        largest absolute correlation with it. None, or not less than X has: all.
    max_iter : int
        Iterations for a unit at most.
    tol : float
        See `solve_ard`.
    n_jobs : int, optional
        Threads that share the units in `fit` (None: 1, -1: all cores). The result does not
        depend on it.

    Attributes
    ----------
    selected_ : (n_units, n_voxels) int32 array
        Columns of X that each unit was given, ascending.
    weights_ : (n_units, n_voxels) float64 array
        Their weights; exactly 0 for those that were left out.
    intercept_ : (n_units,) float64 array
    n_iter_ : (n_units,) array
        Iterations done; `max_iter` where the weights still changed by more than `tol`.
    unit_shape_ : tuple of int
        Shape of the units in Y; units are counted in its C order.
    n_features_in_ : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((50, 20))
    >>> model = SparseRegression().fit(X, 3 * X[:, 4:6] + 1)
    >>> [np.flatnonzero(weights).tolist() for weights in model.weights_]
    [[4], [5]]
    """

    def __init__(
        self,
        n_voxels: int | None = 500,
        max_iter: int = 300,
        tol: float = 1e-3,
        n_jobs: int | None = None,
    ) -> None:
        self.n_voxels = n_voxels
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def solver(self, design: Design) -> SparseSolver:
        """What fits this model to the samples of a region; see `deeprecon.decode.layer`."""
        return SparseSolver(design, self.n_voxels, self.max_iter, self.tol)

    def fit(self, X: ArrayLike, Y: ArrayLike, stimulus_index: ArrayLike | None = None) -> Self:
        """Fit every unit.

        Parameters
        ----------
        X : (n_samples, n_features) array
        Y : (n_samples, *unit_shape) array
            Or (n_stimuli, *unit_shape) with `stimulus_index`.
        stimulus_index : (n_samples,) integers, optional
            Row of Y that belongs to each row of X, where stimuli were repeated. The same as
            giving `Y[stimulus_index]`, without making it. Every row of Y must be used.

        Raises
        ------
        InputError
            If a setting is out of range or the rows do not fit together.
        """
        voxels, units, index = self._training(X, Y, stimulus_index, (np.float64,))
        if self.n_jobs == 0:
            raise InputError("n_jobs: 0, expected a number of threads, None or -1")
        solver = self.solver(Design.of(voxels, index, len(units)))
        blocks = solver.groups(Units.every((units.shape[1],)))
        parts = list(
            in_threads(lambda block: solver.solve_counting(units[:, block]), blocks, self.n_jobs)
        )
        solutions, n_iter = zip(*parts, strict=True)
        self.selected_ = np.concatenate([solution.selected for solution in solutions])
        self.weights_ = np.concatenate([solution.weights for solution in solutions])
        self.intercept_ = np.concatenate([solution.intercept for solution in solutions])
        self.n_iter_ = np.concatenate(n_iter)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict (n_samples, *unit_shape) from X (n_samples, n_features)."""
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False, dtype=np.float64)
        solution = TopKSolution(self.selected_, self.weights_, self.intercept_)
        return solution.predict(samples).reshape(len(samples), *self.unit_shape_)
