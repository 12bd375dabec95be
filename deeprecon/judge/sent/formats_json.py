"""Ratings in JSON: results of the study page, of jsPsych, and of JATOS, which stores either."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from deeprecon.judge.sent.sheets import Answer, Contents, Sheet, fields_of
from deeprecon.judge.sent.untrusted import Refused, load_json, quoted

SIDES = {
    "left": "left", "0": "left", "f": "left", "arrowleft": "left", "leftarrow": "left",
    "right": "right", "1": "right", "j": "right", "arrowright": "right", "rightarrow": "right",
}  # fmt: skip
"""What jsPsych writes for two buttons (by their number) and for keys (by their name)."""
KEY_CODES = {"37": "left", "70": "left", "39": "right", "74": "right"}
"""Left arrow, F, right arrow, J: jsPsych 6 writes the numbers of keys as `key_press`."""
_UNANSWERED = (None, "", "null")


def read_json(text: str) -> Contents:
    """Sheets of a JSON document, or of a text with one in each line, as JATOS exports it.

    Raises
    ------
    Refused
        If it is neither; `Contents.refused` has single lines or elements that are not.
    """
    try:
        document = load_json(text)
    except Refused as refused:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        if refused.check != "bad_json" or len(lines) < 2:
            raise
        contents = _read_lines(lines)
        if not contents.sheets:
            raise
        return contents
    return read_document(document)


def _read_lines(lines: Iterable[tuple[int, str]]) -> Contents:
    contents = Contents()
    for number, line in lines:
        try:
            contents.add(read_document(load_json(line)), f"line {number}")
        except Refused as refused:
            contents.refuse(refused, f"line {number}")
    return contents


def read_document(document: Any) -> Contents:
    """Sheets of a result of the page, a jsPsych array, or a list of either."""
    if isinstance(document, dict):
        return Contents([_own_sheet(document)])
    if not isinstance(document, list) or not document:
        raise Refused(
            "unrecognised", f"found {quoted(document)}, expected an object or a list of results"
        )
    if not any(_is_result(part) for part in document):
        return Contents(jspsych_sheets(document, "trial"))
    contents = Contents()
    for number, part in enumerate(document, 1):
        where = f"result {number}"
        try:
            if isinstance(part, list):
                contents.add(Contents(jspsych_sheets(part, "trial")), where)
            else:
                contents.add(Contents([_own_sheet(part)]), where)
        except Refused as refused:
            contents.refuse(refused, where)
    return contents


def _is_result(part: Any) -> bool:
    """Whether an element of a list is all of a rater, rather than a trial of jsPsych."""
    return isinstance(part, list) or (isinstance(part, dict) and "trials" in part)


def _own_sheet(result: Any) -> Sheet:
    """The result that the study page saves."""
    if not isinstance(result, dict):
        raise Refused("unrecognised", f"found {quoted(result)}, expected an object")
    if "trials" not in result:
        raise Refused("no_trials", f"found {quoted(result)} without trials, expected answers")
    trials = result["trials"]
    if not isinstance(trials, list):
        raise Refused("bad_json", f"trials: found {quoted(trials)}, expected a list")
    for number, trial in enumerate(trials, 1):
        if not isinstance(trial, dict):
            raise Refused("bad_json", f"trial {number}: found {quoted(trial)}, expected an object")
    return Sheet(
        "json",
        rater=result.get("rater"),
        answers=[
            Answer(f"trial {number}", **fields_of(trial)) for number, trial in enumerate(trials, 1)
        ],
        schema=result.get("schema"),
        study=result.get("study"),
        list=result.get("list"),
        started=result.get("started"),
        finished=result.get("finished"),
    )


def jspsych_sheets(rows: Iterable[Any], row_name: str) -> list[Sheet]:
    """Sheets of trials that jsPsych 6, 7 or 8 recorded, one for each rater, study and list.

    Our own fields (trial_id, study, rater, list) stand in a row or in its `data`; study, rater and
    list may stand in other rows, if these agree. Rows without trial_id are instructions and the
    like; rows without a response ran out of time.
    """
    fields = [_with_data(row) for row in rows if isinstance(row, dict)]
    common = {name: _agreed(fields, name) for name in ("study", "rater", "list")}
    found: dict[tuple[Hashable, ...], list[Answer]] = {}
    for number, row in enumerate(fields, 1):
        if row.get("trial_id") in _UNANSWERED:
            continue
        given = {name: common[name] if (v := row.get(name)) is None else v for name in common}
        group = tuple(v if isinstance(v, Hashable) else quoted(v) for v in given.values())
        answers = found.setdefault(group, [])
        response = _side(row)
        if response in _UNANSWERED:
            continue
        answers.append(
            Answer(
                f"{row_name} {number}",
                trial_id=row["trial_id"],
                order=row.get("trial_index"),
                left=row.get("left"),
                right=row.get("right"),
                response=response,
                rt_ms=row.get("rt"),
                t_ms=row.get("time_elapsed"),
                focus_lost=row.get("focus_lost"),
            )
        )
    if not found:
        raise Refused("no_trials", "found no trial with a trial_id, expected answers of jsPsych")
    return [
        Sheet("jspsych", rater=rater, answers=answers, study=study, list=number)
        for (study, rater, number), answers in found.items()
    ]


def _with_data(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with what is nested in its `data`; in CSV that is JSON in a cell."""
    data = row.get("data")
    if isinstance(data, str) and data.lstrip().startswith("{"):
        data = load_json(data)
    return {**data, **row} if isinstance(data, dict) else dict(row)


def _agreed(rows: Iterable[Mapping[str, Any]], name: str) -> Any:
    """The one value of a field in all rows that have it, else None."""
    values = {v for row in rows if isinstance(v := row.get(name), (str, int)) and v != ""}
    return values.pop() if len(values) == 1 else None


def _side(row: Mapping[str, Any]) -> Any:
    """Left or right if the response tells, else what was found; None for no response."""
    for name, meaning in (("response", SIDES), ("button_pressed", SIDES), ("key_press", KEY_CODES)):
        found = row.get(name)
        if isinstance(found, (str, int)) and not isinstance(found, bool):
            if found not in _UNANSWERED:
                return meaning.get(str(found).strip().lower(), found)
        elif found is not None:
            return found
    return None
