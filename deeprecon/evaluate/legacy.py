"""Tests reported in earlier papers, for comparison.

At a nominal level of .05 the binomial test rejects about .3 of true null hypotheses. The
signed-rank test keeps its level, but has no power (0 to .01) if all reconstructions are similar,
unlike the permutation test. See `tests/evaluate/test_false_positives.py`.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, wilcoxon

from deeprecon.errors import InputError


def wilcoxon_legacy(accuracy: ArrayLike) -> float:
    """Signed-rank test of per-image two-way accuracies against .5, as in Shen et al. (2019).

    It assumes that the accuracies of images are independent, although they share competitors.

    Parameters
    ----------
    accuracy : (n,) array; NaN values are left out

    Returns
    -------
    float
        One-sided p. Images at exactly .5 are dropped (Wilcoxon's treatment of zeros); NaN if no
        image is left.

    Examples
    --------
    >>> round(wilcoxon_legacy([0.9, 0.8, 0.7, 0.6, 0.5]), 4)
    0.0625
    """
    values = np.asarray(accuracy, np.float64)
    # Rounded, so that differences tie even if their last bits differ.
    difference = np.round(values[~np.isnan(values)] - 0.5, 12)
    difference = difference[difference != 0]
    if not difference.size:
        return float("nan")
    return float(wilcoxon(difference, alternative="greater").pvalue)


def binomial_legacy(accuracy: ArrayLike) -> float:
    """Binomial test that treats all n (n - 1) comparisons as independent trials.

    Brain-Diffuser's evaluation uses it. It is wrong: under the null hypothesis p is below .05 in
    about a third of studies.

    Parameters
    ----------
    accuracy : (n,) array of two-way accuracies

    Returns
    -------
    float
        One-sided p.
    """
    values = np.asarray(accuracy, np.float64)
    if values.ndim != 1 or len(values) < 2 or np.isnan(values).any():
        raise InputError("binomial test: expected two or more accuracies, none of them NaN")
    trials = len(values) * (len(values) - 1)
    won = round(float(values.mean()) * trials)
    return float(binomtest(won, trials, alternative="greater").pvalue)
