"""Paired comparisons of two methods, or of two regions, over images."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from deeprecon.stats.bootstrap import bootstrap_ci
from deeprecon.stats.corrections import holm
from deeprecon.stats.permutation import paired_permutation

COLUMNS = (
    "subject",
    "set",
    "kind",
    "a",
    "b",
    "where",
    "metric",
    "n",
    "difference",
    "ci_low",
    "ci_high",
    "p",
    "p_holm",
)

# Few, because each adds to the correction for the number of tests.
COMPARED = ("pixel_correlation", "ssim", "pixel_identification")


def compare(
    images: pd.DataFrame,
    metrics: Sequence[str] = COMPARED,
    *,
    leave_out: Sequence[str] = (),
    n_permutations: int = 9999,
    n_bootstrap: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare all pairs of methods in a region, and all pairs of regions for a method.

    Only scores in which each image's value depends on its own reconstruction alone are compared:
    "own" scores, and identification with the reconstruction fixed. For these, the values of two
    equally good methods are exchangeable for each image, as the sign-flip test requires.

    Parameters
    ----------
    images : table `IMAGE_COLUMNS` of `evaluate.table`
    metrics : scores to compare
    leave_out : methods to leave out, such as the control
    n_permutations, n_bootstrap, seed : see `paired_permutation` and `bootstrap_ci`

    Returns
    -------
    DataFrame with the columns `COLUMNS`
        `difference` is a - b. `p` is two-sided; `p_holm` is corrected for all comparisons of the
        same subject, set and kind.
    """
    table = images[(images["direction"] != "true") & images["metric"].isin(list(metrics))]
    table = table[~table["method"].isin(list(leave_out))]
    rows = []
    for (subject, stimuli, metric), part in table.groupby(["subject", "set", "metric"], sort=False):
        about = {"subject": subject, "set": stimuli, "metric": metric}
        values = _by_reconstruction(part)
        for (roi_a, method_a), (roi_b, method_b) in combinations(values, 2):
            if roi_a == roi_b:
                where = {"kind": "methods", "where": roi_a, "a": method_a, "b": method_b}
            elif method_a == method_b:
                where = {"kind": "regions", "where": method_a, "a": roi_a, "b": roi_b}
            else:
                continue
            a, b = values[roi_a, method_a].align(values[roi_b, method_b], join="inner")
            both = a.notna() & b.notna()
            if both.sum() < 2:
                continue
            difference = (a[both] - b[both]).to_numpy(float)
            test = paired_permutation(a[both], b[both], n_permutations, seed)
            interval = bootstrap_ci(difference, n_bootstrap, seed=seed)
            rows.append(
                about
                | where
                | {"n": len(difference), "difference": difference.mean(), "p": test.p_value}
                | {"ci_low": interval.low, "ci_high": interval.high}
            )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    families = found.groupby(["subject", "set", "kind"], sort=False)["p"]
    found["p_holm"] = families.transform(lambda p: holm(p.to_numpy(float))).astype(float)
    return found


def _by_reconstruction(part: pd.DataFrame) -> Mapping[tuple[Any, ...], "pd.Series[float]"]:
    """(roi, method) -> value of each stimulus."""
    return {
        tuple(key): rows.set_index("stimulus_id")["value"].astype(np.float64)
        for key, rows in part.groupby(["roi", "method"], sort=False)
    }
