"""Events of runs: read and check them, and select the blocks that become samples.

Stimulus ids stay strings throughout. As numbers, ids such as 1621127.019020 would lose their
trailing zeros and match no stimulus any more.
"""

import logging
import os
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from deeprecon.data.ds001506 import imagined_target
from deeprecon.data.tsv import read_tsv
from deeprecon.errors import InputError

logger = logging.getLogger(__name__)

REQUIRED = ("onset", "duration", "event_type")
MISSING = ("n/a", "")
# ds001506 itself has one of them: 'on/a' in the first letter run of sub-01.
MISSPELT = ("on/a", "n/a", "na", "nan", "#n/a", "none", "null")
MAX_EVENT_TYPE = 2**31
INITIAL_REST = -1  # event_type
IMAGERY_REST = 4
IMAGERY_LABELS = ("category_index", "corrected")
TOLERANCE = 1e-3  # s, because onsets are often rounded to ms
SLACK = 30.0  # s


def read_events(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the events of one run.

    Rests have a negative event_type and no stimulus. Imagery runs of ds001506 (those with the
    column trial_no) end with a rest of type -2, where its README says 4; both are accepted.

    Parameters
    ----------
    path : TSV file with the columns onset (s), duration (s) and event_type, and stimulus_id or, in
        imagery runs, category_index; other columns, a byte order mark and Windows line endings are
        accepted

    Returns
    -------
    DataFrame
        onset and duration as float, event_type as int, all other columns as the strings in the
        file, missing values (n/a) as NaN. If the stimulus of a rest is a misspelt n/a, such as
        "on/a" or "NaN", it is read as missing, with a warning.

    Raises
    ------
    InputError
        If the file is missing, empty or not UTF-8; a column is missing or occurs twice; a row has
        more or fewer values than the header; a number cannot be read; rows are out of order or
        overlap; a duration is negative; a stimulus block has no stimulus or a rest has one.
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


def _names(table: pd.DataFrame) -> str:
    """Column names for messages, with control characters escaped."""
    return ", ".join(map(repr, table.columns))


def _numbers(path: str | os.PathLike[str], column: pd.Series) -> pd.Series:
    """Convert a column to numbers; an InputError names the first row that is not a number."""
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
    """Set misspelt missing stimuli to NaN; refuse blocks without a stimulus and rests with one."""
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
        # Refused, because a stimulus block with a wrong event_type would be lost silently.
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

    In ds001506, these are the stimulus blocks of a perception run (event_type 1), without rests
    and one-back repetitions (event_type 2), and the imagery periods of an imagery run (event_type
    2; the run has the column trial_no), without cue, evaluation and rest. The imagined target is
    identified by category_index, because category_name and category_id come from another list,
    see `data.ds001506`.

    Parameters
    ----------
    events : table from `read_events`
    design : name in `DESIGNS`
    imagery_labels : source of the stimulus_id in an imagery run: "category_index" takes that
        number ("7", also where the file says 7.0), "corrected" the name in `ds001506.IMAGINED`

    Returns
    -------
    DataFrame
        onset, duration (s), stimulus_id (string), block (from 1), vividness (1-5, else NaN).

    Raises
    ------
    InputError
        If the design or the kind of labels is unknown, the run has no such block, an evaluation is
        not a number, or a category_index to be corrected is not between 1 and 26.
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


def initial_rest(events: pd.DataFrame) -> float:
    """End (s) of the rest at the start of a run, which is the baseline of percent signal change.

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
    """Refuse events that end after the scan, and warn if the scan is much longer.

    In ds001506, events and scan end together. Other scanners may run on after the last event. A
    difference of more than 30 s (`SLACK`) is logged as a warning, because events and scan may then
    belong to different runs.

    Parameters
    ----------
    events : table from `read_events`
    n_volumes, repetition_time : length of the scan; s
    name : run, for messages

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
    """Refuse stimuli that are not in a table.

    Parameters
    ----------
    ids : ids of the stimuli that were shown
    table_ids : ids in the table
    name : file in which they were shown, for the message

    Raises
    ------
    InputError
        It names the file, the first unknown id, and similar ids of the table.
    """
    known = dict.fromkeys(table_ids)
    unknown = next((key for key in ids if key not in known), None)
    if unknown is None:
        return
    near = get_close_matches(unknown, known, n=3)
    likeness = "similar:" if near else "such as"
    named = ", ".join(map(repr, near or list(known)[:3]))
    raise InputError(
        f"{name}: unknown stimulus {unknown!r}; the table has {len(known)}, {likeness} {named}"
    )
