"""How often raters choose the right picture: of conditions, and of single images."""

from typing import Any

import numpy as np
import pandas as pd

from deeprecon.judge.analysis.selection import (
    KEPT,
    WITH_ANSWER,
    both_ways,
    check_responses,
    grouped,
    images_of,
    pooled,
    size_of,
    tests,
)
from deeprecon.judge.analysis.statistics import against_chance, two_way_interval
from deeprecon.stats.corrections import holm

CONDITION = ["subject", "roi", "method", "set"]
ACCURACY_COLUMNS = [
    "task", "aspect", *CONDITION, "raters", "accuracy", "low", "high", "p", "p_holm", "n_raters",
    "n_images", "n_answers",
]  # fmt: skip
IMAGE_TABLE_COLUMNS = [
    "task", *CONDITION, "target", "raters", "accuracy", "preferred", "rank", "n_answers",
]  # fmt: skip


def accuracy_table(
    responses: pd.DataFrame,
    *,
    n_bootstrap: int = 5000,
    n_permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """Accuracy of each condition in the tasks that have a right answer.

    Parameters
    ----------
    responses : DataFrame
        A row per answer (`judge/responses.tsv`).
    n_bootstrap, n_permutations, seed : int

    Returns
    -------
    DataFrame
        A row for each task, aspect, subject, roi, method and set ("all" subjects too, where there
        are several), for the raters who are kept and for all: accuracy (share of right answers),
        low and high (95 %, over raters and images: `two_way_interval`), p (two-sided sign flips
        over images against 1/2: `against_chance`), p_holm (for all rows of the same `raters`),
        n_raters, n_images, n_answers. Empty if there is no answer.

    Raises
    ------
    InputError
        If the table lacks a column.

    Notes
    -----
    Catches and repeats do not count; a trial that all raters share counts for each of them. Over
    several subjects an image is one image, whoever's brain it was decoded from.
    """

    def analyse(answers: pd.DataFrame) -> pd.DataFrame:
        asked = tests(answers, *WITH_ANSWER)
        asked = pooled(asked, "subject", ["task", "aspect", "roi", "method", "set"])
        rows: list[dict[str, Any]] = []
        for key, part in grouped(asked, ["task", "aspect", *CONDITION]):
            right, images = part["chose_target"].to_numpy(float), images_of(part)
            interval = two_way_interval(
                right, part["rater"].to_numpy(str), images, n_bootstrap, seed=seed
            )
            test = against_chance(right, images, n_permutations, seed)
            scores = {
                "accuracy": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "p": test.p_value,
            }
            rows.append(key | scores | size_of(part))
        table = pd.DataFrame(rows, columns=ACCURACY_COLUMNS)
        return table.assign(p_holm=holm(table["p"].to_numpy(float)))

    return both_ways(responses, analyse)[ACCURACY_COLUMNS]


def image_table(responses: pd.DataFrame) -> pd.DataFrame:
    """How often raters chose each image's original, or each image's reconstruction.

    Parameters
    ----------
    responses : DataFrame
        As for `accuracy_table`; raters who are not kept are left out.

    Returns
    -------
    DataFrame
        A row for each task, subject, roi, method, set and target, best first within a condition:
        `accuracy` in tasks with a right answer, `preferred` (share of comparisons with other
        conditions in which this image's reconstruction was chosen) in the preference; the other
        one is NaN. rank (1 is best, equal values share the smallest rank), n_answers, and raters,
        "kept" in all rows.
    """
    checked = check_responses(responses)
    kept = checked[checked["kept"]]
    judged = pd.concat([tests(kept, *WITH_ANSWER), sides(tests(kept, "preference"))])
    keys = ["task", *CONDITION]
    if judged.empty:
        return pd.DataFrame(columns=IMAGE_TABLE_COLUMNS)
    table = (
        judged.groupby([*keys, "target"], sort=False)["chose_target"]
        .agg(share="mean", n_answers="size")
        .reset_index()
    )
    preference = table["task"] == "preference"
    table["accuracy"] = table["share"].mask(preference, np.nan)
    table["preferred"] = table["share"].where(preference, np.nan)
    table["rank"] = table.groupby(keys)["share"].rank(ascending=False, method="min").astype(int)
    table["condition"] = table.groupby(keys).ngroup()
    table = table.sort_values(["condition", "rank"], kind="stable").assign(raters=KEPT)
    return table[IMAGE_TABLE_COLUMNS].reset_index(drop=True)


def sides(preferences: pd.DataFrame) -> pd.DataFrame:
    """Answers of the preference task twice, from the side of each of the two conditions.

    The condition is named by `roi` and `method`, its rival by `foil_roi` and `foil_method`;
    `chose_target` says whether the condition was chosen.
    """
    other = preferences.rename(
        columns={
            "roi": "foil_roi", "foil_roi": "roi", "method": "foil_method", "foil_method": "method",
        }
    ).assign(chose_target=~preferences["chose_target"].to_numpy(bool))  # fmt: skip
    return pd.concat([preferences, other[preferences.columns]], ignore_index=True)
