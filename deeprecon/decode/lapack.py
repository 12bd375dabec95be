"""LAPACK's solver of positive definite systems, called so that threads run side by side.

SciPy's own wrapper holds the lock of the interpreter (two threads solve no more systems in a
second than one), and NumPy's Cholesky factor took several times as long; calls through ctypes
release the lock. The functions are those that SciPy offers to Cython, in the library that it
brought.
"""

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cython_lapack

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


def solve_upper(matrix: NDArray[np.floating], right: NDArray[np.floating]) -> None:
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
    # LAPACK counts by columns: what is the upper triangle here is the lower one there.
    _function(_NAMES[matrix.dtype.char])(
        ctypes.byref(ctypes.c_char(b"L")), size, ctypes.byref(one), matrix.ctypes.data, size,
        right.ctypes.data, size, ctypes.byref(info),
    )  # fmt: skip
    if info.value:
        raise LinAlgError("the matrix is not positive definite")
