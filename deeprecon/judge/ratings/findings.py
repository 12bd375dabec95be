"""What the checks of ratings find, one row per finding."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import pandas as pd

Severity = Literal["error", "exclusion", "warning", "note"]
Check = Literal[
    # a file, or a part of one, that cannot be read
    "not_a_file", "unreadable", "empty", "too_large", "not_text", "bad_json", "bad_table",
    "bad_archive", "unrecognised", "no_trials", "subfolder",
    # answers that do not match the study
    "unknown_schema", "study_mismatch", "rater_id", "unknown_list", "unknown_trial", "other_list",
    "duplicate_trial", "wrong_pictures", "bad_response", "bad_number", "unknown_name",
    "order_differs", "timestamps", "legacy_table",
    # one rater's answers
    "incomplete", "fast_answers", "median_time", "catch_accuracy", "side_bias", "long_run",
    "repeat_consistency", "times_order", "times_unknown", "focus_lost",
    # all raters together
    "duplicate_rater", "duplicate_file", "copied_answers", "equal_answers", "short_session",
    "all_perfect", "all_at_chance", "few_shared", "rules_changed",
]  # fmt: skip

COLUMNS = ["check", "severity", "file", "rater", "value", "limit", "message"]


class Finding(NamedTuple):
    """A row of the table of findings; all of its text is safe to print."""

    check: Check
    severity: Severity
    message: str
    file: str = "n/a"
    rater: str = "n/a"
    value: float = math.nan
    limit: float = math.nan


@dataclass
class Problems:
    """Collects the problems of a sheet: one finding per check, with the first example."""

    file: str
    rater: str
    where: str
    errors: dict[Check, list[str]] = field(default_factory=dict)
    warnings: list[Finding] = field(default_factory=list)

    def error(self, check: Check, message: str) -> None:
        """Record an error, for which the sheet is refused."""
        self.errors.setdefault(check, []).append(message)

    def warning(self, check: Check, message: str, value: float = math.nan) -> None:
        """Record a warning."""
        located = self._located(message)
        self.warnings.append(Finding(check, "warning", located, self.file, self.rater, value))

    def findings(self) -> list[Finding]:
        """The errors or, if there are none, the warnings."""
        errors = []
        for check, (first, *more) in self.errors.items():
            n = 1 + len(more)
            message = self._located(first) + (f" ({n} times)" if more else "")
            errors.append(Finding(check, "error", message, self.file, self.rater, n, 0))
        return errors or self.warnings

    def _located(self, message: str) -> str:
        return f"{self.where}: {message}" if self.where else message


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """The findings as a table of text, errors first."""
    order = get_args(Severity)
    rows = [
        (f.check, f.severity, f.file, f.rater, _number(f.value), _number(f.limit), f.message)
        for f in sorted(findings, key=lambda finding: order.index(finding.severity))
    ]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=str)


def _number(value: float) -> str:
    """Four significant digits, and whole numbers in full.

    Examples
    --------
    >>> _number(12), _number(1 / 3), _number(0.0000123), _number(math.nan)
    ('12', '0.3333', '1.23e-05', 'n/a')
    """
    if math.isnan(value):
        return "n/a"
    return str(int(value)) if float(value).is_integer() else f"{value:.4g}"
