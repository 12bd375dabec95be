"""How often raters choose the correct picture, by condition and by image."""

import numpy as np
import pandas as pd

from deeprecon.judge.analysis.selection import (
    KEPT,
    WITH_ANSWER,
    both_ways,
    grouped,
    images_of,
    kept_responses,
    mean_columns,
    pooled,
    size_of,
    tests,
)
from deeprecon.judge.analysis.statistics import against_chance
from deeprecon.judge.questions import SHOWN
from deeprecon.stats.corrections import holm

ACCURACY_COLUMNS = [
    "task", "aspect", *SHOWN, "raters", "accuracy", "low", "high", "p", "p_holm", "n_raters",
    "n_images", "n_answers",
]  # fmt: skip
IMAGE_TABLE_COLUMNS = [
    "task", *SHOWN, "target", "raters", "accuracy", "preferred", "rank", "n_answers",
]  # fmt: skip


def accuracy_table(
    responses: pd.DataFrame, *, n_bootstrap: int = 5000, n_permutations: int = 9999, seed: int = 0
) -> pd.DataFrame:
    """Accuracy of each condition in the tasks that have a correct answer.

    Parameters
    ----------
    responses : `judge/responses.tsv`, one row per answer
    n_bootstrap, n_permutations, seed : int

    Returns
    -------
    DataFrame
        A row for each task, aspect, subject ("all" too, if there are several), roi, method and
        set, for the raters who are kept and for all raters: accuracy (share of correct answers),
        low and high (95 % interval over raters and images, `two_way_interval`), p (two-sided sign
        flips over images against 1/2, `against_chance`), p_holm (over all rows with the same
        `raters`), n_raters, n_images, n_answers. Empty without answers.

    Raises
    ------
    InputError
        If the table lacks a column.

    Notes
    -----
    Catches and repeats do not count. A shared trial counts once per rater. If subjects are pooled,
    an image counts as one image whatever the subject.
    """

    def analyse(answers: pd.DataFrame) -> pd.DataFrame:
        asked = tests(answers, *WITH_ANSWER)
        asked = pooled(asked, "subject", ["task", "aspect", "roi", "method", "set"])
        rows = []
        for key, part in grouped(asked, ["task", "aspect", *SHOWN]):
            right = part["chose_target"].to_numpy(float)
            scores = mean_columns("accuracy", part, right, n_bootstrap, seed)
            test = against_chance(right, images_of(part), n_permutations, seed)
            rows.append(key | scores | {"p": test.p_value} | size_of(part))
        table = pd.DataFrame(rows, columns=ACCURACY_COLUMNS)
        return table.assign(p_holm=holm(table["p"].to_numpy(float)))

    return both_ways(responses, analyse)[ACCURACY_COLUMNS]


def image_table(responses: pd.DataFrame) -> pd.DataFrame:
    """How often raters chose the original, or the reconstruction, of each image.

    Parameters
    ----------
    responses : DataFrame
        As for `accuracy_table`; only raters who are kept are used.

    Returns
    -------
    DataFrame
        A row for each task, subject, roi, method, set and target, best first within a condition:
        `accuracy` in tasks with a correct answer; `preferred` in the preference task (share of
        comparisons with other conditions in which this reconstruction was chosen), the other one
        NaN; rank (1 is best, ties share the smallest rank), n_answers, and raters (always "kept").
    """
    kept = kept_responses(responses)
    judged = pd.concat([tests(kept, *WITH_ANSWER), sides(tests(kept, "preference"))])
    keys = ["task", *SHOWN]
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
    """Answers of the preference task twice, from the point of view of each condition.

    The condition is named by `roi` and `method`, its rival by `foil_roi` and `foil_method`;
    `chose_target` says whether the condition was chosen.
    """
    other = preferences.rename(
        columns={
            "roi": "foil_roi", "foil_roi": "roi", "method": "foil_method", "foil_method": "method",
        }
    ).assign(chose_target=~preferences["chose_target"].to_numpy(bool))  # fmt: skip
    return pd.concat([preferences, other[preferences.columns]], ignore_index=True)
