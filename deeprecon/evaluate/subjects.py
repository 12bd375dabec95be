"""Several subjects, each a replication: no test takes three of them for a population."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from deeprecon.errors import InputError
from deeprecon.evaluate.table import RECONSTRUCTION
from deeprecon.stats.bootstrap import Interval, bootstrap_ci
from deeprecon.study import AVERAGE

COLUMNS = (
    "roi",
    "method",
    "set",
    "metric",
    "direction",
    "n_subjects",
    "subjects",
    "value",
    "lowest",
    "highest",
    "ci_low",
    "ci_high",
    "n_significant",
    "p_subjects",
    "note",
)
FEWEST = 6  # subjects: below, no two-sided sign test can reach p < .05
SIGNIFICANT = 0.05


def joint_bootstrap_ci(
    scores: Sequence[NDArray], n_resamples: int = 10_000, seed: int = 0
) -> Interval:
    """95 % interval of the mean over these subjects, if other images had been shown to them.

    Parameters
    ----------
    scores : for each subject (n,) scores of the same images
        Images are drawn jointly: one that is hard is hard for all. Subjects are not drawn: the
        interval says nothing about other people.
    n_resamples, seed
        As for `bootstrap_ci`, which is used on the means over subjects.

    Raises
    ------
    InputError
        If numbers of images differ.
    """
    if len({len(each) for each in scores}) != 1:
        raise InputError(f"scores of {[len(each) for each in scores]} images, expected one number")
    return bootstrap_ci(np.mean(scores, axis=0), n_resamples, seed=seed)


def over_subjects(
    whole: pd.DataFrame, images: pd.DataFrame, n_bootstrap: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """Each score's mean and range over subjects, and in how many of them it is significant.

    Parameters
    ----------
    whole, images : tables of `evaluate.table`

    Returns
    -------
    DataFrame with the columns `COLUMNS`
        `n_significant`: subjects with p_holm < .05, NaN for a score that is not tested.
        `p_subjects`: sign test over subjects of the score against chance, only from six subjects
        on that are not at chance; `note` says why there is none. Intervals are of per-image
        scores, as if identification scores of images shared no competitors.
    """
    keys = ["roi", "method", "set", "metric", "direction"]
    whole = whole[(whole["pictures"] == RECONSTRUCTION) & (whole["subject"] != AVERAGE)]
    by_image = dict(list(images.groupby(keys, sort=False)))
    rows = []
    for key, part in whole.groupby(keys, sort=False):
        if part["subject"].nunique() < 2 or key not in by_image:
            continue
        scores = by_image[key].pivot_table("value", "stimulus_id", "subject")
        complete = scores.dropna()
        interval = Interval(math.nan, math.nan, math.nan)
        if len(complete):
            each = [complete[name].to_numpy(float) for name in complete]
            interval = joint_bootstrap_ci(each, n_bootstrap, seed)
        p, note = _over_people(part)
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "n_subjects": len(part),
                "subjects": ", ".join(part["subject"]),
                "value": part["value"].mean(),
                "lowest": part["value"].min(),
                "highest": part["value"].max(),
                "ci_low": interval.low,
                "ci_high": interval.high,
                "n_significant": _n_significant(part["p_holm"]),
                "p_subjects": p,
                "note": note,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _n_significant(p_holm: "pd.Series[float]") -> float:
    """Subjects with p below .05; NaN if no subject was tested, which is not 0 of them."""
    return math.nan if p_holm.isna().all() else float((p_holm < SIGNIFICANT).sum())


def _over_people(part: pd.DataFrame) -> tuple[float, str]:
    """Sign test over subjects of a score against its chance level, and why there is none."""
    chance = part["chance"].iloc[0]
    if math.isnan(chance):
        return math.nan, "no chance level"
    # A subject at chance is on neither side; one without a value is not there.
    off = part["value"][part["value"].notna() & (part["value"] != chance)]
    if len(off) < FEWEST:
        return math.nan, f"{len(off)} subjects are too few for a test over subjects"
    return float(binomtest(int((off > chance).sum()), len(off)).pvalue), ""
