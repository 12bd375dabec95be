"""Sparse linear regression of every unit on its own best voxels: the decoder of the 2019 paper.

For one unit: take the `n_voxels` voxels with the largest absolute correlation with it, and give
each weight a normal prior with a precision of its own. These precisions and that of the noise
maximise the evidence (automatic relevance determination, ARD). A voxel whose precision exceeds a
threshold is pruned for good. The updates are MacKay's (1994; see also Tipping 2001), with the
initial values, pruning and stopping rule of scikit-learn's ARDRegression. The Kamitani lab used its
MATLAB package SLR (SPR_2009_12_17, linear_map_sparse_cov), which was not run here; its pruning and
stopping rules, and so its weights, may differ.

With G = X'X, diagonal prior precisions l and noise precision a, an iteration is

    C = inv(a G + diag(l)),  w = a C X'y,  g = 1 - l diag(C),
    l = (g + 2 lambda_1) / (w^2 + 2 lambda_2),
    a = (n_samples - sum(g) + 2 alpha_1) / (|y - X w|^2 + 2 alpha_2),

from l = 1 and a = n_samples / y'y, each on the voxels that remain. Samples enter only through the
centred X'X, X'y and y'y, so the cost of an iteration is cubic in the remaining voxels and does not
depend on the number of samples, and all units share one X'X. With fewer samples than voxels,
scikit-learn computes C from a matrix over samples, which loses digits once the fit is nearly
perfect (a above about 1000).

References
----------
MacKay (1994), Bayesian nonlinear modeling for the prediction competition, ASHRAE Transactions.
Tipping (2001), Sparse Bayesian learning and the relevance vector machine, JMLR.
"""

from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, eigh
from scipy.linalg.lapack import dtrtri
from sklearn.utils.validation import check_is_fitted

from deeprecon.decode.conditioning import check_factor
from deeprecon.decode.design import Design, Floats
from deeprecon.decode.estimator import SelectiveRegressor
from deeprecon.decode.parallel import consecutive
from deeprecon.decode.ridge import TopKSolution, largest
from deeprecon.errors import InputError
from deeprecon.features.units import Units

_Vector = NDArray[np.float64]
_BASE = 64  # up to this size LAPACK is faster than recursion


class ARDSolution(NamedTuple):
    """One unit's model.

    Attributes
    ----------
    weights : (n_voxels,) float64 array
        Posterior means; exactly 0 where the voxel was pruned.
    precision : (n_voxels,) float64 array
        Precision of the weights' priors, 1 / weight squared; at least the threshold where pruned.
    noise_precision : float
        1 / unit squared.
    n_iter : int
        Number of iterations.
    """

    weights: _Vector
    precision: _Vector
    noise_precision: float
    n_iter: int


def _inverse_factor(matrix: _Vector) -> _Vector:
    """L^-1 (k, k) of the Cholesky factor L of a positive definite matrix (k, k), recursively.

    Nearly all of the work is in matrix products, which let other Python threads run, unlike SciPy's
    LAPACK functions.
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
        # eigenvalues of M are negative only by rounding.
        scale = np.sqrt(precision)
        values, vectors = eigh(gram / np.outer(scale, scale))
        root: _Vector = (vectors / np.sqrt(1 + np.maximum(values, 0))).T / scale
        return root


def _posterior_mean(
    gram: _Vector, xty: _Vector, precision: _Vector, noise_precision: float
) -> tuple[_Vector, _Vector]:
    """Weights w = a C X'y of the voxels (k,), and a square root R (k, k) of C = R'R."""
    root = _square_root(noise_precision * gram, precision)
    return noise_precision * ((root @ xty) @ root), root


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
    gram : (n_voxels, n_voxels) X'X of the centred voxels, finite
    xty, yty : (n_voxels,) X'y and y'y of the centred unit y
    n_samples : number of samples
    max_iter : maximum number of iterations, at least 1
    tol : stop when the absolute changes of all weights in an iteration sum to less than this
    alpha_1, alpha_2 : shape and rate of the gamma prior on the precision of the noise
    lambda_1, lambda_2 : the same for the precision of each weight
    threshold_lambda : a voxel whose precision reaches it is pruned

    Returns
    -------
    ARDSolution
        The model of scikit-learn's ARDRegression on X and y, computed in float64.

    Examples
    --------
    >>> gram = np.diag([100.0, 100.0])  # two voxels; the unit is twice the first plus noise
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
        w, root = _posterior_mean(part, target, precision[left], noise_precision)
        weights[left] = w
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
        weights[left], _ = _posterior_mean(part, target, precision[left], noise_precision)
    return ARDSolution(weights, precision, float(noise_precision), n_iter)


@dataclass(frozen=True)
class SparseSolver:
    """Solves the units of one region with the settings of `SparseRegression`.

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
        """Blocks of one unit, because a unit may take seconds."""
        return consecutive(len(units.index), 1)

    def solve(self, Y: Floats) -> TopKSolution:
        """Weights of the units Y (n_stimuli, n_units), in float64."""
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
        return TopKSolution(selected.astype(np.int32), weights, intercept, n_iter)


class SparseRegression(SelectiveRegressor):
    """The sparse regression of the 2019 paper as a scikit-learn regressor of many units at once.

    The data are not scaled here, see `deeprecon.decode.layer.LayerDecoder`. NaN and infinity are
    refused. The intercept has no penalty. The computation is in float64.

    Parameters
    ----------
    n_voxels : int or None
        Voxels from which each unit is predicted before pruning: those with the largest absolute
        correlation with it. All, if None or not less than n_features.
    max_iter : int
        Maximum number of iterations for a unit.
    tol : float
        See `solve_ard`.
    n_jobs : int, optional
        Number of threads in `fit` (None: 1, -1: all cores). The result does not depend on it.

    Attributes
    ----------
    selected_ : (n_units, n_voxels) int32 array
        Columns of X that each unit started with, ascending.
    weights_ : (n_units, n_voxels) float64 array
        Their weights; exactly 0 for pruned voxels.
    intercept_ : (n_units,) float64 array
    n_iter_ : (n_units,) array
        Number of iterations; `max_iter` if the weights have not converged.
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

    _dtypes = (np.float64,)

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
        """Solver of this model for the training samples of a region."""
        return SparseSolver(design, self.n_voxels, self.max_iter, self.tol)

    @property
    def n_iter_(self) -> NDArray[np.intp]:
        """Number of iterations for each unit; `max_iter` if its weights have not converged."""
        check_is_fitted(self)
        return np.concatenate([solution.n_iter for _, solution in self.solutions_])
