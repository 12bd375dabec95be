"""The log of the rules by which raters are excluded.

Rules that are changed after answers have come in could have been chosen for the result they give.
The log therefore records each version of the rules with the number of rating files at the time.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from deeprecon.errors import InputError
from deeprecon.judge.ratings.findings import Finding
from deeprecon.tables import read_table

LOG_COLUMNS = ["digest", "n_rating_files", "first_seen"]


def note_rules(
    path: str | os.PathLike[str], digest: str, n_rating_files: int, first_seen: str
) -> pd.DataFrame:
    """The log with the present rules added, unless they are the last ones in it.

    Parameters
    ----------
    path : the log so far; a file that does not exist yet is an empty log
    digest : `Rules.digest()` of the present rules
    n_rating_files : number of rating files at present
    first_seen : today's date

    Returns
    -------
    DataFrame
        digest, n_rating_files, first_seen; a row for each change of the rules.

    Raises
    ------
    InputError
        If the file is not such a log.
    """
    row = pd.DataFrame([(digest, n_rating_files, first_seen)], columns=LOG_COLUMNS)
    log = read_log(path) if Path(path).exists() else row.iloc[:0]
    if log.empty:
        return row
    if log["digest"].iloc[-1] == digest:
        return log
    return pd.concat([log, row], ignore_index=True)


def check_log(log: pd.DataFrame) -> Iterator[Finding]:
    """Warn if the rules were changed when there were rating files already."""
    if (log["n_rating_files"].iloc[1:] > 0).any():
        n, seen = log[["n_rating_files", "first_seen"]].iloc[-1]
        message = f"the rules were changed when there were ratings already (last {seen}, {n} files)"
        yield Finding("rules_changed", "warning", message, value=len(log) - 1, limit=0)


def read_log(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the log of rules.

    Raises
    ------
    InputError
        If the file is not such a log.
    """
    log = read_table(path, text=True, columns=LOG_COLUMNS)
    try:
        return log.astype({"n_rating_files": int})
    except ValueError as error:
        raise InputError(f"{path}: n_rating_files: {error}") from None
