"""Checks of one rater's answers: was the rater attentive?"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from scipy.stats import binomtest

from deeprecon.judge.ratings.findings import Finding, Severity
from deeprecon.judge.ratings.joining import Rating
from deeprecon.judge.ratings.key import Trials
from deeprecon.judge.settings import Rules

GUESSING = 0.05
"""Level at which the exact binomial test rejects guessing."""
NAN = math.nan
Measures = dict[str, float]


@dataclass(frozen=True)
class Checked:
    """A rater's row in the table of raters, and the findings of the checks."""

    row: dict[str, Any]
    findings: list[Finding]


@lru_cache(maxsize=100_000)
def exact_binomial(k: int, n: int, alternative: Literal["two-sided", "greater"]) -> float:
    """P value of k of n if the probability is one half, NaN without trials.

    Examples
    --------
    >>> exact_binomial(8, 8, "greater"), exact_binomial(0, 2, "two-sided")
    (0.00390625, 0.5)
    """
    return float(binomtest(k, n, 0.5, alternative).pvalue) if n else NAN


def longest_run(responses: Sequence[str]) -> int:
    """Length of the longest run of the same answer or of alternating answers.

    Examples
    --------
    >>> longest_run(["left"] * 3 + ["right", "left", "right", "left"])
    5
    """
    if not responses:
        return 0
    longest = same = alternating = 1
    for before, after in pairwise(responses):
        same, alternating = (same + 1, 1) if before == after else (1, alternating + 1)
        longest = max(longest, same, alternating)
    return longest


def check_rater(rating: Rating, trials: Trials, rules: Rules) -> Checked:
    """Measure a rater's answers and compare them with the rules.

    Returns
    -------
    Checked
        Shares, counts and times are NaN where they are unknown or do not apply, such as sides and
        catches in a plain table.
    """
    measures = {
        **_attention(rating, trials),
        **_speed(rating, rules),
        **_consistency(rating),
        **_session(rating),
    }
    findings = [
        *_attention_findings(rating, measures, rules),
        *_speed_findings(rating, measures, rules),
        *_other_findings(rating, measures, rules),
    ]
    exclusions = [finding.check for finding in findings if finding.severity == "exclusion"]
    about = {name: getattr(rating, name) for name in ("rater", "file", "format", "list")}
    verdict = {"kept": not exclusions, "reasons": "; ".join(exclusions)}
    return Checked({**about, "n_answers": len(rating.answers), **measures, **verdict}, findings)


def _attention(rating: Rating, trials: Trials) -> Measures:
    """Completeness, catch trials and sides, none of which a plain table tells."""
    if rating.is_plain:
        return {}
    n, expected = len(rating.answers), len(trials.by_list[rating.list])
    catches = [answer.chose_target for answer in rating.answers if answer.trial["kind"] == "catch"]
    responses = [answer.response for answer in rating.answers]
    left = responses.count("left")
    return {
        "n_expected": expected,
        "completed": n / expected,
        "catch_correct": sum(catches),
        "catch_n": len(catches),
        "catch_p": exact_binomial(sum(catches), len(catches), "greater"),
        "left_share": left / n,
        "n_left": left,
        "side_p": exact_binomial(left, n, "two-sided"),
        "longest_run": longest_run(responses),
    }


def _attention_findings(rating: Rating, found: Measures, rules: Rules) -> Iterator[Finding]:
    if rating.is_plain:
        return
    answered = len(rating.answers)
    if (share := found["completed"]) < rules.min_completed:
        used = share >= rules.min_used
        limit = rules.min_completed if used else rules.min_used
        of = f"{answered} of {found['n_expected']} trials were answered"
        message = f"{of}, expected {limit:.0%} or more"
        severity: Severity = "warning" if used else "exclusion"
        yield rating.finding("incomplete", severity, message, share, limit)
    k, n, p = found["catch_correct"], found["catch_n"], found["catch_p"]
    if n == 0:
        message = "no catch trial was answered: attention is unknown"
        yield rating.finding("catch_accuracy", "note", message)
    elif k / n < (limit := rules.min_catch_accuracy):
        of = f"{k} of {n} catch trials were correct (exact binomial p = {p:.2g})"
        message = f"{of}, expected {limit:.0%} or more"
        severity = "exclusion" if n >= rules.min_catches or p > GUESSING else "warning"
        yield rating.finding("catch_accuracy", severity, message, k / n, limit)
    if (p := found["side_p"]) < rules.side_p:
        of = f"{found['n_left']} of {answered} answers were on the left"
        message = f"{of} (exact binomial p = {p:.2g}), expected p of {rules.side_p:g} or more"
        yield rating.finding("side_bias", "exclusion", message, p, rules.side_p)
    if (run := found["longest_run"]) >= rules.max_run:
        of = f"{run} consecutive answers were on one side or on alternating sides"
        message = f"{of}, expected fewer than {rules.max_run}"
        yield rating.finding("long_run", "warning", message, run, rules.max_run)


def _speed(rating: Rating, rules: Rules) -> Measures:
    known = rating.known("rt_ms")
    if not known:
        return {}
    fast = sum(time < rules.fast_ms for time in known)
    return {
        "median_rt_ms": statistics.median(known), "fast_share": fast / len(known), "n_fast": fast
    }  # fmt: skip


def _speed_findings(rating: Rating, found: Measures, rules: Rules) -> Iterator[Finding]:
    answered, n = len(rating.answers), len(rating.known("rt_ms"))
    if unknown := answered - n:
        of = f"{unknown} of {answered} answers have no response time"
        message = f"{of} and are left out of the checks of times"
        yield rating.finding("times_unknown", "warning", message, unknown, 0)
    if not n:
        return
    share, limit = found["fast_share"], rules.max_fast_share
    if share > limit:
        of = f"{found['n_fast']} of {n} answers took less than {rules.fast_ms:g} ms"
        message = f"{of}, expected {limit:.0%} or fewer"
        yield rating.finding("fast_answers", "exclusion", message, share, limit)
    median, limit = found["median_rt_ms"], rules.min_median_ms
    if median < limit:
        message = f"the median response time is {median:.0f} ms, expected {limit:g} ms or more"
        yield rating.finding("median_time", "exclusion", message, median, limit)


def _consistency(rating: Rating) -> Measures:
    """Share of repeats in which the rater made the same choice as the first time."""
    first = {
        answer.trial["trial_id"]: answer.chose_target
        for answer in rating.answers
        if answer.trial["trial_id"] != "n/a"
    }
    same = [
        answer.chose_target == first[answer.trial["repeats"]]
        for answer in rating.answers
        if answer.trial["repeats"] in first
    ]
    n = len(same)
    return {"repeat_consistency": sum(same) / n if n else NAN, "repeat_n": n, "n_same": sum(same)}


def _session(rating: Rating) -> Measures:
    """How often the page lost focus, and minutes to the last answer."""
    focus, times, rt = (rating.known(name) for name in ("focus_lost", "t_ms", "rt_ms"))
    lost = sum(count > 0 for count in focus)
    # Without times since the start, the sum of response times has to do.
    total = max(times) if times else sum(rt) if rt else NAN
    return {
        "focus_lost_share": lost / len(focus) if focus else NAN,
        "n_focus_lost": lost,
        "n_not_later": sum(after <= before for before, after in pairwise(times)),
        "minutes": total / 60_000,
    }


def _other_findings(rating: Rating, found: Measures, rules: Rules) -> Iterator[Finding]:
    share, limit = found["repeat_consistency"], rules.min_repeat_consistency
    if share < limit:
        of = f"{found['n_same']} of {found['repeat_n']} repeats were answered as before"
        message = f"{of}, expected {limit:.0%} or more"
        yield rating.finding("repeat_consistency", "warning", message, share, limit)
    share, limit = found["focus_lost_share"], rules.max_focus_lost_share
    if share > limit:
        n = len(rating.known("focus_lost"))
        of = f"the page lost focus in {found['n_focus_lost']} of {n} trials"
        message = f"{of}, expected {limit:.0%} or fewer"
        yield rating.finding("focus_lost", "warning", message, share, limit)
    if back := found["n_not_later"]:
        message = f"{back} answers are not later than the answer before, expected increasing times"
        yield rating.finding("times_order", "warning", message, back, 0)
