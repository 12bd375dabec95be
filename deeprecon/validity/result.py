"""The result of a check, and tables of results."""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from deeprecon.tables import read_table, write_table

Status = Literal["PASS", "WARN", "FAIL", "NOT RUN"]
STATUSES: tuple[Status, ...] = ("FAIL", "WARN", "NOT RUN", "PASS")


@dataclass(frozen=True)
class Check:
    """One check of one part of a study.

    Attributes
    ----------
    id : such as "V07"; set by `validity.registry.check`
    status : PASS, WARN, FAIL or NOT RUN
    value : the number; NaN if the check was not run
    threshold : what the number is compared with, in words
    sentence : what the number means, or why the check was not run
    about : the subject, region, method or set that was checked
    title : such as "test data in tuning"; set by `validity.registry.check`
    """

    id: str
    status: Status
    value: float
    threshold: str
    sentence: str
    about: str = ""
    title: str = ""


COLUMNS = ("id", "title", "about", "status", "value", "threshold", "sentence")


def not_run(why: str, about: str = "") -> Check:
    """The result of a check that could not be run.

    Examples
    --------
    >>> not_run("One seed only.").status
    'NOT RUN'
    """
    return Check("", "NOT RUN", float("nan"), "", why, about)


def p_words(p: float) -> str:
    """Format a p value for a sentence.

    Examples
    --------
    >>> p_words(0.0421), p_words(0.0001)
    ('p = 0.042', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def graded(
    value: float,
    *,
    fail: bool,
    warn: bool = False,
    threshold: str,
    sentence: str,
    about: str = "",
) -> Check:
    """The result of a check whose status follows from two conditions.

    Parameters
    ----------
    value : the number
    fail, warn : conditions; a failure outweighs a warning
    threshold, sentence, about : see `Check`

    Examples
    --------
    >>> graded(0.3, fail=False, warn=True, threshold="at most 0.2", sentence="30 %.").status
    'WARN'
    """
    status: Status = "FAIL" if fail else "WARN" if warn else "PASS"
    return Check("", status, float(value), threshold, sentence, about)


def check_table(checks: Iterable[Check]) -> pd.DataFrame:
    """One row for each check, sorted by id."""
    table = pd.DataFrame([asdict(check) for check in checks], columns=list(COLUMNS))
    return table.sort_values("id", kind="stable", ignore_index=True)


def write_checks(path: str | os.PathLike[str], checks: Iterable[Check]) -> None:
    """Write checks to a TSV file."""
    write_table(path, check_table(checks), digits=None)


def read_checks(*paths: str | os.PathLike[str]) -> list[Check]:
    """Read files written by `write_checks`.

    Raises
    ------
    InputError
        If a file cannot be read as a table or lacks a column.
    """
    tables = [read_table(path, text=True, columns=COLUMNS) for path in paths]
    rows = [row for table in tables for row in table[list(COLUMNS)].to_dict("records")]
    return [Check(**row | {"value": float(row["value"] or "nan")}) for row in rows]  # type: ignore[arg-type]
