"""Checks across raters: copies, wiring of the study, and overlap between raters."""

import math
import statistics
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from deeprecon.judge.ratings.checks import GUESSING, Checked, exact_binomial
from deeprecon.judge.ratings.findings import Finding
from deeprecon.judge.ratings.joining import Rated, Rating
from deeprecon.judge.settings import Rules

MIN_EQUAL = 20
"""With fewer answers, two raters may well answer alike."""
MIN_COPIED = 5
"""With fewer answers, response times may be equal to the millisecond by chance."""
MIN_SCORED = 20
MIN_SESSIONS = 3


def without_duplicates(ratings: Sequence[Rating]) -> tuple[list[Rating], list[Finding]]:
    """Keep one set of answers per rater, and no rater whose answers were copied.

    Notes
    -----
    - A rater who occurs twice with equal answers is kept once ("duplicate_file", a warning).
    - A rater who occurs with different answers is refused, because only the laboratory can know
      which are right ("duplicate_rater").
    - Raters of the same list with the same answers and response times are all refused
      ("copied_answers"). If only the answers are equal, there is a warning ("equal_answers").
    """
    by_rater: dict[str, list[Rating]] = {}
    for rating in ratings:
        by_rater.setdefault(rating.rater, []).append(rating)
    kept, findings = [], []
    for several in by_rater.values():
        different = len({_all_answers(rating) for rating in several}) > 1
        if not different:
            kept.append(several[0])
        findings += [_twice(rating, several, different) for rating in several[not different :]]
    copied = _alike(kept, with_times=True)
    for rating, others in copied:
        message = f"the answers and response times equal those of {others}"
        n = len(rating.answers)
        findings.append(rating.finding("copied_answers", "error", message, n, 0))
    refused = {rating.rater for rating, _ in copied}
    kept = [rating for rating in kept if rating.rater not in refused]
    for rating, others in _alike(kept, with_times=False):
        n = len(rating.answers)
        message = f"all {n} answers equal those of {others}"
        findings.append(rating.finding("equal_answers", "warning", message, n))
    return kept, findings


def _twice(rating: Rating, several: Sequence[Rating], different: bool) -> Finding:
    files, n = list(dict.fromkeys(other.file for other in several)), len(several)
    where = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
    if different:
        message = f"found {n} different sets of answers in {where}, expected one"
        return rating.finding("duplicate_rater", "error", message, n, 1)
    message = f"found the same answers {n} times in {where}, expected one"
    return rating.finding("duplicate_file", "warning", message, n, 1)


def _shown(answer: Rated) -> str:
    """What an answer is about; the trials of a plain table have items, but no ids."""
    name = answer.trial["trial_id"]
    return str(answer.trial["item"] if name == "n/a" else name)


def _all_answers(rating: Rating) -> Hashable:
    """Everything about a rater's answers, whatever their order; equal if the text is equal."""
    return tuple(sorted((_shown(answer), *map(str, answer[1:])) for answer in rating.answers))


def _alike(ratings: Iterable[Rating], with_times: bool) -> list[tuple[Rating, str]]:
    """Raters with the same answers and, if asked, response times, and the names of the others."""
    groups: dict[Hashable, list[Rating]] = {}
    for rating in ratings:
        n = len(rating.answers)
        timed = len(rating.known("rt_ms")) == n
        if n < (MIN_COPIED if with_times else MIN_EQUAL) or (with_times and not timed):
            continue
        answers = ((_shown(a), a.response, a.rt_ms if with_times else 0) for a in rating.answers)
        groups.setdefault(tuple(sorted(answers)), []).append(rating)
    return [
        (rating, _others(rating, group))
        for group in groups.values()
        if len(group) > 1
        for rating in group
    ]


def _others(rating: Rating, group: Sequence[Rating]) -> str:
    names = [other.rater for other in group if other is not rating]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def check_study(
    ratings: Sequence[Rating], checked: Mapping[str, Checked], rules: Rules
) -> Iterator[Finding]:
    """Findings on all raters together.

    Parameters
    ----------
    ratings : of all raters
    checked : rater -> result of `check_rater`, which says who is kept
    rules : limits of the checks
    """
    if ratings:
        yield from _short_sessions(ratings, checked, rules)
        yield from _wiring(ratings)
        yield from _shared([r for r in ratings if checked[r.rater].row["kept"]], rules)


def _short_sessions(
    ratings: Sequence[Rating], checked: Mapping[str, Checked], rules: Rules
) -> Iterator[Finding]:
    sessions = [(rating, checked[rating.rater].row["minutes"]) for rating in ratings]
    known = [minutes for _, minutes in sessions if not math.isnan(minutes)]
    if len(known) < MIN_SESSIONS:
        return
    median = statistics.median(known)
    limit = rules.min_session_share * median
    for rating, minutes in sessions:
        if minutes < limit:
            message = (
                f"the session took {minutes:.1f} minutes, expected {limit:.1f} or more (the "
                f"median session took {median:.1f})"
            )
            yield rating.finding("short_session", "warning", message, minutes, limit)


def _wiring(ratings: Sequence[Rating]) -> Iterator[Finding]:
    """If all are right, or none better than chance, the study is more likely at fault."""
    answers = [answer for rating in ratings for answer in rating.answers]
    tests = [
        answer.chose_target
        for answer in answers
        if answer.trial["kind"] == "test" and answer.trial["task"] != "preference"
    ]
    catches = [answer.chose_target for answer in answers if answer.trial["kind"] == "catch"]
    n, k, n_raters = len(tests), sum(tests), len(ratings)
    caught = f"{sum(catches)} of {len(catches)} catches"
    if n < MIN_SCORED:
        return
    if k == n:
        message = (
            f"all {n} answers of {n_raters} raters are right ({caught} too): does a file name "
            "or the order of pictures give the answer away?"
        )
        yield Finding("all_perfect", "warning", message, value=1, limit=1)
    elif exact_binomial(k, n, "greater") > GUESSING:
        message = (
            f"{k} of {n} answers of {n_raters} raters are right ({caught}), no more than by "
            "chance: does the key belong to the page, and are the reconstructions intact?"
        )
        yield Finding("all_at_chance", "warning", message, value=k / n, limit=0.5)


def _shared(kept: Sequence[Rating], rules: Rules) -> Iterator[Finding]:
    """Agreement can only be measured on items that several raters have judged."""
    judged = {
        (rating.rater, answer.trial["item"])
        for rating in kept
        for answer in rating.answers
        if answer.trial["shared"] and answer.trial["kind"] == "test"
    }
    n = sum(count > 1 for count in Counter(item for _, item in judged).values())
    if n < (limit := rules.min_shared):
        message = (
            f"{n} shared items were judged by two or more kept raters, expected {limit}: "
            "estimates of agreement between raters are unreliable"
        )
        yield Finding("few_shared", "warning", message, value=n, limit=limit)
