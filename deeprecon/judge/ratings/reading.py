"""Read rating files into the tables that the analysis takes.

Only answers, their times and the focus of the page are taken from a file; everything else comes
from the key. A problem in a file refuses that file or rater, with a message, and the rest goes on.
"""

import logging
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deeprecon.errors import InputError
from deeprecon.judge.ratings.checks import Checked, check_rater
from deeprecon.judge.ratings.findings import Finding, Severity, findings_table
from deeprecon.judge.ratings.formats import FORMATS
from deeprecon.judge.ratings.joining import Rating, join
from deeprecon.judge.ratings.joining_plain import Names, join_plain
from deeprecon.judge.ratings.key import Trials
from deeprecon.judge.ratings.parsing import read_sheets
from deeprecon.judge.ratings.rules_log import check_log
from deeprecon.judge.ratings.sheets import Sheet
from deeprecon.judge.ratings.study_checks import check_study, without_duplicates
from deeprecon.judge.ratings.untrusted import ignorable, shown_name
from deeprecon.judge.settings import Rules
from deeprecon.judge.study import read_key
from deeprecon.judge.trials import TRIAL_COLUMNS

MAX_ROWS = 200
"""Findings of one check in one file that are listed individually."""
RESPONSE_COLUMNS: dict[str, type] = {
    "rater": str, "file": str, "list": int, "trial_id": str, "order": int, "task": str,
    "kind": str, "item": str, "shared": bool, "repeats": str, "subject": str, "roi": str,
    "foil_roi": str, "method": str, "foil_method": str, "set": str, "aspect": str, "target": str,
    "foil": str, "target_side": str, "response": str, "rt_ms": float, "t_ms": float,
    "focus_lost": float, "chose_target": bool, "kept": bool,
}  # fmt: skip
RATER_COLUMNS: dict[str, type] = {
    "rater": str, "file": str, "format": str, "list": int, "n_answers": int, "n_expected": float,
    "completed": float, "catch_correct": float, "catch_n": float, "catch_p": float,
    "left_share": float, "side_p": float, "median_rt_ms": float, "fast_share": float,
    "longest_run": float, "repeat_consistency": float, "repeat_n": int, "focus_lost_share": float,
    "minutes": float, "kept": bool, "reasons": str,
}  # fmt: skip

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ratings:
    """The tables made from rating files.

    Attributes
    ----------
    responses : one row per answer, RESPONSE_COLUMNS
    raters : one row per rater who could be read, RATER_COLUMNS
    findings : one row per finding, errors first
    """

    responses: pd.DataFrame
    raters: pd.DataFrame
    findings: pd.DataFrame


def rating_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The files in the folder of ratings, by name, without hidden files and the laboratory's notes.

    Links, subfolders and the like are included, so that reading can refuse them with a message. A
    folder that does not exist contains nothing.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("r002.json", "r001.json", ".DS_Store", "README.txt"):
    ...     _ = (folder / name).write_text("")
    >>> [file.name for file in rating_files(folder)]
    ['r001.json', 'r002.json']
    """
    if not Path(folder).is_dir():
        return []
    return sorted(entry for entry in Path(folder).iterdir() if not ignorable(entry.name))


def read_ratings(
    files: Iterable[str | os.PathLike[str]],
    key: pd.DataFrame,
    study_sha256: str,
    rules: Rules,
    log: pd.DataFrame | None = None,
) -> Ratings:
    """Read rating files, match them to the key and check them.

    Parameters
    ----------
    files : in any format of `deeprecon.judge.ratings.formats`, under any names
    key : trials.tsv, as `deeprecon.judge.study.read_key` reads it
    study_sha256 : digest of trials.tsv
    rules : limits of the checks
    log : of the rules, from `deeprecon.judge.ratings.rules_log`

    Returns
    -------
    Ratings
        If no file can be used, only the findings have rows. The content of a file never raises.

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
        if not ignorable(path.name):
            joined, found = _read_file(path, trials, names, study_sha256)
            ratings += joined
            findings += found
    ratings, found = without_duplicates(ratings)
    checked = {rating.rater: check_rater(rating, trials, rules) for rating in ratings}
    findings += found
    findings += [finding for result in checked.values() for finding in result.findings]
    findings += check_study(ratings, checked, rules)
    if log is not None:
        findings += check_log(log)
    rows = [result.row for result in checked.values()]
    raters = pd.DataFrame(rows, columns=list(RATER_COLUMNS)).astype(RATER_COLUMNS)
    return Ratings(_responses(ratings, checked), raters, findings_table(_capped(findings)))


def read_folder(
    folder: str | os.PathLike[str],
    key: pd.DataFrame,
    study_sha256: str,
    rules: Rules,
    log: pd.DataFrame | None = None,
) -> Ratings:
    """Read all ratings in a folder and log what was refused; otherwise as `read_ratings`.

    Raises
    ------
    InputError
        If there are files and none of them can be used.
    """
    files = rating_files(folder)
    ratings = read_ratings(files, key, study_sha256, rules, log)
    for row in ratings.findings.itertuples():
        if row.severity in ("error", "exclusion"):
            logger.warning("%s: %s: %s", row.file, row.check, row.message)
    if files and ratings.raters.empty:
        first = ratings.findings.iloc[0]
        raise InputError(
            f"{folder}: none of {len(files)} files could be used, for example {first['file']}: "
            f"{first['message']}"
        )
    logger.info("%d raters, %d kept", len(ratings.raters), int(ratings.raters["kept"].sum()))
    return ratings


def rated_key(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> str | None:
    """SHA-256 of the key to which there are ratings in a folder, None if there are none."""
    return read_key(path)[1] if Path(path).is_file() and rating_files(folder) else None


def _read_file(
    path: Path, trials: Trials, names: Names, study_sha256: str
) -> tuple[list[Rating], list[Finding]]:
    """Ratings of a file."""
    file = shown_name(path.name)
    if _is_folder(path):
        message = "found a folder, which is not searched"
        return [], [Finding("subfolder", "warning", message, file)]
    contents = read_sheets(path)
    findings = []
    for part in contents.refused:
        # JATOS exports all components of a study: those without answers are only noted.
        other = contents.sheets and part.check in ("no_trials", "unrecognised")
        severity: Severity = "note" if other else "error"
        findings.append(
            Finding(part.check, severity, str(part), file, value=part.value, limit=part.limit)
        )
    ratings, found = _join_all(contents.sheets, file, trials, names, study_sha256)
    return ratings, findings + found


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _join_all(
    sheets: Sequence[Sheet], file: str, trials: Trials, names: Names, study_sha256: str
) -> tuple[list[Rating], list[Finding]]:
    """Ratings of the sheets of a file.

    A rater is refused as a whole if only some of the rows in a table are valid. A plain table is
    refused as a whole if it has a name that the study lacks.
    """
    joined: list[tuple[str, Rating]] = []
    findings: list[Finding] = []
    refused: set[tuple[str, str]] = set()
    for sheet in sheets:
        if FORMATS[sheet.format].trials_by == "names":
            rating, found = join_plain(sheet, file, names)
        else:
            rating, found = join(sheet, file, trials, study_sha256)
        findings += found
        if rating is None:
            refused.add((sheet.where, found[0].rater))
        else:
            joined.append((sheet.where, rating))
    ratings = [rating for where, rating in joined if (where, rating.rater) not in refused]
    if any(finding.check == "unknown_name" for finding in findings):
        return [], findings
    if any(rating.is_plain for rating in ratings):
        findings += _plain_limits(file)
    return ratings, findings


def _plain_limits(file: str) -> list[Finding]:
    """What a plain table cannot tell."""
    legacy = (
        "found a plain table: trials and sides are unknown, the target counts as the left "
        "picture, and nothing proves that these are answers to this study"
    )
    no_catches = "not applicable: a plain table has no catches"
    no_sides = "not applicable: a plain table does not say the sides"
    return [
        Finding("legacy_table", "warning", legacy, file),
        Finding("catch_accuracy", "note", no_catches, file),
        Finding("side_bias", "note", no_sides, file),
    ]


def _capped(findings: Sequence[Finding]) -> list[Finding]:
    """At most MAX_ROWS findings of a check in a file, and a row with the number of the others."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.file, finding.check), []).append(finding)
    capped = []
    for group in groups.values():
        capped += group[:MAX_ROWS]
        more = len(group) - MAX_ROWS
        if more > 0 and group[0].file != "n/a":
            message = f"found this {more} more times in the file"
            capped.append(group[0]._replace(rater="n/a", value=more, message=message))
    return capped


def _responses(ratings: Sequence[Rating], checked: Mapping[str, Checked]) -> pd.DataFrame:
    own = ["rater", "file", "kept", "response", "rt_ms", "t_ms", "focus_lost", "chose_target"]
    rows = [
        (
            *(answer.trial[name] for name in TRIAL_COLUMNS),
            rating.rater,
            rating.file,
            checked[rating.rater].row["kept"],
            *answer[1:],
            answer.chose_target,
        )
        for rating in ratings
        for answer in rating.answers
    ]
    table = pd.DataFrame(rows, columns=[*TRIAL_COLUMNS, *own])
    return table[list(RESPONSE_COLUMNS)].astype(RESPONSE_COLUMNS)
