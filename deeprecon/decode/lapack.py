"""LAPACK's solver of positive definite systems, called without holding the interpreter's lock.

SciPy's own wrapper holds the lock, so that two threads are no faster than one, and NumPy's
Cholesky factorisation took several times as long. Calls through ctypes release the
lock. The functions are those that SciPy exports for Cython from the LAPACK library that it ships.
"""

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cython_lapack

from deeprecon.decode.conditioning import check_factor, naming_penalty

_BANDS = 8  # bands of rows in which the upper triangle of a matrix is gathered
Floats = NDArray[np.floating]

_NAMES = {"f": "sposv", "d": "dposv"}


@cache
def _function(name: str) -> Callable[..., None]:
    """A function of LAPACK with eight pointers as arguments."""
    capsule = cython_lapack.__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 8)(address)


def solve_upper(matrix: Floats, right: Floats) -> None:
    """Solve a symmetric positive definite system in place: `right` becomes the solution.

    Parameters
    ----------
    matrix : (n, n) array, float32 or float64, C-contiguous
        Only its upper triangle is read. The Cholesky factor replaces it; see
        `deeprecon.decode.conditioning.check_factor` for its diagonal.
    right : (n,) array of the same type, contiguous

    Raises
    ------
    scipy.linalg.LinAlgError
        If the matrix is not positive definite.
    """
    n, one, info = ctypes.c_int(len(right)), ctypes.c_int(1), ctypes.c_int(0)
    size = ctypes.byref(n)
    # LAPACK stores matrices by columns, so our upper triangle is its lower triangle.
    _function(_NAMES[matrix.dtype.char])(
        ctypes.byref(ctypes.c_char(b"L")), size, ctypes.byref(one), matrix.ctypes.data, size,
        right.ctypes.data, size, ctypes.byref(info),
    )  # fmt: skip
    if info.value:
        raise LinAlgError("the matrix is not positive definite")


def solve_parts(matrix: Floats, used: NDArray[np.intp], right: Floats, alpha: float) -> Floats:
    """Solve matrix[v, v] w = right[j] for the rows and columns v = used[j] of each unit j.

    Parameters
    ----------
    matrix : (n, n) array, symmetric
    used : (n_units, k) array
    right : (n_units, k) array
    alpha : penalty that `matrix` contains, for the message

    Returns
    -------
    (n_units, k) array

    Raises
    ------
    deeprecon.decode.conditioning.SingularSystemError
        If a system is singular in the dtype of `matrix`.
    """
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
