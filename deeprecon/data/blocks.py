"""The blocks of all runs of a subject, checked before any scan is read."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.events import check_against_scan, check_known, read_events, trials
from deeprecon.errors import about


def run_blocks(
    path: str | os.PathLike[str],
    known: Iterable[str],
    imagery_labels: str,
    length: tuple[int, float] | None,
) -> pd.DataFrame:
    """Read and check the blocks of a run that become samples, without reading the scan.

    Parameters
    ----------
    path : events file
    known : stimulus ids in the table of the run's set
    imagery_labels : see `trials`
    length : number of volumes and repetition time (s) of the run, if they are known

    Returns
    -------
    DataFrame
        See `trials`.

    Raises
    ------
    InputError
        See `read_events`, `trials`, `check_known` and `check_against_scan`; it names the file.
    """
    events = read_events(path)
    if length is not None:
        check_against_scan(events, *length, Path(path))
    with about(path):
        blocks = trials(events, imagery_labels=imagery_labels)
    check_known(blocks["stimulus_id"].astype(str), known, Path(path))
    return blocks


def subject_blocks(
    events: Sequence[str | os.PathLike[str]],
    runs: Sequence[str],
    sets: Sequence[str],
    known: Mapping[str, Sequence[str]],
    imagery_labels: str,
    lengths: Sequence[tuple[int, float]] = (),
) -> pd.DataFrame:
    """Read and check the blocks of all runs of a subject, see `run_blocks`.

    Parameters
    ----------
    events : events file of each run
    runs, sets : name and stimulus set of each run
    known : stimulus set -> stimulus ids of its table
    imagery_labels : see `trials`
    lengths : number of volumes and repetition time (s) of each run; empty if they are not known

    Returns
    -------
    DataFrame
        run, set, block, onset (s), duration (s), stimulus_id, vividness.

    Raises
    ------
    InputError
        See `run_blocks`.
    """
    columns = ["run", "set", "block", "onset", "duration", "stimulus_id", "vividness"]
    known_lengths: Sequence[tuple[int, float] | None] = lengths or [None] * len(runs)
    tables = [
        run_blocks(path, known[name], imagery_labels, length).assign(run=run, set=name)
        for path, run, name, length in zip(events, runs, sets, known_lengths, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)[columns]


def repetitions(samples: pd.DataFrame) -> NDArray[np.float64]:
    """Number the repetitions of each stimulus, from 1 in the order in which they were shown.

    Parameters
    ----------
    samples : table with the columns set, stimulus_id, run, block, in the order of the study; all
        samples of one block, such as its volumes, belong to the same repetition

    Returns
    -------
    (n_samples,) float64 array
    """
    shown = samples.drop_duplicates(["run", "block"])
    count = shown.groupby(["set", "stimulus_id"]).cumcount() + 1
    counts = samples[["run", "block"]].merge(shown.assign(count=count), on=["run", "block"])
    return np.asarray(counts["count"], np.float64)
