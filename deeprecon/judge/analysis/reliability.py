"""Do raters agree with each other, and with themselves."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from deeprecon.judge.analysis.agreement import agreement_interval, item_counts
from deeprecon.judge.analysis.selection import EVERY, WITH_ANSWER, both_ways, tests
from deeprecon.judge.analysis.statistics import two_way_interval

AGREEMENT_COLUMNS = [
    "task", "raters", "measure", "of", "value", "low", "high", "n_items", "n_raters", "note",
]  # fmt: skip
CHOICE, RIGHT = "choice", "right"


def agreement_table(
    responses: pd.DataFrame, *, n_bootstrap: int = 5000, seed: int = 0
) -> pd.DataFrame:
    """Agreement on pictures that several raters judged, and consistency in repeats.

    Parameters
    ----------
    responses : DataFrame
        A row per answer (`judge/responses.tsv`).
    n_bootstrap, seed : int

    Returns
    -------
    DataFrame
        For each task ("all" too, where there are several), for the raters who are kept and for
        all: `measure` krippendorff_alpha, gwet_ac1, agreement (share of pairs of raters who
        answered alike) and repeat_consistency (share of repeats in which a rater chose the same
        picture as before); `of` says what was compared: the "choice" between two pictures, coded
        in an order that does not follow the answer, or whether it was "right". value, low, high
        (95 %: over items; of repeats over raters and images), n_items, n_raters, note where a
        value is not defined. Empty if there is no answer.

    Raises
    ------
    InputError
        If the table lacks a column.

    Notes
    -----
    Where nearly all answers are right, alpha of "right" is low although raters agree: there is no
    variance left to agree on. "choice" has both codes equally often and does not suffer from it.
    """

    def analyse(answers: pd.DataFrame) -> pd.DataFrame:
        rows = [
            {"task": task} | row
            for task, part in _tasks(answers)
            for row in (*_between(part, n_bootstrap, seed), _within(part, n_bootstrap, seed))
        ]
        return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)

    return both_ways(responses, analyse)[AGREEMENT_COLUMNS]


def _tasks(answers: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Answers of each task, and of all of them if there are several."""
    names = list(dict.fromkeys(answers["task"]))
    for name in names:
        yield name, answers[answers["task"] == name]
    if len(names) > 1:
        yield EVERY, answers


def _between(answers: pd.DataFrame, n_bootstrap: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of agreement between raters."""
    asked = tests(answers, *dict.fromkeys(answers["task"]))
    asked = asked.drop_duplicates(["rater", "item"])
    several = asked.groupby("item")["rater"].transform("nunique") > 1
    asked = asked[several.to_numpy(bool)]
    chose = asked["chose_target"].to_numpy(bool)
    first = np.array([_target_is_first(item) for item in asked["item"]], dtype=bool)
    codes = {CHOICE: chose == first}
    if set(answers["task"]) <= set(WITH_ANSWER):
        codes[RIGHT] = chose
    size = {"n_items": asked["item"].nunique(), "n_raters": asked["rater"].nunique()}
    for of, values in codes.items():
        table = asked.assign(code=values.astype(float)).pivot_table(
            index="rater", columns="item", values="code"
        )
        for measure in ("krippendorff_alpha", "gwet_ac1", "agreement"):
            row: dict[str, Any] = {"measure": measure, "of": of, **size}
            if asked.empty:
                yield row | {"note": "no item was judged by two raters"}
                continue
            counts = item_counts(table.to_numpy(), 2)
            interval = agreement_interval(measure, counts, n_bootstrap, seed=seed)
            row |= {"value": interval.estimate, "low": interval.low, "high": interval.high}
            undefined = np.isnan(interval.estimate)
            yield row | {"note": "all answers are the same: nothing varies" if undefined else ""}


def _target_is_first(item: str) -> bool:
    """A coin for each item that falls the same for all raters."""
    return hashlib.sha256(item.encode()).digest()[0] % 2 == 0


def _within(answers: pd.DataFrame, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """The row of consistency in repeats."""
    before = answers[answers["kind"] == "test"].set_index(["rater", "trial_id"])["chose_target"]
    again = answers[answers["kind"] == "repeat"]
    names = list(zip(again["rater"], again["repeats"], strict=True))
    there = np.array([name in before.index for name in names], dtype=bool)
    again = again[there]
    first = before.loc[[name for name, known in zip(names, there, strict=True) if known]]
    same = again["chose_target"].to_numpy(bool) == first.to_numpy(bool)
    interval = two_way_interval(
        same, again["rater"].to_numpy(str), again["item"].to_numpy(str), n_bootstrap, seed=seed
    )
    return {
        "measure": "repeat_consistency",
        "of": CHOICE,
        "value": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "n_items": len(again),
        "n_raters": again["rater"].nunique(),
        "note": "" if len(again) else "no trial was repeated",
    }
