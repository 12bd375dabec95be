"""Correction of p values for the number of tests."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p values for the number of tests (Holm 1979); controls the family-wise error.

    Parameters
    ----------
    p_values : (n,) array
        NaN for a test that was not done; it stays NaN and is not counted.

    Returns
    -------
    (n,) array
        In the order given, at most 1.

    Raises
    ------
    InputError
        If a value is outside 0 to 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    if np.any((p < 0) | (p > 1)):
        raise InputError(f"p values from {np.nanmin(p):g} to {np.nanmax(p):g}, expected 0 to 1")
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN sorts last
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted
