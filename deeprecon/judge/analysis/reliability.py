"""Whether raters agree with each other and with themselves."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.judge.analysis.agreement import COEFFICIENTS, agreement_interval
from deeprecon.judge.analysis.selection import (
    WITH_ANSWER,
    both_ways,
    columns_of,
    each_and_all,
    tests,
)
from deeprecon.judge.analysis.statistics import two_way_interval

AGREEMENT_COLUMNS = [
    "task", "raters", "measure", "of", "value", "low", "high", "n_items", "n_raters", "note",
]  # fmt: skip


def agreement_table(
    responses: pd.DataFrame, *, n_bootstrap: int = 5000, seed: int = 0
) -> pd.DataFrame:
    """Agreement on shared items and consistency in repeats; takes what `accuracy_table` takes.

    Returns
    -------
    DataFrame
        For each task ("all" too, if there are several), for the raters who are kept and for all
        raters: measure (krippendorff_alpha, gwet_ac1, agreement: share of pairs of raters with the
        same answer, and repeat_consistency: share of repeats in which a rater chose the same
        picture as before); of (what is compared: the "choice" between the two pictures, coded in
        an order that is unrelated to the answer, or whether it was "right"); value, low, high
        (95 % interval, over items or, for repeats, over raters and images), n_items, n_raters;
        note if a value is not defined. Empty without answers.

    Notes
    -----
    If nearly all answers are correct, alpha of "right" is low although raters agree, because the
    answers hardly vary. "choice" has both codes equally often and avoids this problem.
    """

    def analyse(answers: pd.DataFrame) -> pd.DataFrame:
        rows = [
            {"task": task} | row
            for task, part in each_and_all(answers, "task")
            for row in (*_between(part, n_bootstrap, seed), _within(part, n_bootstrap, seed))
        ]
        return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)

    return both_ways(responses, analyse)[AGREEMENT_COLUMNS]


def several_raters(answers: pd.DataFrame) -> pd.DataFrame:
    """Tests of items that several raters judged, each item once per rater."""
    once = tests(answers).drop_duplicates(["rater", "item"])
    several = once.groupby("item")["rater"].transform("nunique") > 1
    return once[several.to_numpy(bool)]


def item_counts(answers: pd.DataFrame, codes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Number of raters who gave each item the code False and True: (items, 2)."""
    counts = pd.crosstab(answers["item"].to_numpy(), codes)
    return counts.reindex(columns=[False, True], fill_value=0).to_numpy(float)


def _between(answers: pd.DataFrame, n_bootstrap: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows on agreement between raters."""
    asked = several_raters(answers)
    chose = asked["chose_target"].to_numpy(bool)
    first = np.array([_target_is_first(item) for item in asked["item"]], dtype=bool)
    codes = {"choice": chose == first}
    if set(answers["task"]) <= set(WITH_ANSWER):
        codes["right"] = chose
    size = {"n_items": asked["item"].nunique(), "n_raters": asked["rater"].nunique()}
    for of, values in codes.items():
        for measure in COEFFICIENTS:
            row: dict[str, Any] = {"measure": measure, "of": of, **size}
            if asked.empty:
                yield row | {"note": "no item was judged by two raters"}
                continue
            interval = agreement_interval(measure, item_counts(asked, values), n_bootstrap, seed)
            undefined = np.isnan(interval.estimate)
            note = "all answers are the same: nothing varies" if undefined else ""
            yield row | columns_of(interval, "value") | {"note": note}


def _target_is_first(item: str) -> bool:
    """A pseudo-random choice that is the same for all raters of an item."""
    return hashlib.sha256(item.encode()).digest()[0] % 2 == 0


def _within(answers: pd.DataFrame, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """The row on consistency in repeats."""
    first = answers[answers["kind"] == "test"][["rater", "trial_id", "chose_target"]]
    again = answers[answers["kind"] == "repeat"].merge(
        first, left_on=["rater", "repeats"], right_on=["rater", "trial_id"], suffixes=("", "_first")
    )
    same = (again["chose_target"] == again["chose_target_first"]).to_numpy(bool)
    raters, items = again["rater"].to_numpy(str), again["item"].to_numpy(str)
    interval = two_way_interval(same, raters, items, n_bootstrap, seed)
    return {
        "measure": "repeat_consistency",
        "of": "choice",
        **columns_of(interval, "value"),
        "n_items": len(again),
        "n_raters": again["rater"].nunique(),
        "note": "" if len(again) else "no trial was repeated",
    }
