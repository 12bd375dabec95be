"""Checks of all raters together: copies, wiring of the study, and what raters share."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from deeprecon.judge.sent.checks import Checked, exact_binomial
from deeprecon.judge.sent.findings import Finding, number
from deeprecon.judge.sent.joining import Rating
from deeprecon.judge.sent.keyed import Trials
from deeprecon.judge.sent.rules import Rules

MIN_EQUAL = 20
"""Answers that two raters have in common before equal ones are worth a word."""
MIN_COPIED = 5
"""Response times to the millisecond: with fewer answers they could be equal by chance."""
MIN_SCORED = 20
MIN_SESSIONS = 3
GUESSING = 0.05
"""Level at which the exact binomial test rejects that all guess."""

Answers = tuple[tuple[str, ...], ...]


def without_duplicates(
    ratings: Sequence[Rating], trials: Trials
) -> tuple[list[Rating], list[Finding]]:
    """One set of answers for each rater, none of raters whose answers are another's.

    Notes
    -----
    - A rater who comes twice with equal answers is kept once ("duplicate_file", a warning).
    - A rater who comes with different answers is refused: which are the right ones, the laboratory
      must say ("duplicate_rater").
    - Raters of the same list with the same answers and response times are refused
      ("copied_answers"); with the same answers alone they are warned of ("equal_answers").
    """
    by_rater: dict[str, list[Rating]] = {}
    for rating in ratings:
        by_rater.setdefault(rating.rater, []).append(rating)
    kept, findings = [], []
    for several in by_rater.values():
        first, *others = several
        different = len({_answers(rating, trials, times=True) for rating in several}) > 1
        if not different:
            kept.append(first)
        for rating in several if different else others:
            findings.append(_twice(rating, several, different))
    copied = _alike(kept, trials, times=True)
    findings += [
        Finding(
            "copied_answers", "error", rating.file, rating.rater, str(len(rating.places)), "0",
            f"found the answers and response times of {_others(rating, copies)}, expected own ones",
        )
        for copies in copied
        for rating in copies
    ]  # fmt: skip
    refused = {rating.rater for copies in copied for rating in copies}
    kept = [rating for rating in kept if rating.rater not in refused]
    findings += [
        Finding(
            "equal_answers", "warning", rating.file, rating.rater, str(len(rating.places)), "n/a",
            f"found the same {len(rating.places)} answers as of {_others(rating, equal)}, expected "
            "differences",
        )
        for equal in _alike(kept, trials, times=False)
        for rating in equal
    ]  # fmt: skip
    return kept, findings


def _twice(rating: Rating, several: Sequence[Rating], different: bool) -> Finding:
    files = list(dict.fromkeys(other.file for other in several))
    where = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
    if different:
        check, message = "duplicate_rater", f"found {len(several)} different sets of answers"
    else:
        check, message = "duplicate_file", f"found the same answers {len(several)} times"
    return Finding(
        check, "error" if different else "warning", rating.file, rating.rater, str(len(several)),
        "1", f"{message} in {where}, expected one",
    )  # fmt: skip


def _answers(rating: Rating, trials: Trials, times: bool) -> Answers:
    """What was answered, to compare; a trial of a plain table is told by what it shows."""
    name = "item" if rating.format == "plain" else "trial_id"
    trial = [trials.columns[name][place] for place in rating.places]
    rows = zip(trial, rating.responses, rating.rt_ms, rating.t_ms, rating.focus_lost, strict=True)
    return tuple(sorted(tuple(map(str, row[: 5 if times else 2])) for row in rows))


def _alike(ratings: Iterable[Rating], trials: Trials, times: bool) -> list[list[Rating]]:
    """Groups of raters with the same answers, and with the same response times."""
    groups: dict[tuple[tuple[str, str, float], ...], list[Rating]] = {}
    for rating in ratings:
        known = not any(math.isnan(time) for time in rating.rt_ms)
        if len(rating.places) < (MIN_COPIED if times else MIN_EQUAL) or (times and not known):
            continue
        name = "item" if rating.format == "plain" else "trial_id"
        shown = (trials.columns[name][place] for place in rating.places)
        took = rating.rt_ms if times else [0.0] * len(rating.places)
        alike = tuple(sorted(zip(shown, rating.responses, took, strict=True)))
        groups.setdefault(alike, []).append(rating)
    return [group for group in groups.values() if len(group) > 1]


def _others(rating: Rating, group: Sequence[Rating]) -> str:
    names = [other.rater for other in group if other is not rating]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def check_study(
    ratings: Sequence[Rating], checked: Mapping[str, Checked], trials: Trials, rules: Rules
) -> list[Finding]:
    """Findings on all raters together.

    Parameters
    ----------
    checked : by rater; tells who is kept
    """
    kept = [rating for rating in ratings if checked[rating.rater].row["kept"]]
    return [
        *_short_sessions(ratings, checked, rules),
        *_wiring(ratings, trials),
        *_shared(kept, trials, rules),
    ]


def _short_sessions(
    ratings: Sequence[Rating], checked: Mapping[str, Checked], rules: Rules
) -> list[Finding]:
    minutes = {
        rating.rater: checked[rating.rater].row["minutes"]
        for rating in ratings
        if not math.isnan(checked[rating.rater].row["minutes"])
    }
    if len(minutes) < MIN_SESSIONS:
        return []
    median = statistics.median(minutes.values())
    limit = rules.min_session_share * median
    return [
        Finding(
            "short_session", "warning", rating.file, rating.rater, number(minutes[rating.rater]),
            number(limit),
            f"found a session of {minutes[rating.rater]:.1f} minutes, expected {limit:.1f} or more "
            f"(the median session took {median:.1f})",
        )
        for rating in ratings
        if minutes.get(rating.rater, limit) < limit
    ]  # fmt: skip


def _wiring(ratings: Sequence[Rating], trials: Trials) -> list[Finding]:
    """Everybody right, or nobody better than chance: rather the study than the raters."""
    columns = trials.columns
    right: dict[str, list[bool]] = {"test": [], "catch": []}
    for rating in ratings:
        for place, response in zip(rating.places, rating.responses, strict=True):
            kind = columns["kind"][place]
            if kind == "catch" or (kind == "test" and columns["task"][place] != "preference"):
                right[kind].append(response == columns["target_side"][place])
    n, k = len(right["test"]), sum(right["test"])
    if n < MIN_SCORED:
        return []
    catches = f"{sum(right['catch'])} of {len(right['catch'])} catches"
    if k == n:
        return [
            _of_all(
                "all_perfect", 1.0, 1.0,
                f"found all {n} answers of {len(ratings)} raters right, expected errors: does a "
                f"file name or the order of pictures tell the answer? ({catches} right)",
            )
        ]  # fmt: skip
    p = exact_binomial(k, n, "greater")
    if p > GUESSING:
        return [
            _of_all(
                "all_at_chance", k / n, 0.5,
                f"found {k} of {n} answers of {len(ratings)} raters right, no more than by chance "
                f"({catches} right): is the key the page's, are the reconstructions in order?",
            )
        ]  # fmt: skip
    return []


def _shared(kept: Sequence[Rating], trials: Trials, rules: Rules) -> list[Finding]:
    """Agreement rests on items that several raters have judged."""
    counts = Counter(
        item
        for rating in kept
        for item in {
            trials.columns["item"][place]
            for place in rating.places
            if trials.columns["shared"][place] and trials.columns["kind"][place] == "test"
        }
    )
    n = sum(count > 1 for count in counts.values())
    if n >= rules.min_shared:
        return []
    message = (
        f"found {n} shared items judged by two kept raters or more, expected {rules.min_shared}: "
        "agreement between raters is hardly known"
    )
    return [_of_all("few_shared", n, rules.min_shared, message)]


def _of_all(check: str, value: float, limit: float, message: str) -> Finding:
    return Finding(check, "warning", "n/a", "n/a", number(value), number(limit), message)
