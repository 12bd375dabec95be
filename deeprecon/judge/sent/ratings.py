"""Ratings in: from the files that raters sent to the tables that the analysis takes.

Nothing is believed but the answer, its times and the focus of the page; all else comes from the
key. What is wrong with a file refuses this file or rater, in words, and the rest goes on.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deeprecon.judge.sent.checks import Checked, check_rater
from deeprecon.judge.sent.findings import Finding, findings_table
from deeprecon.judge.sent.formats import read_sheets
from deeprecon.judge.sent.joining import Rating, join
from deeprecon.judge.sent.keyed import Trials
from deeprecon.judge.sent.plain_table import Names, join_plain
from deeprecon.judge.sent.rules import Rules, rules_changed_after_ratings
from deeprecon.judge.sent.sheets import Contents, Sheet
from deeprecon.judge.sent.study_checks import check_study, without_duplicates
from deeprecon.judge.sent.untrusted import ignorable, shown_name
from deeprecon.judge.trials import TRIAL_COLUMNS

MAX_ROWS = 200
"""Findings of a check in a file that are told one by one."""
RESPONSE_COLUMNS = [
    "rater", "file", "list", "trial_id", "order", "task", "kind", "item", "shared", "repeats",
    "subject", "roi", "foil_roi", "method", "foil_method", "set", "aspect", "target", "foil",
    "target_side", "response", "rt_ms", "t_ms", "focus_lost", "chose_target", "kept",
]  # fmt: skip
RATER_COLUMNS = [
    "rater", "file", "format", "list", "n_answers", "n_expected", "completed", "catch_correct",
    "catch_n", "catch_p", "left_share", "side_p", "median_rt_ms", "fast_share", "longest_run",
    "repeat_consistency", "repeat_n", "focus_lost_share", "minutes", "kept", "reasons",
]  # fmt: skip
_PARTS = ("no_trials", "unrecognised")


@dataclass(frozen=True)
class Ratings:
    """The tables that reading gives.

    Attributes
    ----------
    responses : a row per answer: RESPONSE_COLUMNS
    raters : a row per rater who was read: RATER_COLUMNS
    findings : check, severity, file, rater, value, limit, message; errors first
    """

    responses: pd.DataFrame
    raters: pd.DataFrame
    findings: pd.DataFrame


def read_ratings(
    files: Iterable[str | os.PathLike[str]],
    key: pd.DataFrame,
    study_sha256: str,
    rules: Rules,
    log: pd.DataFrame | None = None,
) -> Ratings:
    """Read, join and check the ratings of a study.

    Parameters
    ----------
    files : of any names, in any format of `deeprecon.judge.sent.formats`
    key : trials.tsv, as `deeprecon.judge.study.read_key` reads it
    study_sha256 : of trials.tsv
    rules : limits of the checks
    log : of the rules, from `deeprecon.judge.sent.rules.note_rules`

    Returns
    -------
    Ratings
        Without any row but findings if no file can be used. No content of a file raises.

    Raises
    ------
    InputError
        If the key lacks a column.
    """
    trials = Trials(key)
    names = Names(trials)
    ratings: list[Rating] = []
    findings: list[Finding] = []
    for path in sorted({Path(file) for file in files}):
        if ignorable(path.name):
            continue
        file = shown_name(path.name)
        if _is_folder(path):
            message = "found a folder, expected files of ratings; it is not looked into"
            findings.append(Finding("subfolder", "warning", file, "n/a", "n/a", "n/a", message))
            continue
        contents = read_sheets(path)
        findings += _refusals(contents, file)
        joined, found = _join_all(contents.sheets, file, trials, names, study_sha256)
        ratings += joined
        findings += found
    ratings, found = without_duplicates(ratings, trials)
    findings += found
    checked = {rating.rater: check_rater(rating, trials, rules) for rating in ratings}
    findings += [finding for result in checked.values() for finding in result.findings]
    if ratings:
        findings += check_study(ratings, checked, trials, rules)
    if log is not None and rules_changed_after_ratings(log):
        findings.append(_rules_changed(log))
    return Ratings(
        _responses(ratings, checked, trials), _raters(checked), findings_table(_capped(findings))
    )


def _rules_changed(log: pd.DataFrame) -> Finding:
    n, seen = log[["n_rating_files", "first_seen"]].iloc[-1]
    return Finding(
        "rules_changed", "warning", "n/a", "n/a", str(len(log) - 1), "0",
        f"found that the rules were changed when ratings were there (last {seen}, {n} files), "
        "expected rules older than the first ratings",
    )  # fmt: skip


def _capped(findings: Sequence[Finding]) -> list[Finding]:
    """At most MAX_ROWS of a check in a file, and a row that says how many more there were."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.file, finding.check), []).append(finding)
    capped = []
    for group in groups.values():
        capped += group[:MAX_ROWS]
        more = len(group) - MAX_ROWS
        if more > 0 and group[0].file != "n/a":
            message = f"found this {more} times more in the file"
            capped.append(group[0]._replace(rater="n/a", value=str(more), message=message))
    return capped


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _refusals(contents: Contents, file: str) -> list[Finding]:
    """Parts of a file that were not read; other components of a JATOS study are but noted."""
    return [
        Finding(
            refused.check,
            "note" if contents.sheets and refused.check in _PARTS else "error",
            file, "n/a", refused.value, refused.limit, str(refused),
        )
        for refused in contents.refused
    ]  # fmt: skip


def _join_all(
    sheets: Sequence[Sheet], file: str, trials: Trials, names: Names, study_sha256: str
) -> tuple[list[Rating], list[Finding]]:
    """Ratings of a file.

    A rater of whom a table has some rows in order and others not is refused as a whole. So is a
    plain table with a name that the study has not.
    """
    joined: list[tuple[str, Rating]] = []
    findings: list[Finding] = []
    refused: set[tuple[str, str]] = set()
    for sheet in sheets:
        if sheet.format == "plain":
            rating, found = join_plain(sheet, file, trials, names)
        else:
            rating, found = join(sheet, file, trials, study_sha256)
        findings += found
        if rating is None:
            refused.add((sheet.where, found[0].rater))
        else:
            joined.append((sheet.where, rating))
    ratings = [rating for where, rating in joined if (where, rating.rater) not in refused]
    plain = [sheet for sheet in sheets if sheet.format == "plain"]
    if plain and any(finding.check == "unknown_name" for finding in findings):
        return [], findings
    if plain and ratings:
        findings += _legacy(file)
    return ratings, findings


def _legacy(file: str) -> list[Finding]:
    """What cannot be said of a plain table."""
    rows: Sequence[tuple[str, str]] = (
        (
            "legacy_table",
            "found a plain table: trials and sides are unknown, the target counts as left, and "
            "nothing tells that these are answers to this study",
        ),
        ("catch_accuracy", "not applicable: a plain table has no catches"),
        ("side_bias", "not applicable: a plain table does not tell the sides"),
    )
    return [
        Finding(
            check, "warning" if check == "legacy_table" else "note", file, "n/a", "n/a", "n/a",
            message,
        )
        for check, message in rows
    ]  # fmt: skip


def _responses(
    ratings: Sequence[Rating], checked: dict[str, Checked], trials: Trials
) -> pd.DataFrame:
    places = [place for rating in ratings for place in rating.places]
    columns: dict[str, object] = {
        name: [trials.columns[name][place] for place in places] for name in TRIAL_COLUMNS
    }
    counts = [len(rating.places) for rating in ratings]
    for name, values in (
        ("rater", [rating.rater for rating in ratings]),
        ("file", [rating.file for rating in ratings]),
        ("kept", [checked[rating.rater].row["kept"] for rating in ratings]),
    ):
        columns[name] = [v for v, n in zip(values, counts, strict=True) for _ in range(n)]
    columns["response"] = [response for rating in ratings for response in rating.responses]
    for name in ("rt_ms", "t_ms", "focus_lost"):
        columns[name] = [value for rating in ratings for value in getattr(rating, name)]
    table = pd.DataFrame(columns, columns=RESPONSE_COLUMNS)
    table["chose_target"] = np.asarray(table["response"] == table["target_side"])
    dtypes: dict[str, type] = dict.fromkeys(RESPONSE_COLUMNS, str)
    dtypes |= dict.fromkeys(("rt_ms", "t_ms", "focus_lost"), float)
    dtypes |= dict.fromkeys(("list", "order"), int)
    return table.astype(dtypes | dict.fromkeys(("shared", "chose_target", "kept"), bool))


def _raters(checked: dict[str, Checked]) -> pd.DataFrame:
    table = pd.DataFrame([result.row for result in checked.values()], columns=RATER_COLUMNS)
    dtypes: dict[str, type] = dict.fromkeys(RATER_COLUMNS, float)
    dtypes |= dict.fromkeys(("rater", "file", "format", "reasons"), str)
    dtypes |= dict.fromkeys(("list", "n_answers", "repeat_n"), int)
    return table.astype(dtypes | {"kept": bool})
