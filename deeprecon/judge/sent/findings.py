"""What the checks of ratings find: a row for each, in words that anyone can act on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd

Severity = Literal["error", "exclusion", "warning", "note"]

CHECKS: dict[str, str] = {
    "not_a_file": "only regular files are opened",
    "unreadable": "the file can be read",
    "empty": "the file holds something",
    "too_large": "the file is of a size that ratings have",
    "not_text": "the file is text in UTF-8",
    "bad_json": "JSON is in order",
    "bad_table": "a table is in order",
    "bad_archive": "an archive is in order and unpacks to little",
    "unrecognised": "the format is known",
    "no_trials": "there are answers to trials of this study",
    "unknown_schema": "results name the schema of this version",
    "study_mismatch": "results are of this study",
    "rater_id": "a rater's id has 1 to 64 letters, digits, _ . -",
    "unknown_list": "the list is one of the study",
    "unknown_trial": "trials are of the study",
    "other_list": "trials are of the rater's list",
    "duplicate_trial": "a trial is answered once",
    "wrong_pictures": "left and right showed the pictures that they should",
    "bad_response": "an answer is left or right",
    "bad_number": "times and counts are numbers that make sense",
    "unknown_name": "a plain table names what the study has",
    "duplicate_rater": "a rater has one set of answers",
    "duplicate_file": "no file is there twice",
    "copied_answers": "no two raters have the same answers and response times",
    "equal_answers": "no two raters have the same answers",
    "incomplete": "raters answered their whole list",
    "fast_answers": "few answers are faster than anyone can see",
    "median_time": "raters take their time",
    "catch_accuracy": "raters answer the certain trials right",
    "side_bias": "raters choose left and right about equally often",
    "long_run": "no long run of one side, or of sides in turn",
    "repeat_consistency": "raters choose the same when a trial comes back",
    "times_order": "times increase from answer to answer",
    "times_unknown": "response times are known",
    "order_differs": "trials came in the order of the list",
    "short_session": "no session is much shorter than the others",
    "focus_lost": "raters stay with the page",
    "timestamps": "start and end are times in ISO 8601",
    "all_perfect": "not all raters are always right",
    "all_at_chance": "raters together are better than chance",
    "few_shared": "enough items are judged by several raters",
    "legacy_table": "trials, sides and catches are known",
    "subfolder": "no ratings lie in subfolders",
    "rules_changed": "the rules are older than the first ratings",
}
"""Name of each check, and what it asks for."""


class Finding(NamedTuple):
    """A row of the table of findings; all of it is text that is safe to print."""

    check: str
    severity: Severity
    file: str
    rater: str
    value: str
    limit: str
    message: str


@dataclass
class Problems:
    """Collects what is wrong with a sheet: one finding for each check, with the first example."""

    file: str
    rater: str
    where: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    others: list[Finding] = field(default_factory=list)

    def error(self, check: str, message: str) -> None:
        """Note an error: the sheet is refused."""
        self.errors.setdefault(check, []).append(message)

    def other(self, check: str, severity: Severity, message: str, value: str = "n/a") -> None:
        """Note something less."""
        self.others.append(
            Finding(check, severity, self.file, self.rater, value, "n/a", self._place() + message)
        )

    def findings(self) -> list[Finding]:
        """Errors alone if there are any."""
        return [
            Finding(
                check, "error", self.file, self.rater, str(len(messages)), "0",
                self._place() + messages[0] + (f" ({len(messages)} times)" if messages[1:] else ""),
            )
            for check, messages in self.errors.items()
        ] or self.others  # fmt: skip

    def _place(self) -> str:
        return f"{self.where}: " if self.where else ""


def number(value: float) -> str:
    """A number for the table, of four digits where it is no whole one.

    Examples
    --------
    >>> number(12), number(1 / 3), number(0.0000123)
    ('12', '0.3333', '1.23e-05')
    """
    return str(int(value)) if float(value).is_integer() else f"{value:.4g}"


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """The rows as a table of text, errors first."""
    rank = {"error": 0, "exclusion": 1, "warning": 2, "note": 3}
    rows = sorted(findings, key=lambda finding: rank[finding.severity])
    return pd.DataFrame(rows, columns=list(Finding._fields), dtype=str)
