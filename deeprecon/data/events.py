"""Event tables of runs: read and check them, and pick the blocks that become samples.

Stimulus ids are strings from end to end: as numbers, 3767745.000109 and 1621127.019020 would lose
the zeros that make them match.
"""

import csv
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from deeprecon.errors import InputError

logger = logging.getLogger(__name__)

REQUIRED = ("onset", "duration", "event_type")
MISSING = ("n/a", "")
MAX_EVENT_TYPE = 2**31
INITIAL_REST = -1
TOLERANCE = 1e-3  # s


def read_events(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the events of one run.

    Parameters
    ----------
    path : TSV file with the columns onset (s), duration (s) and event_type, and any others; a byte
        order mark and Windows line ends are taken

    Returns
    -------
    DataFrame
        onset and duration as float, event_type as int, everything else as the strings that stand
        in the file, missing values (n/a) as NaN.

    Raises
    ------
    InputError
        If the file is missing, empty or not UTF-8, a column is missing or there twice, a row has
        more or fewer values than the header, a number cannot be read, rows are out of order or
        overlap, a duration is negative, or a stimulus block has no stimulus.
    """
    table = _strings(path)
    for column in REQUIRED:
        if column not in table:
            raise InputError(f"{path}: no column {column!r}; found {', '.join(table.columns)}")
    if table.empty:
        raise InputError(f"{path}: no events")
    events = table.mask(table.isin(MISSING))
    for column in REQUIRED:
        events[column] = _numbers(path, table[column])
    events["event_type"] = events["event_type"].astype(int)
    _check_times(path, events)
    return _check_stimuli(path, events)


def _strings(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The table as it stands in the file; refuses what pandas would fill, rename or join."""
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, delimiter="\t") if row]
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable TSV file ({error})") from None
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
    """Empty the stimulus of rests; refuse stimulus blocks without one."""
    column = "category_index" if "trial_no" in events else "stimulus_id"
    if column not in events:
        raise InputError(f"{path}: no column {column!r}; found {', '.join(events.columns)}")
    rest = events["event_type"] < 0
    # ds001506 itself has one such value: 'on/a' in sub-01's first letter run.
    stray = rest & events[column].notna()
    if stray.any():
        row = int(np.flatnonzero(stray)[0])
        logger.warning(
            "%s: row %d: %s is %r in a rest block, read as n/a",
            path, row + 2, column, events[column].iloc[row],
        )  # fmt: skip
        events.loc[stray, column] = np.nan
    lost = ~rest & events[column].isna()
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise InputError(f"{path}: row {row + 2}: a stimulus block without {column}")
    return events


def _ds001506(events: pd.DataFrame) -> pd.DataFrame:
    """Blocks of OpenNeuro ds001506: see `trials`."""
    if "trial_no" in events:
        blocks = events[events["event_type"] == 2]
        given = blocks["evaluation"] if "evaluation" in blocks else pd.Series(dtype=str)
        vividness = pd.to_numeric(given, errors="coerce").astype(float)
        bad = given[given.notna() & vividness.isna()]
        if not bad.empty:
            raise InputError(f"evaluation is {bad.iloc[0]!r}, expected a number or n/a")
        return blocks.assign(
            stimulus_id=blocks["category_index"], vividness=vividness.reindex(blocks.index)
        )
    return events[events["event_type"] == 1].assign(vividness=np.nan)


DESIGNS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {"ds001506": _ds001506}


def trials(events: pd.DataFrame, design: str = "ds001506") -> pd.DataFrame:
    """The blocks of a run that become samples.

    In ds001506, of a perception run the stimulus blocks (event_type 1), without rests and one-back
    repetitions (2); of an imagery run (it has the column trial_no) the imagery periods
    (event_type 2), without cue, evaluation and rest. What was imagined is named by category_index:
    the data set's category_name and category_id are those of another list.

    Parameters
    ----------
    events : from `read_events`
    design : name in `DESIGNS`

    Returns
    -------
    DataFrame
        onset, duration (s), stimulus_id (string), block (from 1), vividness (1-5, else NaN).

    Raises
    ------
    InputError
        If the design is unknown, the run has no such block or an evaluation is no number.
    """
    if design not in DESIGNS:
        raise InputError(f"unknown design {design!r}; known: {', '.join(DESIGNS)}")
    blocks = DESIGNS[design](events).reset_index(drop=True)
    if blocks.empty:
        raise InputError(f"no stimulus blocks in a run of {len(events)} events")
    blocks["block"] = np.arange(1, len(blocks) + 1)
    return blocks[["onset", "duration", "stimulus_id", "block", "vividness"]]


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
    """Refuse events that end after the scan.

    Raises
    ------
    InputError
        It names the run and both times.
    """
    end = float((events["onset"] + events["duration"]).max())
    if end > n_volumes * repetition_time + TOLERANCE:
        raise InputError(
            f"{name}: the last event ends at {end:g} s, the scan of {n_volumes} volumes at "
            f"{n_volumes * repetition_time:g} s"
        )
