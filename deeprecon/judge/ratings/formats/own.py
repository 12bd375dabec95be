"""Ratings in the project's own format: what the study page saves, and the same as a table."""

from typing import Any

from deeprecon.judge.ratings.sheets import Answer, Row, Rows, Sheet, grouped
from deeprecon.judge.ratings.untrusted import Refused, quoted

_FIELDS = ("trial_id", "order", "left", "right", "response", "rt_ms", "t_ms", "focus_lost")


def answer(where: str, row: Row) -> Answer:
    """The answer in a row that uses our own field names."""
    fields: dict[str, Any] = {name: row.get(name) for name in _FIELDS}
    return Answer(where, **fields)


def read_page(rows: Rows) -> list[Sheet]:
    """The sheet of one rater, from a JSON object.

    Raises
    ------
    Refused
        If the object has no list of trials.
    """
    ((_, result),) = rows
    if "trials" not in result:
        raise Refused("no_trials", f"found {quoted(result)} without trials, expected answers")
    trials = result["trials"]
    if not isinstance(trials, list):
        raise Refused("bad_json", f"trials: found {quoted(trials)}, expected a list")
    for number, trial in enumerate(trials, 1):
        if not isinstance(trial, dict):
            raise Refused("bad_json", f"trial {number}: found {quoted(trial)}, expected an object")
    answers = [answer(f"trial {number}", trial) for number, trial in enumerate(trials, 1)]
    names = ("schema", "study", "list", "started", "finished")
    header: dict[str, Any] = {name: result.get(name) for name in names}
    return [Sheet("json", rater=result.get("rater"), answers=answers, **header)]


def read_long(rows: Rows) -> list[Sheet]:
    """One sheet per rater; a rater with two studies or lists gives two, which are refused later."""
    return [
        Sheet(
            "long", rater, [answer(*row) for row in part], schema=schema, study=study, list=number
        )
        for (schema, study, rater, number), part in grouped(
            rows, "schema", "study", "rater", "list"
        ).items()
    ]
