"""Which answers a table of results is made of."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.errors import InputError

KEPT, ALL = "kept", "all"
EVERY = "all"
"""Of subjects, sets or tasks: pooled."""
WITH_ANSWER = ("identification", "colour_shape")
"""Tasks in which one picture is the right one."""

_COLUMNS = (
    "rater", "trial_id", "task", "kind", "item", "repeats", "subject", "roi", "foil_roi", "method",
    "foil_method", "set", "aspect", "target", "chose_target", "kept",
)  # fmt: skip


def both_ways(
    responses: pd.DataFrame, analyse: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """A table of the raters who are kept and of all of them: column `raters`, "kept" or "all".

    Raises
    ------
    InputError
        If the table of responses lacks a column, or its true and false values are neither.
    """
    checked = check_responses(responses)
    kept = checked[checked["kept"].to_numpy(bool)]
    of_kept = analyse(kept)
    of_all = of_kept if len(kept) == len(checked) else analyse(checked)
    parts = [of_kept.assign(raters=KEPT), of_all.assign(raters=ALL)]
    there = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(there, ignore_index=True)


def check_responses(responses: pd.DataFrame) -> pd.DataFrame:
    """The table of responses with names as text and truth values as such."""
    missing = [name for name in _COLUMNS if name not in responses]
    if missing:
        raise InputError(f"responses: no column {missing[0]!r}; found {list(responses.columns)}")
    names = [name for name in _COLUMNS if name not in ("chose_target", "kept")]
    checked = responses.astype(dict.fromkeys(names, str))
    for name in ("chose_target", "kept"):
        values = checked[name].astype(str).str.lower()
        wrong = checked.index[~values.isin(["true", "false"])]
        if len(wrong):
            raise InputError(
                f"responses: row {wrong[0]}: {name} is {checked[name][wrong[0]]!r}, expected True "
                "or False"
            )
        checked[name] = (values == "true").to_numpy(bool)
    return checked


def tests(responses: pd.DataFrame, *tasks: str) -> pd.DataFrame:
    """Answers that count for accuracy and preference: neither catches nor repeats."""
    return responses[(responses["kind"] == "test") & responses["task"].isin(tasks)]


tests.__test__ = False  # type: ignore[attr-defined]  # for pytest, should it be imported there


def pooled(responses: pd.DataFrame, column: str, same: Sequence[str]) -> pd.DataFrame:
    """The answers, and again with `column` "all" where several of its values share `same`."""
    several = responses.groupby(list(same))[column].transform("nunique") > 1
    again = responses[several.to_numpy(bool)].assign(**{column: EVERY})
    return pd.concat([responses, again], ignore_index=True) if len(again) else responses


def grouped(
    responses: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Groups of answers, in the order of their names, what is pooled last.

    (Trials are shuffled: the order in which they appear would differ from rater to rater.)
    """
    parts = {tuple(map(str, key)): part for key, part in responses.groupby(list(columns))}
    for key in sorted(parts, key=lambda names: [(name == EVERY, name) for name in names]):
        yield dict(zip(columns, key, strict=True)), parts[key]


def images_of(responses: pd.DataFrame) -> NDArray[np.str_]:
    """The image that each answer is about: its set and stimulus, whoever's brain was decoded."""
    return (responses["set"] + "/" + responses["target"]).to_numpy(str)


def size_of(responses: pd.DataFrame) -> dict[str, int]:
    """How much a result rests on: n_raters, n_images, n_answers."""
    return {
        "n_raters": responses["rater"].nunique(),
        "n_images": len(np.unique(images_of(responses))),
        "n_answers": len(responses),
    }
