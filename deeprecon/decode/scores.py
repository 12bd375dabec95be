"""Accuracy of decoded features: three standard scores of (n_stimuli, *unit_shape) arrays.

The definitions are those of bdpy.evals.metrics (KamitaniLab/bdpy). Sums are computed in
float64 for one part of the array at a time, so that layers with millions of units need no copy.
"""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.stats.correlation import correlation, similarity_matrix
from deeprecon.stats.identification import ranks

BLOCK_VALUES = 2**22  # values of one array that are held as float64 at a time

Floats = NDArray[np.floating]


def _two_tables(predicted: Floats, true: Floats) -> tuple[Floats, Floats]:
    """Check that two arrays match, and return them as (n_stimuli, n_units) tables."""
    if predicted.shape != true.shape:
        raise InputError(f"predicted: shape {predicted.shape}, expected {true.shape}, that of true")
    if predicted.ndim < 2 or not predicted.size:
        raise InputError(
            f"predicted: shape {predicted.shape}, expected (n_stimuli, *unit_shape), 1 or more "
            "stimuli and 1 or more units"
        )
    return predicted.reshape(len(predicted), -1), true.reshape(len(true), -1)


def _without_nan(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Mask of the units (columns) that have no NaN in either table."""
    return ~np.logical_or(np.isnan(a).any(axis=0), np.isnan(b).any(axis=0))


def _unit_blocks(table: Floats) -> Iterator[slice]:
    """Slices of columns that hold at most BLOCK_VALUES values (at least one column)."""
    step = max(1, BLOCK_VALUES // len(table))
    return (slice(start, start + step) for start in range(0, table.shape[1], step))


def _shifted(values: Floats) -> NDArray[np.float64]:
    """Subtract the first row; a constant becomes exactly 0, so that its correlation is NaN."""
    return values - values[0].astype(np.float64)


def profile_correlation(predicted: Floats, true: Floats) -> NDArray[np.float64]:
    """Pearson correlation of each unit over stimuli.

    Parameters
    ----------
    predicted, true : (n_stimuli, *unit_shape) arrays
        The same stimuli in the same order.

    Returns
    -------
    (*unit_shape) array
        NaN where a unit is constant or has NaN in either array, and if there is one stimulus.

    Raises
    ------
    InputError
        If the shapes differ or there is no stimulus.

    Examples
    --------
    >>> predicted = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]])
    >>> profile_correlation(predicted, np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0]]))
    array([-1., nan])
    """
    a, b = _two_tables(predicted, true)
    r = np.empty(a.shape[1])
    for units in _unit_blocks(a):
        r[units] = correlation(_shifted(a[:, units]), _shifted(b[:, units]))
    return r.reshape(predicted.shape[1:])


def pattern_correlation(
    predicted: Floats, true: Floats, mean: Floats | None = None, sd: Floats | None = None
) -> NDArray[np.float64]:
    """Pearson correlation of each stimulus over units.

    Parameters
    ----------
    predicted, true : (n_stimuli, *unit_shape) arrays
        The same stimuli in the same order. Units with NaN are left out.
    mean, sd : (*unit_shape) arrays, optional
        Mean and SD of the TRAINING features. Both arrays are standardised with them first, so that
        units of different scale count equally. Give both or neither. Units with SD 0 are left out.

    Returns
    -------
    (n_stimuli,) array
        NaN where a stimulus has the same value in all units of either array.

    Raises
    ------
    InputError
        If the shapes differ, there is no stimulus, or no unit is left.

    Examples
    --------
    >>> predicted = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    >>> pattern_correlation(predicted, np.array([[2.0, 4.0, 6.0], [3.0, 2.0, 1.0]]))
    array([ 1., -1.])
    """
    a, b = _two_tables(predicted, true)
    if (mean is None) != (sd is None):
        raise InputError("mean, sd: only one of them given, expected both or neither")
    units = _without_nan(a, b)
    centre: Floats = np.zeros(1)
    scale: Floats = np.ones(1)
    if mean is not None and sd is not None:
        if mean.shape != predicted.shape[1:] or sd.shape != predicted.shape[1:]:
            raise InputError(
                f"mean, sd: shapes {mean.shape}, {sd.shape}, expected {predicted.shape[1:]}"
            )
        units &= sd.ravel() > 0
        centre, scale = mean.ravel()[units].astype(np.float64), sd.ravel()[units]
    if not units.any():
        raise InputError("predicted, true: every unit has NaN or SD 0, expected one or more good")

    def standardised(row: Floats) -> Floats:
        return (row[units] - centre) / scale

    return np.array(
        [
            correlation(_shifted(standardised(x)), _shifted(standardised(y)))
            for x, y in zip(a, b, strict=True)
        ]
    )


def identification_rank(
    predicted: Floats, candidates: Floats, correct: NDArray[np.integer]
) -> NDArray[np.intp]:
    """Rank of the correct candidate by its Pearson correlation with the prediction over units.

    Parameters
    ----------
    predicted : (n_predicted, *unit_shape) array
    candidates : (n_candidates, *unit_shape) array
        For example, the true features of all test and training images.
    correct : (n_predicted,) integers
        Index of the correct candidate of each prediction.

    Returns
    -------
    (n_predicted,) integers
        1 if the prediction is more similar to the correct candidate than to all others. A tie
        counts against the prediction, so that a constant prediction gets the last rank.

    Raises
    ------
    InputError
        If the shapes do not fit, there is one candidate, or every unit has NaN.

    Examples
    --------
    >>> candidates = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [3.0, 2.0, 1.0]])
    >>> identification_rank(candidates[[0, 0, 0]], candidates, np.array([0, 1, 2]))
    array([1, 2, 3])
    """
    if predicted.shape[1:] != candidates.shape[1:] or predicted.ndim < 2 or len(candidates) < 2:
        raise InputError(
            f"predicted: shape {predicted.shape}, candidates: {candidates.shape}, expected "
            "(n, *unit_shape) of the same units, and 2 or more candidates"
        )
    a, b = (table.reshape(len(table), -1) for table in (predicted, candidates))
    units = _without_nan(a, b)
    if not units.any():
        raise InputError("predicted, candidates: every unit has NaN, expected one or more without")
    if not units.all():
        a, b = a[:, units], b[:, units]
    similarity = similarity_matrix(a, b)
    right = np.arange(len(b)) == correct[:, None]
    return ranks(similarity[right], similarity[~right].reshape(len(a), -1))


def pairwise_identification(
    predicted: Floats, true: Floats, stimulus_id: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """Share of wrong stimuli to which each prediction is less similar than to the right one.

    For stimulus i: the share of all j != i for which r(predicted i, true i) is larger than
    r(predicted i, true j), where r is Pearson's over units. A tie is a miss. Chance is 0.5.

    Parameters
    ----------
    predicted, true : (n_stimuli, *unit_shape) arrays
        The same stimuli in the same order. Units with NaN are left out.
    stimulus_id : n_stimuli strings, optional
        Stimulus of each row, if stimuli are repeated, as for single samples. Rows of the same
        stimulus are one candidate.

    Returns
    -------
    (n_stimuli,) array
        0 for a prediction that is constant over units. NaN if there is only one stimulus.

    Raises
    ------
    InputError
        If the shapes differ, there is no stimulus, or every unit has NaN.

    Examples
    --------
    >>> true = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 3.0, 1.0]])
    >>> pairwise_identification(true[[0, 0, 2]], true)
    array([1., 0., 1.])
    """
    n = len(_two_tables(predicted, true)[0])
    ids: Sequence[Hashable] = range(n) if stimulus_id is None else stimulus_id
    first = {name: row for row, name in reversed(list(enumerate(ids)))}
    place = {name: i for i, name in enumerate(first)}
    correct = np.array([place[name] for name in ids])
    n = len(first)
    if n == 1:
        return np.full(len(correct), np.nan)
    return (n - identification_rank(predicted, true[list(first.values())], correct)) / (n - 1)
