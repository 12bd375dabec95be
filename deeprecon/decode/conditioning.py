"""Criterion for ridge systems that are too close to singular for their precision.

All solvers of this package use one criterion, see `check_factor`. Without it, a singular system
would be refused only if rounding happened to make a pivot negative, which depends on the
processor; otherwise, its solution would be noise.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg import LinAlgError, cho_factor

from deeprecon.errors import InputError

_Floats = NDArray[np.floating]


class SingularSystemError(InputError, LinAlgError):
    """The penalty is too small for the precision of the work."""


def check_factor(factor: _Floats, diagonal: _Floats, dtype: DTypeLike | None = None) -> None:
    """Refuse a Cholesky factor that may consist of rounding errors.

    A factor R computed for K = R'R is exact for a matrix whose diagonal differs from that of K by
    up to (n + 1) eps / 2 relative to K_ii (Higham 2002, Theorem 10.3). So a pivot r_ii^2 of
    n eps K_ii or less may have no correct digit. LAPACK's pivoted Cholesky factorisation
    determines the rank by half of this bound. The criterion does not depend on the scale of the
    columns. With N standardised samples the ratio of pivot to diagonal is at least
    alpha / (N + alpha): 500 voxels in float32 (bound 6e-5) pass with a penalty of 1 and up to
    16,000 samples for any data, and with more samples unless voxels are collinear.

    Parameters
    ----------
    factor : (..., n) array
        Diagonals of factors, in the dtype of the factorisation.
    diagonal : (..., n) array
        Diagonals of the matrices.
    dtype : float32 or float64, optional
        Dtype in which the matrices were computed, if it is less precise than that of the
        factorisation: rounding a matrix costs as many digits as rounding its factor.

    Raises
    ------
    scipy.linalg.LinAlgError
        If a pivot is n eps K_ii or less, or NaN.

    References
    ----------
    Higham (2002), Accuracy and stability of numerical algorithms, 2nd edition, SIAM.
    """
    bound = factor.shape[-1] * np.finfo(dtype or factor.dtype).eps
    if not (factor**2 > bound * diagonal).all():
        raise LinAlgError("the matrix is singular in the precision of the work")


def cholesky(matrix: _Floats, dtype: DTypeLike | None = None) -> tuple[_Floats, bool]:
    """`scipy.linalg.cho_factor` of a matrix (n, n), which is overwritten.

    Parameters
    ----------
    matrix : (n, n) array
    dtype : see `check_factor`

    Raises
    ------
    scipy.linalg.LinAlgError
        If the matrix is not positive definite or is singular by `check_factor`.
    """
    diagonal = matrix.diagonal().copy()
    factor, lower = cho_factor(matrix, lower=True, overwrite_a=True)
    check_factor(factor.diagonal(), diagonal, dtype)
    return factor, lower


@contextmanager
def naming_penalty(alpha: float, dtype: DTypeLike) -> Iterator[None]:
    """Turn a LinAlgError into a SingularSystemError that names the penalty and the dtype."""
    try:
        yield
    except LinAlgError:
        raise SingularSystemError(
            f"alpha: {alpha:g} is too small: the ridge equations are singular in "
            f"{np.dtype(dtype)}; increase alpha, or use samples of a higher precision"
        ) from None
