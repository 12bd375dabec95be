"""Join answers with the key of the study: all but answer, times and focus comes from the key."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deeprecon.judge.sent.findings import Finding, Problems
from deeprecon.judge.sent.keyed import Trials
from deeprecon.judge.sent.quantities import quantity, seconds, whole
from deeprecon.judge.sent.sheets import SCHEMA, Answer, Sheet
from deeprecon.judge.sent.untrusted import quoted

MAX_MS = 30 * 24 * 3600 * 1000.0
RATER_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Rating:
    """The answers of a rater, in the order in which they were given.

    Attributes
    ----------
    list : number of the list, 0 for a plain table
    places : trials in `Trials`
    responses : "left" or "right"
    rt_ms, t_ms, focus_lost : NaN where unknown
    """

    rater: str
    file: str
    format: str
    list: int
    places: Sequence[int]
    responses: Sequence[str]
    rt_ms: Sequence[float]
    t_ms: Sequence[float]
    focus_lost: Sequence[float]


def join(
    sheet: Sheet, file: str, trials: Trials, study_sha256: str
) -> tuple[Rating | None, list[Finding]]:
    """The answers of a sheet that names our trials, or None and the reasons.

    Parameters
    ----------
    sheet : of any format but "plain"
    file : name for the findings
    """
    rater, problems = identified(sheet, file)
    _check_header(sheet, study_sha256, problems)
    if sheet.format == "meadows":
        number, places = _places_by_pictures(sheet, trials, problems)
    else:
        number, places = _places_by_id(sheet, trials, problems)
    responses = [_response(answer, problems) for answer in sheet.answers]
    numbers = [_numbers(answer, problems) for answer in sheet.answers]
    if problems.errors:
        return None, problems.findings()
    order = _presented(sheet, trials, places, problems)
    rt, t, focus = ([numbers[i][column] for i in order] for column in range(3))
    rating = Rating(
        rater, file, sheet.format, number,
        [places[i] for i in order], [responses[i] for i in order], rt, t, focus,
    )  # fmt: skip
    return rating, problems.findings()


def identified(sheet: Sheet, file: str) -> tuple[str, Problems]:
    """The rater's id, and the problems of the sheet: so far, an id that is none, no answers."""
    found = sheet.rater
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    valid = isinstance(found, str) and RATER_ID.fullmatch(found) is not None
    rater = found if valid else "n/a"
    problems = Problems(file, rater, sheet.where)
    if not valid:
        problems.error(
            "rater_id", f"rater: found {quoted(found)}, expected 1 to 64 of A-Z a-z 0-9 _ . -"
        )
    if not sheet.answers:
        problems.error("no_trials", "found no answers, expected those of a list")
    return rater, problems


def _check_header(sheet: Sheet, study_sha256: str, problems: Problems) -> None:
    if sheet.format in ("json", "long") and sheet.schema != SCHEMA:
        problems.error(
            "unknown_schema", f"schema: found {quoted(sheet.schema)}, expected {SCHEMA!r}"
        )
    if sheet.format != "meadows" and sheet.study != study_sha256:
        problems.error(
            "study_mismatch",
            f"study: found {quoted(sheet.study)}, expected {study_sha256[:12]}...: the results "
            "are of another study, or of another version of this one",
        )
    if sheet.format == "json":
        _check_timestamps(sheet, problems)


def _check_timestamps(sheet: Sheet, problems: Problems) -> None:
    """Start and end of a session are not needed: a warning."""
    started, finished = seconds(sheet.started), seconds(sheet.finished)
    if started is None or (finished is None and sheet.finished is not None):
        what, found = (
            ("started", sheet.started) if started is None else ("finished", sheet.finished)
        )
        message = f"{what}: found {quoted(found)}, expected a time such as 2026-11-25T10:00:00Z"
        problems.other("timestamps", "warning", message)
    elif finished is not None and finished < started:
        problems.other(
            "timestamps",
            "warning",
            f"finished: found {quoted(sheet.finished)}, expected a time after the start, "
            f"{quoted(sheet.started)}",
        )


def _places_by_id(sheet: Sheet, trials: Trials, problems: Problems) -> tuple[int, list[int]]:
    """The list, and the trial of each answer."""
    number = whole(sheet.list)
    if number not in trials.by_list:
        problems.error(
            "unknown_list",
            f"list: found {quoted(sheet.list)}, expected one of {_numbers_in_words(trials)}",
        )
    places: list[int] = []
    seen: set[int] = set()
    for answer in sheet.answers:
        name = answer.trial_id
        place = trials.by_id.get(name) if isinstance(name, str) else None
        if place is None:
            problems.error(
                "unknown_trial",
                f"{answer.where}: found trial_id {quoted(name)}, expected a trial of the study",
            )
            continue
        if place in seen:
            problems.error("duplicate_trial", f"{answer.where}: found {name} again, expected once")
        seen.add(place)
        own = trials.columns["list"][place]
        if number in trials.by_list and own != number:
            problems.error("other_list", f"{answer.where}: {name} is of list {own}, not {number}")
        _check_pictures(sheet, answer, trials, place, problems)
        places.append(place)
    return number or 0, places


def _check_pictures(
    sheet: Sheet, answer: Answer, trials: Trials, place: int, problems: Problems
) -> None:
    """Left and right must be what the key says; jsPsych need not tell them."""
    for side in ("left", "right"):
        found, expected = getattr(answer, side), trials.columns[side][place]
        if found != expected and not (found is None and sheet.format == "jspsych"):
            problems.error(
                "wrong_pictures",
                f"{answer.where}: {trials.columns['trial_id'][place]}: found {quoted(found)} on "
                f"the {side}, expected {expected}",
            )
            return


def _places_by_pictures(sheet: Sheet, trials: Trials, problems: Problems) -> tuple[int, list[int]]:
    """The one list that has all triples of pictures, and the trial of each answer.

    A triple that a list shows several times is taken in the order of the list.
    """
    shown = Counter((answer.top, answer.left, answer.right) for answer in sheet.answers)
    fitting = set(trials.by_list)
    for triple, n in shown.items():
        lists = trials.by_pictures.get(triple, {})
        fitting &= {number for number, places in lists.items() if len(places) >= n}
        if not lists:
            problems.error(
                "unknown_trial",
                f"no trial shows {', '.join(map(quoted, triple))} (top, left, right)",
            )
    if len(fitting) != 1:
        found = f"lists {', '.join(map(str, sorted(fitting)[:5]))}" if fitting else "no list"
        problems.error(
            "unknown_list", f"found {found} with all pictures of the rater, expected one list"
        )
        return 0, []
    (number,) = fitting
    waiting = {triple: iter(trials.by_pictures[triple][number]) for triple in shown}
    return number, [
        next(waiting[answer.top, answer.left, answer.right]) for answer in sheet.answers
    ]


def _numbers_in_words(trials: Trials) -> str:
    numbers = sorted(trials.by_list) or [0]
    whole_range = numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 2
    return f"{numbers[0]} to {numbers[-1]}" if whole_range else ", ".join(map(str, numbers[:20]))


def _response(answer: Answer, problems: Problems) -> str:
    found = answer.response
    if isinstance(found, str) and found in ("left", "right"):
        return found
    problems.error(
        "bad_response", f"{answer.where}: found response {quoted(found)}, expected left or right"
    )
    return "n/a"


def _numbers(answer: Answer, problems: Problems) -> tuple[float, float, float]:
    """rt_ms, t_ms, focus_lost; NaN where unknown."""
    found = []
    for name, value, high in (
        ("rt_ms", answer.rt_ms, MAX_MS),
        ("t_ms", answer.t_ms, MAX_MS),
        ("focus_lost", answer.focus_lost, 1e6),
    ):
        read = quantity(value, high)
        if read is None:
            problems.error(
                "bad_number",
                f"{answer.where}: found {name} {quoted(value)}, expected 0 to {high:.0f}",
            )
        found.append(math.nan if read is None else read)
    return found[0], found[1], found[2]


def _presented(
    sheet: Sheet, trials: Trials, places: Sequence[int], problems: Problems
) -> Sequence[int]:
    """Answers in the order in which they were given: as told, else as in the file."""
    told = [whole(answer.order) for answer in sheet.answers]
    if sheet.format in ("json", "long"):
        differ = sum(
            a != trials.columns["order"][place] for a, place in zip(told, places, strict=True)
        )
        if differ:
            problems.other(
                "order_differs",
                "warning",
                f"found another order in {differ} of {len(places)} answers, expected that of the "
                "list",
                str(differ),
            )
    known = [number for number in told if number is not None]
    if len(set(known)) < len(told):
        return range(len(told))
    return sorted(range(len(told)), key=known.__getitem__)
