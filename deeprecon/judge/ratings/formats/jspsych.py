"""Ratings recorded by jsPsych 6, 7 or 8, as JSON or CSV.

Our own fields (trial_id, study, rater, list) are in a row or in its `data`. If the other rows
agree, study, rater and list may be missing from a row. Rows without a trial_id are instructions
and the like; rows without a response timed out.
"""

from collections.abc import Iterable
from typing import Any

from deeprecon.judge.ratings.sheets import Answer, Row, Rows, Sheet, grouped
from deeprecon.judge.ratings.untrusted import Refused, load_json

SIDES = {
    "left": "left", "0": "left", "f": "left", "arrowleft": "left", "leftarrow": "left",
    "right": "right", "1": "right", "j": "right", "arrowright": "right", "rightarrow": "right",
}  # fmt: skip
"""What jsPsych writes for two buttons (their number) and for keys (their name)."""
KEY_CODES = {"37": "left", "70": "left", "39": "right", "74": "right"}
"""Left arrow, F, right arrow, J: jsPsych 6 writes the codes of keys as `key_press`."""
_UNANSWERED = (None, "", "null")


def read(rows: Rows) -> list[Sheet]:
    """One sheet for each rater, study and list.

    Raises
    ------
    Refused
        If no row has a trial_id.
    """
    given = [(where, _given(row)) for where, row in rows]
    names = ("study", "rater", "list")
    common = {name: _agreed((row for _, row in given), name) for name in names}
    trials = [
        (where, common | row) for where, row in given if row.get("trial_id") not in _UNANSWERED
    ]
    if not trials:
        raise Refused("no_trials", "found no trial with a trial_id, expected answers of jsPsych")
    sheets = []
    for (study, rater, number), part in grouped(trials, *names).items():
        answers = [
            Answer(
                where,
                trial_id=row["trial_id"],
                order=row.get("trial_index"),
                left=row.get("left"),
                right=row.get("right"),
                response=side,
                rt_ms=row.get("rt"),
                t_ms=row.get("time_elapsed"),
                focus_lost=row.get("focus_lost"),
            )
            for where, row in part
            if (side := _side(row)) not in _UNANSWERED
        ]
        sheets.append(Sheet("jspsych", rater, answers, study=study, list=number))
    return sheets


def _given(row: Row) -> dict[str, Any]:
    """The values of a row and of its nested `data`, which is JSON in a cell of a CSV file."""
    given = {name: value for name, value in row.items() if value not in (None, "")}
    data = given.get("data")
    if isinstance(data, str) and data.startswith("{"):
        data = load_json(data)
    return data | given if isinstance(data, dict) else given


def _agreed(rows: Iterable[Row], name: str) -> Any:
    """The value of a field if all rows that have it agree, otherwise None."""
    values = {v for row in rows if isinstance(v := row.get(name), (str, int)) and v != ""}
    return values.pop() if len(values) == 1 else None


def _side(row: Row) -> Any:
    """Left or right if the response is recognised, otherwise what was found; None if missing."""
    for name, meaning in (("response", SIDES), ("button_pressed", SIDES), ("key_press", KEY_CODES)):
        found = row.get(name)
        if isinstance(found, (str, int)) and not isinstance(found, bool):
            if found not in _UNANSWERED:
                return meaning.get(str(found).strip().lower(), found)
        elif found is not None:
            return found
    return None
