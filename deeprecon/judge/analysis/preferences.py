"""Which methods and regions raters prefer."""

from typing import Any

import numpy as np
import pandas as pd

from deeprecon.errors import InputError
from deeprecon.judge.analysis.accuracy import sides
from deeprecon.judge.analysis.selection import (
    both_ways,
    grouped,
    images_of,
    mean_columns,
    pooled,
    size_of,
    tests,
)
from deeprecon.judge.analysis.statistics import against_chance
from deeprecon.judge.analysis.strengths import Strengths, bradley_terry_intervals
from deeprecon.stats.corrections import holm

PREFERENCE_COLUMNS = [
    "subject", "set", "roi", "method", "raters", "share", "low", "high", "strength",
    "strength_low", "strength_high", "n_raters", "n_images", "n_answers", "note",
]  # fmt: skip
COMPARISON_COLUMNS = [
    "subject", "set", "roi", "method", "foil_roi", "foil_method", "raters", "share", "low", "high",
    "p", "p_holm", "n_raters", "n_images", "n_answers",
]  # fmt: skip
_ONE = ["roi", "method"]
_OTHER = ["foil_roi", "foil_method"]


def preference_table(
    responses: pd.DataFrame, *, n_bootstrap: int = 5000, seed: int = 0
) -> pd.DataFrame:
    """How often each condition was preferred, and its strength; takes what `accuracy_table` takes.

    Returns
    -------
    DataFrame
        A row for each subject, set (for both "all" too, if there are several), roi and method,
        for the raters who are kept and for all raters: share of comparisons with other conditions
        in which it was chosen, low, high (`two_way_interval`); strength (Bradley-Terry, natural
        logarithm, mean zero over conditions), strength_low, strength_high
        (`bradley_terry_intervals`); n_raters, n_images, n_answers; note if strengths are not
        defined. Empty without answers.
    """

    def analyse(answers: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for key, part in grouped(_compared(answers), ["subject", "set"]):
            names = _conditions(part)
            strengths, note = _strengths(part, names)
            both = sides(part)
            for i, (roi, method) in enumerate(names):
                own = both[(both["roi"] == roi) & (both["method"] == method)]
                strength = {
                    "strength": strengths.estimate[i],
                    "strength_low": strengths.low[i],
                    "strength_high": strengths.high[i],
                    "note": note,
                }
                named = key | {"roi": roi, "method": method}
                rows.append(named | _share(own, n_bootstrap, seed) | strength | size_of(own))
        return pd.DataFrame(rows, columns=PREFERENCE_COLUMNS)

    return both_ways(responses, analyse)[PREFERENCE_COLUMNS]


def comparison_table(
    responses: pd.DataFrame, *, n_bootstrap: int = 5000, n_permutations: int = 9999, seed: int = 0
) -> pd.DataFrame:
    """How often each condition was preferred over each other one; see `accuracy_table`.

    Returns
    -------
    DataFrame
        A row for each subject, set (for both "all" too, if there are several) and pair of
        conditions (roi and method over foil_roi and foil_method), for the raters who are kept and
        for all raters: share of the first, low, high (`two_way_interval`), p (two-sided sign flips
        over images against 1/2), p_holm (over all rows with the same `raters`), n_raters,
        n_images, n_answers.
    """

    def analyse(answers: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for key, part in grouped(_compared(answers), ["subject", "set", *_ONE, *_OTHER]):
            chose = part["chose_target"].to_numpy(float)
            test = against_chance(chose, images_of(part), n_permutations, seed)
            share = _share(part, n_bootstrap, seed)
            rows.append(key | share | {"p": test.p_value} | size_of(part))
        table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
        return table.assign(p_holm=holm(table["p"].to_numpy(float)))

    return both_ways(responses, analyse)[COMPARISON_COLUMNS]


def _compared(answers: pd.DataFrame) -> pd.DataFrame:
    """Answers of the preference task, also pooled, with each pair of conditions in one order."""
    asked = tests(answers, "preference")
    index = {name: i for i, name in enumerate(_conditions(asked))}
    first, second = (_names(asked, columns) for columns in (_ONE, _OTHER))
    turned = np.array([index[a] > index[b] for a, b in zip(first, second, strict=True)], dtype=bool)
    asked = pd.concat([asked[~turned], sides(asked[turned]).iloc[turned.sum() :]])
    return pooled(pooled(asked, "subject", ["set"]), "set", ["subject"])


def _conditions(asked: pd.DataFrame) -> list[tuple[str, str]]:
    """(roi, method) of the conditions that were compared, sorted by name."""
    return sorted({*_names(asked, _ONE), *_names(asked, _OTHER)})


def _names(asked: pd.DataFrame, columns: list[str]) -> list[tuple[str, str]]:
    return list(zip(asked[columns[0]], asked[columns[1]], strict=True))


def _share(answers: pd.DataFrame, n_bootstrap: int, seed: int) -> dict[str, Any]:
    chose = answers["chose_target"].to_numpy(float)
    return mean_columns("share", answers, chose, n_bootstrap, seed)


def _strengths(answers: pd.DataFrame, names: list[tuple[str, str]]) -> tuple[Strengths, str]:
    """Strengths in the order of `names`, or the reason why they are not defined."""
    index = {name: i for i, name in enumerate(names)}
    first, second = (
        np.array([index[name] for name in _names(answers, columns)]) for columns in (_ONE, _OTHER)
    )
    chose = answers["chose_target"].to_numpy(bool)
    try:
        strengths = bradley_terry_intervals(
            np.where(chose, first, second),
            np.where(chose, second, first),
            answers["rater"].to_numpy(str),
            images_of(answers),
            len(names),
        )
    except InputError as error:
        nothing = np.full(len(names), np.nan)
        return Strengths(nothing, nothing, nothing), str(error).removeprefix("wins: ")
    return strengths, ""
