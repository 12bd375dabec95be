"""Scores over subjects, treated as replications: few subjects are no sample of a population."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from deeprecon.errors import InputError
from deeprecon.evaluate.table import RECONSTRUCTION
from deeprecon.stats.bootstrap import Interval, bootstrap_ci
from deeprecon.targets import AVERAGE

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
MINIMUM_SUBJECTS = 6  # with fewer, no two-sided sign test can reach p < .05
SIGNIFICANT = 0.05


def joint_bootstrap_ci(
    scores: Sequence[NDArray], n_resamples: int = 10_000, seed: int = 0
) -> Interval:
    """95 % interval of the mean over these subjects, by resampling images.

    Parameters
    ----------
    scores : for each subject (n,) scores of the same images
        Images are drawn jointly, because a hard image is hard for every subject. Subjects are not
        drawn, so the interval says nothing about other people.
    n_resamples, seed
        See `bootstrap_ci`, which is applied to the means over subjects.

    Raises
    ------
    InputError
        If the numbers of images differ.
    """
    if len({len(each) for each in scores}) != 1:
        raise InputError(f"scores of {[len(each) for each in scores]} images, expected one number")
    return bootstrap_ci(np.mean(scores, axis=0), n_resamples, seed=seed)


def over_subjects(
    whole: pd.DataFrame, images: pd.DataFrame, n_bootstrap: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """Mean and range of each score over subjects, and the number of significant subjects.

    Parameters
    ----------
    whole, images : tables of `evaluate.table`
    n_bootstrap, seed : see `joint_bootstrap_ci`

    Returns
    -------
    DataFrame with the columns `COLUMNS`
        `n_significant` counts subjects with p_holm < .05, and is NaN for a score that is not
        tested. `p_subjects` is a sign test over subjects of the score against chance; it needs six
        subjects that are not exactly at chance, and `note` gives the reason if there is none.
        Intervals treat the scores of images as independent, although identification shares
        competitors.
    """
    keys = ["roi", "method", "set", "metric", "direction"]
    whole = whole[(whole["condition"] == RECONSTRUCTION) & (whole["subject"] != AVERAGE)]
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
    """Number of subjects with p below .05; NaN, not 0, if no subject was tested."""
    return math.nan if p_holm.isna().all() else float((p_holm < SIGNIFICANT).sum())


def _over_people(part: pd.DataFrame) -> tuple[float, str]:
    """The p value of a sign test over subjects against chance, and the reason if there is none."""
    chance = part["chance"].iloc[0]
    if math.isnan(chance):
        return math.nan, "no chance level"
    # A subject exactly at chance is on neither side, and a subject without a value does not count.
    off = part["value"][part["value"].notna() & (part["value"] != chance)]
    if len(off) < MINIMUM_SUBJECTS:
        return math.nan, f"{len(off)} subjects are too few for a test over subjects"
    return float(binomtest(int((off > chance).sum()), len(off)).pvalue), ""
