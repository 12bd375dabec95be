"""Checks of a rater's answers: did somebody look?"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from scipy.stats import binomtest

from deeprecon.judge.sent.findings import Finding, Severity, number
from deeprecon.judge.sent.joining import Rating
from deeprecon.judge.sent.keyed import Trials
from deeprecon.judge.sent.rules import Rules

GUESSING = 0.05
"""Level at which the exact binomial test of few catches rejects that a rater guesses."""
NAN = math.nan


@dataclass(frozen=True)
class Checked:
    """A rater's row in the table of raters, and what the checks find."""

    row: dict[str, Any]
    findings: list[Finding]


@lru_cache(maxsize=100_000)
def exact_binomial(k: int, n: int, alternative: Literal["two-sided", "greater"]) -> float:
    """P of k of n by chance of one half, NaN for no trials.

    Examples
    --------
    >>> exact_binomial(8, 8, "greater"), exact_binomial(0, 2, "two-sided")
    (0.00390625, 0.5)
    """
    return float(binomtest(k, n, 0.5, alternative).pvalue) if n else NAN


def longest_run(responses: Sequence[str]) -> int:
    """Longest run of the same answer, or of two answers in turn.

    Examples
    --------
    >>> longest_run(["left"] * 3 + ["right", "left", "right", "left"])
    5
    """
    if not responses:
        return 0
    longest = same = turn = 1
    for before, after in pairwise(responses):
        same, turn = (same + 1, 1) if before == after else (1, turn + 1)
        longest = max(longest, same, turn)
    return longest


class _Report:
    """Collects the findings on a rater."""

    def __init__(self, rating: Rating) -> None:
        self.rating = rating
        self.findings: list[Finding] = []

    def add(
        self, check: str, severity: Severity, message: str, value: float = NAN, limit: float = NAN
    ) -> None:
        file, rater = self.rating.file, self.rating.rater
        found, wanted = ("n/a" if math.isnan(x) else number(x) for x in (value, limit))
        self.findings.append(Finding(check, severity, file, rater, found, wanted, message))


def check_rater(rating: Rating, trials: Trials, rules: Rules) -> Checked:
    """Measure a rater's answers and hold them against the rules.

    Returns
    -------
    Checked
        Shares, counts and times are NaN where they are not known or do not apply, as sides and
        catches do not in a plain table.
    """
    report = _Report(rating)
    row: dict[str, Any] = {
        "rater": rating.rater,
        "file": rating.file,
        "format": rating.format,
        "list": rating.list,
        "n_answers": len(rating.places),
        **_completed(rating, trials, rules, report),
        **_catches(rating, trials, rules, report),
        **_sides(rating, rules, report),
        **_times(rating, rules, report),
        **_repeats(rating, trials, rules, report),
        **_session(rating, rules, report),
    }
    exclusions = [finding.check for finding in report.findings if finding.severity == "exclusion"]
    row |= {"kept": not exclusions, "reasons": "; ".join(exclusions)}
    return Checked(row, report.findings)


def _completed(rating: Rating, trials: Trials, rules: Rules, report: _Report) -> dict[str, float]:
    if rating.format == "plain":
        return {"n_expected": NAN, "completed": NAN}
    n, expected = len(rating.places), len(trials.by_list[rating.list])
    share = n / expected
    if share < rules.min_completed:
        used = share >= rules.min_used
        limit = rules.min_completed if used else rules.min_used
        report.add(
            "incomplete",
            "warning" if used else "exclusion",
            f"found answers to {n} of {expected} trials, expected {limit:.0%} or more",
            share,
            limit,
        )
    return {"n_expected": expected, "completed": share}


def _catches(rating: Rating, trials: Trials, rules: Rules, report: _Report) -> dict[str, float]:
    right = [
        response == trials.columns["target_side"][place]
        for place, response in zip(rating.places, rating.responses, strict=True)
        if trials.columns["kind"][place] == "catch"
    ]
    n, k = len(right), sum(right)
    if rating.format == "plain":
        return {"catch_correct": NAN, "catch_n": NAN, "catch_p": NAN}
    p = exact_binomial(k, n, "greater")
    limit = rules.min_catch_accuracy
    if n == 0:
        report.add("catch_accuracy", "note", "found no answered catch: nothing tells who looked")
    elif k / n < limit:
        out = n >= rules.min_catches or p > GUESSING
        report.add(
            "catch_accuracy",
            "exclusion" if out else "warning",
            f"found {k} of {n} catches right (exact binomial p = {p:.2g}), expected {limit:.0%} "
            "or more",
            k / n,
            limit,
        )
    return {"catch_correct": k, "catch_n": n, "catch_p": p}


def _sides(rating: Rating, rules: Rules, report: _Report) -> dict[str, float]:
    if rating.format == "plain":
        return {"left_share": NAN, "side_p": NAN, "longest_run": NAN}
    n, k = len(rating.responses), sum(response == "left" for response in rating.responses)
    p, run = exact_binomial(k, n, "two-sided"), longest_run(rating.responses)
    if p < rules.side_p:
        report.add(
            "side_bias",
            "exclusion",
            f"found {k} of {n} answers on the left (exact binomial p = {p:.2g}), expected p of "
            f"{rules.side_p:g} or more",
            p,
            rules.side_p,
        )
    if run >= rules.max_run:
        report.add(
            "long_run",
            "warning",
            f"found {run} answers in a row on one side, or on both in turn, expected fewer than "
            f"{rules.max_run}",
            run,
            rules.max_run,
        )
    return {"left_share": k / n, "side_p": p, "longest_run": run}


def _times(rating: Rating, rules: Rules, report: _Report) -> dict[str, float]:
    known = [time for time in rating.rt_ms if not math.isnan(time)]
    n, unknown = len(known), len(rating.rt_ms) - len(known)
    if unknown:
        report.add(
            "times_unknown",
            "warning",
            f"found no response time in {unknown} of {len(rating.rt_ms)} answers: checks of times "
            "see the others alone",
            unknown,
            0,
        )
    if not known:
        return {"median_rt_ms": NAN, "fast_share": NAN}
    median, fast = statistics.median(known), sum(time < rules.fast_ms for time in known)
    if fast / n > rules.max_fast_share:
        report.add(
            "fast_answers",
            "exclusion",
            f"found {fast} of {n} answers faster than {rules.fast_ms:g} ms, expected "
            f"{rules.max_fast_share:.0%} or fewer",
            fast / n,
            rules.max_fast_share,
        )
    if median < rules.min_median_ms:
        report.add(
            "median_time",
            "exclusion",
            f"found a median response time of {median:.0f} ms, expected {rules.min_median_ms:g} ms "
            "or more",
            median,
            rules.min_median_ms,
        )
    return {"median_rt_ms": median, "fast_share": fast / n}


def _repeats(rating: Rating, trials: Trials, rules: Rules, report: _Report) -> dict[str, float]:
    """A repeat is consistent if it has the choice of the first showing."""
    chose = {
        trials.columns["trial_id"][place]: response == trials.columns["target_side"][place]
        for place, response in zip(rating.places, rating.responses, strict=True)
    }
    first = {trials.columns["trial_id"][p]: trials.columns["repeats"][p] for p in rating.places}
    same = [
        chose[name] == chose[first[name]]
        for name in chose
        if name != "n/a" and first[name] in chose and first[name] != "n/a"
    ]
    n = len(same)
    share = sum(same) / n if n else NAN
    if share < rules.min_repeat_consistency:
        report.add(
            "repeat_consistency",
            "warning",
            f"found the same choice in {sum(same)} of {n} repeats, expected "
            f"{rules.min_repeat_consistency:.0%} or more",
            share,
            rules.min_repeat_consistency,
        )
    return {"repeat_consistency": share, "repeat_n": n}


def _session(rating: Rating, rules: Rules, report: _Report) -> dict[str, float]:
    """Share of trials in which the page lost the focus, and minutes to the last answer."""
    focus = [count for count in rating.focus_lost if not math.isnan(count)]
    lost = sum(count > 0 for count in focus)
    share = lost / len(focus) if focus else NAN
    if share > rules.max_focus_lost_share:
        report.add(
            "focus_lost",
            "warning",
            f"found that the page lost the focus in {lost} of {len(focus)} trials, expected "
            f"{rules.max_focus_lost_share:.0%} or fewer",
            share,
            rules.max_focus_lost_share,
        )
    times = [time for time in rating.t_ms if not math.isnan(time)]
    back = sum(after <= before for before, after in pairwise(times))
    if back:
        report.add(
            "times_order",
            "warning",
            f"found {back} answers no later than the one before, expected times that increase",
            back,
            0,
        )
    return {"focus_lost_share": share, "minutes": _minutes(times, rating.rt_ms)}


def _minutes(times: Sequence[float], response_times: Iterable[float]) -> float:
    """To the last answer; without times since the start, the sum of response times."""
    known = [time for time in response_times if not math.isnan(time)]
    if not times and not known:
        return NAN
    return (max(times) if times else sum(known)) / 60_000
