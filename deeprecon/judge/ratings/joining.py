"""Match answers to the key: everything but answer, times and focus comes from the key."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from deeprecon.judge.ratings.findings import Check, Finding, Problems, Severity
from deeprecon.judge.ratings.formats import FORMATS
from deeprecon.judge.ratings.key import Trial, Trials
from deeprecon.judge.ratings.sheets import SCHEMA, Answer, Sheet
from deeprecon.judge.ratings.untrusted import quantity, quoted, seconds, whole

MAX_MS = 30 * 24 * 3600 * 1000.0
LIMITS = {"rt_ms": MAX_MS, "t_ms": MAX_MS, "focus_lost": 1e6}
"""Highest plausible time or count."""
RATER_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Rated(NamedTuple):
    """An answer, and the trial that it is about; numbers are NaN where unknown."""

    trial: Trial
    response: str
    rt_ms: float
    t_ms: float = math.nan
    focus_lost: float = math.nan

    @property
    def chose_target(self) -> bool:
        """Whether the target was chosen."""
        return bool(self.response == self.trial["target_side"])


@dataclass(frozen=True)
class Rating:
    """The answers of a rater in the order in which they were given; a plain table has list 0."""

    rater: str
    file: str
    format: str
    list: int
    answers: Sequence[Rated]

    @property
    def is_plain(self) -> bool:
        """Whether it comes from a plain table, where trials, sides and catches are unknown."""
        return self.list == 0

    def known(self, name: str) -> Sequence[float]:
        """The times or counts `name` of all answers for which they are known."""
        values = [getattr(answer, name) for answer in self.answers]
        return [value for value in values if not math.isnan(value)]

    def finding(
        self,
        check: Check,
        severity: Severity,
        message: str,
        value: float = math.nan,
        limit: float = math.nan,
    ) -> Finding:
        """A finding on this rater."""
        return Finding(check, severity, message, self.file, self.rater, value, limit)


def join(
    sheet: Sheet, file: str, trials: Trials, study_sha256: str
) -> tuple[Rating | None, list[Finding]]:
    """Match a sheet whose answers name trials or pictures to the key.

    Parameters
    ----------
    sheet : in any format whose `trials_by` is "id" or "pictures"
    file : name for the findings
    trials : the key
    study_sha256 : digest of the key, which the sheet must name

    Returns
    -------
    The rating, or None if there are errors, and the findings
    """
    rater, problems = identified(sheet, file)
    _check_header(sheet, study_sha256, problems)
    by_pictures = FORMATS[sheet.format].trials_by == "pictures"
    match = _match_pictures if by_pictures else _match_ids
    number, matched = match(sheet, trials, problems)
    responses = [_response(answer, problems) for answer in sheet.answers]
    numbers = [[number_of(answer, name, problems) for name in LIMITS] for answer in sheet.answers]
    if problems.errors:
        return None, problems.findings()
    answers = [
        Rated(trial, response, *given)
        for trial, response, given in zip(matched, responses, numbers, strict=True)
    ]
    answers = _presented(sheet, answers, problems)
    return Rating(rater, file, sheet.format, number, answers), problems.findings()


def identified(sheet: Sheet, file: str) -> tuple[str, Problems]:
    """The rater's id, and the problems so far: an invalid id, or no answers."""
    found = sheet.rater
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    valid = isinstance(found, str) and RATER_ID.fullmatch(found) is not None
    rater = found if valid else "n/a"
    problems = Problems(file, rater, sheet.where)
    if not valid:
        expected = "expected 1 to 64 of A-Z a-z 0-9 _ . -"
        problems.error("rater_id", f"rater: found {quoted(found)}, {expected}")
    if not sheet.answers:
        problems.error("no_trials", "found no answers, expected those to a list of trials")
    return rater, problems


def number_of(answer: Answer, name: str, problems: Problems) -> float:
    """The time or count `name` of an answer; NaN where unknown."""
    found = getattr(answer, name)
    read = quantity(found, LIMITS[name])
    if read is None:
        expected = f"expected 0 to {LIMITS[name]:.0f}"
        problems.error("bad_number", f"{answer.where}: found {name} {quoted(found)}, {expected}")
        return math.nan
    return read


def _check_header(sheet: Sheet, study_sha256: str, problems: Problems) -> None:
    known = FORMATS[sheet.format]
    if known.own_schema and sheet.schema != SCHEMA:
        found = quoted(sheet.schema)
        problems.error("unknown_schema", f"schema: found {found}, expected {SCHEMA!r}")
    if known.trials_by == "id" and sheet.study != study_sha256:
        problems.error(
            "study_mismatch",
            f"study: found {quoted(sheet.study)}, expected {study_sha256[:12]}...: the results "
            "belong to another study or to another version of this one",
        )
    if sheet.format == "json":
        _check_timestamps(sheet, problems)


def _check_timestamps(sheet: Sheet, problems: Problems) -> None:
    """Warn of implausible times; the analysis does not need them."""
    started, finished = seconds(sheet.started), seconds(sheet.finished)
    expected = "expected one like 2026-11-25T10:00:00Z"
    if started is None:
        problems.warning("timestamps", f"started: found {quoted(sheet.started)}, {expected}")
    elif finished is None and sheet.finished is not None:
        problems.warning("timestamps", f"finished: found {quoted(sheet.finished)}, {expected}")
    elif finished is not None and finished < started:
        problems.warning(
            "timestamps",
            f"finished: found {quoted(sheet.finished)}, expected a time after the start, "
            f"{quoted(sheet.started)}",
        )


def _match_ids(sheet: Sheet, trials: Trials, problems: Problems) -> tuple[int, list[Trial]]:
    """The list, and the trial of each answer by its id; trials are missing if there are errors."""
    number = whole(sheet.list)
    if number not in trials.by_list:
        expected = f"expected one of {_list_numbers(trials)}"
        problems.error("unknown_list", f"list: found {quoted(sheet.list)}, {expected}")
    matched: dict[str, Trial] = {}
    for answer in sheet.answers:
        name, where = answer.trial_id, answer.where
        trial = trials.by_id.get(name) if isinstance(name, str) else None
        if trial is None:
            message = f"{where}: found trial_id {quoted(name)}, expected a trial of the study"
            problems.error("unknown_trial", message)
            continue
        if name in matched:
            problems.error("duplicate_trial", f"{where}: found {name} again, expected once")
        if number in trials.by_list and trial["list"] != number:
            message = f"{where}: {name} belongs to list {trial['list']}, not {number}"
            problems.error("other_list", message)
        _check_pictures(sheet, answer, trial, problems)
        matched[name] = trial
    return number or 0, list(matched.values())


def _check_pictures(sheet: Sheet, answer: Answer, trial: Trial, problems: Problems) -> None:
    """Compare the pictures on the left and right, where given, with the key."""
    required = FORMATS[sheet.format].pictures_required
    for side in ("left", "right"):
        found, expected = getattr(answer, side), trial[side]
        if found != expected and (required or found is not None):
            problems.error(
                "wrong_pictures",
                f"{answer.where}: {trial['trial_id']}: found {quoted(found)} on the {side}, "
                f"expected {expected}",
            )
            return


def _match_pictures(sheet: Sheet, trials: Trials, problems: Problems) -> tuple[int, list[Trial]]:
    """The one list that contains all shown triples of pictures, and the trial of each answer.

    If a list shows a triple several times, its trials are taken in the order of the list.
    """
    triples = [(answer.top, answer.left, answer.right) for answer in sheet.answers]
    fitting = set(trials.by_list)
    for triple, n in Counter(triples).items():
        lists = trials.by_pictures.get(triple, {})
        fitting &= {number for number, shown in lists.items() if len(shown) >= n}
        if not lists:
            names = ", ".join(map(quoted, triple))
            problems.error("unknown_trial", f"no trial shows {names} (top, left, right)")
    if len(fitting) != 1:
        found = f"lists {', '.join(map(str, sorted(fitting)[:5]))}" if fitting else "no list"
        message = f"found {found} with all pictures of the rater, expected one list"
        problems.error("unknown_list", message)
        return 0, []
    (number,) = fitting
    waiting = {triple: iter(trials.by_pictures[triple][number]) for triple in triples}
    return number, [next(waiting[triple]) for triple in triples]


def _list_numbers(trials: Trials) -> str:
    numbers = sorted(trials.by_list) or [0]
    whole_range = numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 2
    return f"{numbers[0]} to {numbers[-1]}" if whole_range else ", ".join(map(str, numbers[:20]))


def _response(answer: Answer, problems: Problems) -> str:
    found = answer.response
    if isinstance(found, str) and found in ("left", "right"):
        return found
    message = f"{answer.where}: found response {quoted(found)}, expected left or right"
    problems.error("bad_response", message)
    return "n/a"


def _presented(sheet: Sheet, answers: list[Rated], problems: Problems) -> list[Rated]:
    """The answers in the order in which they were given, if that is known, or of the file."""
    stated = [whole(answer.order) for answer in sheet.answers]
    if FORMATS[sheet.format].own_schema:
        pairs = zip(stated, answers, strict=True)
        differ = sum(order != answer.trial["order"] for order, answer in pairs)
        if differ:
            message = f"{differ} of {len(answers)} answers are not in the order of the list"
            problems.warning("order_differs", message, differ)
    by_order = {n: answer for n, answer in zip(stated, answers, strict=True) if n is not None}
    if len(by_order) < len(answers):
        return answers
    return [by_order[n] for n in sorted(by_order)]
