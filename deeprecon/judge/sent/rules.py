"""The rules by which raters are left out, fixed before any result is there.

Rules that are changed once answers are in can be chosen for the result that they give. Their digest
is noted with the number of rating files at the time.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from deeprecon.errors import InputError

LOG_COLUMNS = ["digest", "n_rating_files", "first_seen"]
_SHARES = (
    "min_completed", "min_used", "max_fast_share", "min_catch_accuracy", "side_p",
    "min_repeat_consistency", "min_session_share", "max_focus_lost_share",
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """Limits of the checks of ratings.

    Attributes
    ----------
    min_completed : share of the list's trials below which a rater is warned of
    min_used : share below which a rater is left out
    fast_ms, max_fast_share : more than this share of answers faster than this: left out
    min_median_ms : a median response time below this: left out
    min_catch_accuracy, min_catches : with at least so many catches, a lower accuracy: left out;
        with fewer, only if the exact binomial test does not reject guessing at 0.05
    side_p : exact binomial p of left against right below this: left out
    max_run : so many answers of the same side, or of sides in turn, in a row: warning
    min_repeat_consistency : a lower share of the same choices in repeats: warning
    min_session_share : a session shorter than this share of the median session: warning
    max_focus_lost_share : more trials in which the page lost the focus: warning
    min_shared : fewer items judged by two kept raters or more: agreement is hardly known

    Examples
    --------
    >>> Rules.of({"fast_ms": 250}).fast_ms
    250.0
    >>> Rules.of({"fast": 250})
    Traceback (most recent call last):
    deeprecon.errors.InputError: rules: found 'fast', expected one of min_completed, min_used, \
fast_ms, max_fast_share, min_median_ms, min_catch_accuracy, min_catches, side_p, max_run, \
min_repeat_consistency, min_session_share, max_focus_lost_share, min_shared
    """

    min_completed: float = 0.9
    min_used: float = 0.5
    fast_ms: float = 200.0
    max_fast_share: float = 0.05
    min_median_ms: float = 500.0
    min_catch_accuracy: float = 0.9
    min_catches: int = 8
    side_p: float = 0.001
    max_run: int = 12
    min_repeat_consistency: float = 0.6
    min_session_share: float = 1 / 3
    max_focus_lost_share: float = 0.1
    min_shared: int = 10

    def __post_init__(self) -> None:
        """Refuse values that are no limits."""
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            whole = field.type is int
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                kind = "a whole number" if whole else "a number"
                raise InputError(f"rules: {name}: found {value!r}, expected {kind}")
            low, high = (0, 1) if name in _SHARES else (2 if name == "max_run" else 0, 1_000_000)
            if not low <= value <= high:  # NaN is not either
                raise InputError(f"rules: {name}: found {value}, expected {low} to {high}")
            object.__setattr__(self, name, value if whole else float(value))
        if self.min_used > self.min_completed:
            raise InputError(
                f"rules: min_used: found {self.min_used}, expected at most min_completed, "
                f"{self.min_completed}"
            )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Rules":
        """The rules of a study's settings; what they do not name has its default.

        Raises
        ------
        InputError
            If a name is unknown or a value makes no sense.
        """
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                raise InputError(f"rules: found {name!r}, expected one of {', '.join(known)}")
        return cls(**settings)

    def digest(self) -> str:
        """SHA-256 of the rules as JSON with sorted keys."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def note_rules(
    previous: str | os.PathLike[str] | pd.DataFrame | None,
    digest: str,
    n_rating_files: int,
    first_seen: str,
) -> pd.DataFrame:
    """The log of rules with those of now, which are added if they are not the last ones.

    Parameters
    ----------
    previous : the log so far or its file; a file that is not there yet is an empty log
    digest : `Rules.digest()` of now
    n_rating_files : files of ratings of now
    first_seen : date of now

    Returns
    -------
    DataFrame
        digest, n_rating_files, first_seen; a row for each time that the rules changed.

    Raises
    ------
    InputError
        If the file is no such log.

    Examples
    --------
    >>> log = note_rules(None, "a1", 0, "2026-11-01")
    >>> log = note_rules(log, "a1", 12, "2026-11-25")
    >>> rules_changed_after_ratings(log)
    False
    >>> log = note_rules(log, "b2", 12, "2026-11-26")
    >>> log["first_seen"].tolist(), rules_changed_after_ratings(log)
    (['2026-11-01', '2026-11-26'], True)
    """
    if isinstance(previous, pd.DataFrame):
        log = previous
    elif previous is None or not Path(previous).exists():
        log = pd.DataFrame({name: [] for name in LOG_COLUMNS})
    else:
        log = read_log(previous)
    if len(log) and log["digest"].iloc[-1] == digest:
        return log
    row = pd.DataFrame([(digest, n_rating_files, first_seen)], columns=LOG_COLUMNS)
    return pd.concat([log, row], ignore_index=True) if len(log) else row


def rules_changed_after_ratings(log: pd.DataFrame) -> bool:
    """Whether rules were changed when rating files were already there."""
    return bool((log["n_rating_files"].iloc[1:] > 0).any())


def read_log(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The log of rules in a file.

    Raises
    ------
    InputError
        If the file is no such log.
    """
    try:
        log = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        log["n_rating_files"] = log["n_rating_files"].astype(int)
    except (KeyError, ValueError):
        log = pd.DataFrame()
    if list(log.columns) != LOG_COLUMNS:
        raise InputError(f"{path}: expected a log of rules with the columns {LOG_COLUMNS}")
    return log
