"""Select and group the answers for a table of results."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.judge.analysis.statistics import two_way_interval
from deeprecon.stats.bootstrap import Interval

KEPT, ALL = "kept", "all"
EVERY = "all"
"""Name of all subjects, sets or tasks pooled."""
WITH_ANSWER = ("identification", "colour_shape")
"""Tasks that have a correct answer."""

_NAMES = (
    "rater", "trial_id", "task", "kind", "item", "repeats", "subject", "roi", "foil_roi", "method",
    "foil_method", "set", "aspect", "target",
)  # fmt: skip
_TRUTH_VALUES = ("chose_target", "kept")


def both_ways(
    responses: pd.DataFrame, analyse: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """Make a table for the raters who are kept and for all raters, with a column `raters`.

    Raises
    ------
    InputError
        If the table of responses lacks a column or a truth value is not True or False.
    """
    checked = check_responses(responses)
    kept = checked[checked["kept"]]
    of_kept = analyse(kept)
    of_all = of_kept if len(kept) == len(checked) else analyse(checked)
    parts = [of_kept.assign(raters=KEPT), of_all.assign(raters=ALL)]
    there = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(there, ignore_index=True)


def check_responses(responses: pd.DataFrame) -> pd.DataFrame:
    """Convert names to text and truth values to bool.

    Raises
    ------
    InputError
        If a column is missing or a truth value is not True or False.
    """
    missing = [name for name in (*_NAMES, *_TRUTH_VALUES) if name not in responses]
    if missing:
        raise InputError(f"responses: no column {missing[0]!r}; found {list(responses.columns)}")
    checked = responses.astype(dict.fromkeys(_NAMES, str))
    for name in _TRUTH_VALUES:
        values = checked[name].astype(str).str.lower()
        wrong = checked.index[~values.isin(["true", "false"])]
        if len(wrong):
            found = checked[name][wrong[0]]
            raise InputError(
                f"responses: row {wrong[0]}: {name} is {found!r}, expected True or False"
            )
        checked[name] = (values == "true").to_numpy(bool)
    return checked


def kept_responses(responses: pd.DataFrame) -> pd.DataFrame:
    """Answers of the raters who are kept, checked as by `check_responses`."""
    checked = check_responses(responses)
    return checked[checked["kept"]]


def tests(responses: pd.DataFrame, *tasks: str) -> pd.DataFrame:
    """Answers that count, without catches and repeats; only to some tasks, if they are named."""
    counts = responses["kind"] == "test"
    return responses[counts & responses["task"].isin(tasks) if tasks else counts]


tests.__test__ = False  # type: ignore[attr-defined]  # keeps pytest from collecting it


def pooled(responses: pd.DataFrame, column: str, same: Sequence[str]) -> pd.DataFrame:
    """Add copies with "all" in `column`, for groups equal in `same` with several of its values."""
    several = responses.groupby(list(same))[column].transform("nunique") > 1
    again = responses[several.to_numpy(bool)].assign(**{column: EVERY})
    return pd.concat([responses, again], ignore_index=True) if len(again) else responses


def each_and_all(responses: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Answers with each value of a column and, if there are several values, all answers."""
    names = list(dict.fromkeys(responses[column]))
    for name in names:
        yield name, responses[responses[column] == name]
    if len(names) > 1:
        yield EVERY, responses


def grouped(
    responses: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Group answers, sorted by name with pooled groups last.

    The order of appearance would not do, because trials are shuffled.
    """
    parts = {tuple(map(str, key)): part for key, part in responses.groupby(list(columns))}
    for key in sorted(parts, key=lambda names: [(name == EVERY, name) for name in names]):
        yield dict(zip(columns, key, strict=True)), parts[key]


def images_of(responses: pd.DataFrame) -> NDArray[np.str_]:
    """The image of each answer, named by set and stimulus whatever the subject."""
    return (responses["set"] + "/" + responses["target"]).to_numpy(str)


def size_of(responses: pd.DataFrame) -> dict[str, Any]:
    """The size of a sample: n_raters, n_images, n_answers."""
    return {
        "n_raters": responses["rater"].nunique(),
        "n_images": len(np.unique(images_of(responses))),
        "n_answers": len(responses),
    }


def mean_columns(
    name: str, responses: pd.DataFrame, outcomes: NDArray[Any], n_bootstrap: int, seed: int
) -> dict[str, Any]:
    """Mean outcome of answers under `name`, and its interval over raters and images."""
    raters = responses["rater"].to_numpy(str)
    interval = two_way_interval(outcomes, raters, images_of(responses), n_bootstrap, seed)
    return columns_of(interval, name)


def columns_of(interval: Interval, name: str) -> dict[str, Any]:
    """An interval as columns of a table: the estimate under `name`, low and high."""
    return {name: interval.estimate, "low": interval.low, "high": interval.high}
