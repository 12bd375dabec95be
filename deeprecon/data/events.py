"""Event tables of runs: read and check them, and pick the blocks that become samples.

Stimulus ids are strings from end to end: as numbers, 3767745.000109 and 1621127.019020 would lose
the zeros that make them match.
"""

import csv
import logging
import os
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.ds001506 import imagined_target
from deeprecon.errors import InputError, about

logger = logging.getLogger(__name__)

REQUIRED = ("onset", "duration", "event_type")
MISSING = ("n/a", "")
# ds001506 itself has one: 'on/a' in sub-01's first letter run.
MISSPELT = ("on/a", "n/a", "na", "nan", "#n/a", "none", "null")
MAX_EVENT_TYPE = 2**31
INITIAL_REST = -1
IMAGERY_REST = 4
IMAGERY_LABELS = ("category_index", "corrected")
TOLERANCE = 1e-3  # s
SLACK = 30.0  # s


def read_events(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the events of one run.

    Rests have an event_type below 0, and no stimulus. Imagery runs of ds001506 (those with the
    column trial_no) end with a rest of type -2, where its README says 4; both are taken.

    Parameters
    ----------
    path : TSV file with the columns onset (s), duration (s) and event_type, and stimulus_id or, in
        imagery runs, category_index; other columns, a byte order mark and Windows line ends are
        taken

    Returns
    -------
    DataFrame
        onset and duration as float, event_type as int, everything else as the strings that stand
        in the file, missing values (n/a) as NaN. A misspelt n/a in place of the stimulus of a
        rest, such as "on/a" or "NaN", is read as missing, with a warning.

    Raises
    ------
    InputError
        If the file is missing, empty or not UTF-8, a column is missing or there twice, a row has
        more or fewer values than the header, a number cannot be read, rows are out of order or
        overlap, a duration is negative, a stimulus block has no stimulus or a rest has one.
    """
    table = read_tsv(path)
    for column in REQUIRED:
        if column not in table:
            raise InputError(f"{path}: no column {column!r}; found {_names(table)}")
    if table.empty:
        raise InputError(f"{path}: no events")
    events = table.mask(table.isin(MISSING))
    for column in REQUIRED:
        events[column] = _numbers(path, table[column])
    events["event_type"] = events["event_type"].astype(int)
    _check_times(path, events)
    return _check_stimuli(path, events)


def read_tsv(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A table as it stands in a TSV file, all strings.

    What pandas would fill, rename or join is refused, so that row i of the table is line i + 2 of
    the file. Empty lines at its end are left out.

    Raises
    ------
    InputError
        If it cannot be read, is empty, a row has more or fewer values than the header, or a
        column is there twice.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, delimiter="\t"))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable TSV file ({error})") from None
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        raise InputError(f"{path}: not a readable TSV file (it is empty)")
    names = rows[0]
    for i, row in enumerate(rows, start=1):
        if any("\n" in value for value in row):
            raise InputError(f"{path}: row {i}: a quotation mark joins it to the next row")
        if len(row) != len(names):
            raise InputError(f"{path}: row {i}: {len(row)} values for {len(names)} columns")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} is there {names.count(twice[0])} times")
    return pd.DataFrame(rows[1:], columns=names, dtype=str)


def _names(table: pd.DataFrame) -> str:
    """The columns of a table, for messages, with control characters escaped."""
    return ", ".join(map(repr, table.columns))


def _numbers(path: str | os.PathLike[str], column: pd.Series) -> pd.Series:
    """A column as numbers, or an InputError that names the first row that is none."""
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    bad = ~np.isfinite(numbers)
    if column.name == "event_type":
        bad |= (numbers != np.round(numbers)) | (numbers.abs() > MAX_EVENT_TYPE)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{path}: row {row + 2}: {column.name} is {column.iloc[row]!r}, expected a number"
        )
    return numbers


def _check_times(path: str | os.PathLike[str], events: pd.DataFrame) -> None:
    """Refuse negative, unsorted and overlapping events."""
    onset, duration = events["onset"].to_numpy(), events["duration"].to_numpy()
    if (duration < 0).any() or (onset < 0).any():
        row = int(np.flatnonzero((duration < 0) | (onset < 0))[0])
        raise InputError(
            f"{path}: row {row + 2}: onset {onset[row]:g} s and duration {duration[row]:g} s, "
            "expected 0 or more"
        )
    late = onset[:-1] + duration[:-1] > onset[1:] + TOLERANCE
    if late.any():
        row = int(np.flatnonzero(late)[0])
        raise InputError(
            f"{path}: row {row + 3}: begins at {onset[row + 1]:g} s, before the end of the event "
            f"above it at {onset[row] + duration[row]:g} s"
        )


def _check_stimuli(path: str | os.PathLike[str], events: pd.DataFrame) -> pd.DataFrame:
    """Empty misspelt missing stimuli; refuse blocks without a stimulus and rests with one."""
    imagery = "trial_no" in events
    column = "category_index" if imagery else "stimulus_id"
    if column not in events:
        raise InputError(f"{path}: no column {column!r}; found {_names(events)}")
    rest = events["event_type"] < 0
    misspelt = events[column].str.strip().str.lower().isin(MISSPELT)
    for row in np.flatnonzero(rest & misspelt).tolist():
        logger.warning(
            "%s: row %d: %s is %r in a rest block, read as n/a",
            path, row + 2, column, events[column].iloc[row],
        )  # fmt: skip
    events.loc[misspelt, column] = np.nan
    stray = rest & events[column].notna()
    if stray.any():
        # Not forgiven: a stimulus block whose event_type is wrong would be lost without a word.
        row = int(np.flatnonzero(stray)[0])
        raise InputError(
            f"{path}: row {row + 2}: {column} is {events[column].iloc[row]!r} in a rest block "
            f"(event_type {events['event_type'].iloc[row]}), expected n/a"
        )
    may_be_empty = rest | (imagery & (events["event_type"] == IMAGERY_REST))
    lost = ~may_be_empty & events[column].isna()
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise InputError(f"{path}: row {row + 2}: a stimulus block without {column}")
    return events


def _imagined(blocks: pd.DataFrame, imagery_labels: str) -> list[str]:
    """Stimulus ids of imagery blocks: see `trials`."""
    ids = []
    for row, given in blocks["category_index"].items():
        whole = re.fullmatch(r"0*(\d+)(?:\.0*)?", given, re.ASCII)
        index = whole[1] if whole else given
        try:
            ids.append(imagined_target(index) if imagery_labels == "corrected" else index)
        except InputError as error:
            raise InputError(f"row {int(str(row)) + 2}: {error}") from None
    return ids


def _ds001506(events: pd.DataFrame, imagery_labels: str) -> pd.DataFrame:
    """Blocks of OpenNeuro ds001506: see `trials`."""
    if "trial_no" in events:
        blocks = events[events["event_type"] == 2]
        given = blocks["evaluation"] if "evaluation" in blocks else pd.Series(dtype=str)
        vividness = pd.to_numeric(given, errors="coerce").astype(float)
        bad = given[given.notna() & vividness.isna()]
        if not bad.empty:
            raise InputError(f"evaluation is {bad.iloc[0]!r}, expected a number or n/a")
        return blocks.assign(
            stimulus_id=_imagined(blocks, imagery_labels),
            vividness=vividness.reindex(blocks.index),
        )
    return events[events["event_type"] == 1].assign(vividness=np.nan)


DESIGNS: dict[str, Callable[[pd.DataFrame, str], pd.DataFrame]] = {"ds001506": _ds001506}


def trials(
    events: pd.DataFrame, design: str = "ds001506", imagery_labels: str = "category_index"
) -> pd.DataFrame:
    """The blocks of a run that become samples.

    In ds001506, of a perception run the stimulus blocks (event_type 1), without rests and one-back
    repetitions (2); of an imagery run (it has the column trial_no) the imagery periods
    (event_type 2), without cue, evaluation and rest. What was imagined is named by category_index:
    the data set's category_name and category_id are those of another list, see `data.ds001506`.

    Parameters
    ----------
    events : from `read_events`
    design : name in `DESIGNS`
    imagery_labels : what the stimulus_id of an imagery run is: "category_index", that number ("7",
        also where the file says 7.0), or "corrected", the target's name in `ds001506.IMAGINED`

    Returns
    -------
    DataFrame
        onset, duration (s), stimulus_id (string), block (from 1), vividness (1-5, else NaN).

    Raises
    ------
    InputError
        If the design or the kind of labels is unknown, the run has no such block, an evaluation is
        no number, or a category_index to be corrected is not one of 1 to 26.
    """
    if design not in DESIGNS:
        raise InputError(f"unknown design {design!r}; known: {', '.join(DESIGNS)}")
    if imagery_labels not in IMAGERY_LABELS:
        raise InputError(
            f"unknown imagery_labels {imagery_labels!r}; known: {', '.join(IMAGERY_LABELS)}"
        )
    blocks = DESIGNS[design](events, imagery_labels).reset_index(drop=True)
    if blocks.empty:
        raise InputError(f"no stimulus blocks in a run of {len(events)} events")
    blocks["block"] = np.arange(1, len(blocks) + 1)
    return blocks[["onset", "duration", "stimulus_id", "block", "vividness"]]


def run_blocks(
    path: str | os.PathLike[str],
    known: Iterable[str],
    imagery_labels: str,
    length: tuple[int, float] | None,
) -> pd.DataFrame:
    """The blocks of a run that become samples, checked as far as that goes without its scan.

    Parameters
    ----------
    path : events file
    known : stimulus ids of the table of its set
    imagery_labels : see `trials`
    length : volumes of the run and its repetition time in s, if they are known

    Returns
    -------
    DataFrame
        As of `trials`.

    Raises
    ------
    InputError
        As of `read_events`, `trials`, `check_known`, `check_against_scan`; it names the file.
    """
    events = read_events(path)
    if length is not None:
        check_against_scan(events, *length, Path(path))
    with about(path):
        blocks = trials(events, imagery_labels=imagery_labels)
    check_known(blocks["stimulus_id"].astype(str), known, Path(path))
    return blocks


def repetitions(samples: pd.DataFrame) -> NDArray[np.float64]:
    """How often the stimulus of each sample has been shown so far, from 1.

    Parameters
    ----------
    samples : columns set, stimulus_id, run, block, in the order of the study; samples of one
        block, such as its volumes, are one repetition

    Returns
    -------
    (n_samples,) float64 array
    """
    shown = samples.drop_duplicates(["run", "block"])
    count = shown.groupby(["set", "stimulus_id"]).cumcount() + 1
    counts = samples[["run", "block"]].merge(shown.assign(count=count), on=["run", "block"])
    return np.asarray(counts["count"], np.float64)


def initial_rest(events: pd.DataFrame) -> float:
    """End of the rest at the start of a run, s: the baseline of percent signal change.

    Raises
    ------
    InputError
        If the run does not start with a rest (event_type -1).
    """
    first = events.iloc[0]
    if first["event_type"] != INITIAL_REST:
        raise InputError(
            f"the first event has event_type {first['event_type']}, expected a rest "
            f"({INITIAL_REST}) as baseline"
        )
    return float(first["onset"] + first["duration"])


def check_against_scan(
    events: pd.DataFrame, n_volumes: int, repetition_time: float, name: str | Path
) -> None:
    """Refuse events that end after the scan; warn of a scan much longer than they are.

    In ds001506 both end together. Elsewhere scanners may run on: up to 30 s (`SLACK`) pass without
    a word, more is logged as a warning, because then events and scan may not belong together.

    Raises
    ------
    InputError
        It names the run and both times.
    """
    end = float((events["onset"] + events["duration"]).max())
    scanned = n_volumes * repetition_time
    both = (
        f"{name}: the last event ends at {end:g} s, "
        f"the scan of {n_volumes} volumes at {scanned:g} s"
    )
    if end > scanned + TOLERANCE:
        raise InputError(both)
    if scanned - end > SLACK:
        logger.warning("%s", both)


def check_known(ids: Iterable[str], table_ids: Iterable[str], name: str | Path) -> None:
    """Refuse stimuli that a table does not have.

    Parameters
    ----------
    ids : stimulus ids that were shown
    table_ids : those of the table
    name : file that shows them, named in the message

    Raises
    ------
    InputError
        It names the file, the first unknown id, and known ones that are like it.
    """
    known = dict.fromkeys(table_ids)
    unknown = next((key for key in ids if key not in known), None)
    if unknown is None:
        return
    near = get_close_matches(unknown, known, n=3)
    likeness = "near it" if near else "such as"
    named = ", ".join(map(repr, near or list(known)[:3]))
    raise InputError(
        f"{name}: unknown stimulus {unknown!r}; the table has {len(known)}, {likeness} {named}"
    )
