"""Put the samples of all runs of a subject into one BData table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.bdata import VOXELS, BData, MetaRow, write_bdata
from deeprecon.data.blocks import repetitions
from deeprecon.data.ds001506 import check_data_set
from deeprecon.data.events import (
    check_against_scan,
    check_known,
    initial_rest,
    read_events,
    trials,
)
from deeprecon.errors import about
from deeprecon.preprocess.confounds import read_confounds
from deeprecon.preprocess.files import read_series
from deeprecon.preprocess.rois import Members, VoxelTable, combine
from deeprecon.preprocess.rois import overlaps as roi_overlaps
from deeprecon.preprocess.samples import preprocess_run
from deeprecon.preprocess.settings import Cleaning
from deeprecon.tables import write_table

Path = str | PathLike[str]


@dataclass(frozen=True)
class RunSamples:
    """Samples of one run, and the blocks that they belong to."""

    name: str
    session: str
    set_name: str
    values: NDArray[np.float64]  # (n_samples, n_voxels), percent signal change or z-scores
    blocks: pd.DataFrame  # n_samples rows as `data.events.trials` returns them


def read_all_samples(
    series: Sequence[Path],
    confounds: Sequence[Path],
    events: Sequence[Path],
    sets: Sequence[str],
    sessions: Sequence[str],
    *,
    selection: Sequence[str],
    cleaning: Cleaning,
    imagery_labels: str,
) -> list[RunSamples]:
    """Read all runs of a subject from their files and make their samples.

    Parameters
    ----------
    series, confounds, events : files of each run
    sets, sessions : stimulus set and session label of each run
    selection : confounds to regress out, see `read_confounds`
    cleaning, imagery_labels : see `run_samples`

    Raises
    ------
    InputError
        If a file cannot be read, or the files of a run do not fit together.
    """
    runs = []
    for i, path in enumerate(series):
        values, repetition_time, start = read_series(path)
        n_dummy_scans = round(cleaning.dummy_scan_duration / repetition_time)
        regressors = read_confounds(confounds[i], selection, n_dummy_scans)
        runs.append(
            run_samples(
                values,
                regressors.to_numpy(float),
                repetition_time,
                start,
                events=read_events(events[i]),
                set_name=sets[i],
                session=sessions[i],
                name=events[i],
                cleaning=cleaning,
                imagery_labels=imagery_labels,
            )
        )
    return runs


def run_samples(
    series: NDArray[np.float32],
    confounds: NDArray[np.float64],
    repetition_time: float,
    start: float,
    *,
    events: pd.DataFrame,
    set_name: str,
    session: str,
    name: Path,
    cleaning: Cleaning,
    imagery_labels: str,
) -> RunSamples:
    """Clean one run and average its blocks.

    Parameters
    ----------
    series : (n_volumes, n_voxels) array, raw signal
    confounds : (n_volumes, n_confounds) array, regressed out
    repetition_time, start : s, see `preprocess_run`
    events : table from `read_events`
    set_name : stimulus set of the run
    session : label of its session
    name : events file, for messages
    cleaning : steps and their settings
    imagery_labels : see `data.events.trials`

    Raises
    ------
    InputError
        If events and series do not fit together, see `check_against_scan` and `preprocess_run`.
    """
    check_against_scan(events, len(series), repetition_time, str(name))
    with about(name):
        blocks = trials(events, imagery_labels=imagery_labels)
        values, block = preprocess_run(
            series,
            confounds,
            repetition_time,
            blocks["onset"].to_numpy(float),
            blocks["duration"].to_numpy(float),
            initial_rest(events) if cleaning.baseline == "rest" else 0.0,
            cleaning,
            start=start,
        )
    return RunSamples(str(name), session, set_name, values, blocks.iloc[block])


def assemble(runs: Sequence[RunSamples], voxels: VoxelTable, members: Members) -> BData:
    """Put all runs into one table with one row per stimulus block; repetitions are kept apart.

    Parameters
    ----------
    runs : runs of one subject, in order
    voxels : the columns
    members : ROI -> (n_voxels,) bool, including composed ROIs

    Returns
    -------
    BData
        VoxelData, ROI_*, voxel_x/y/z (mm, T1w space), voxel_i/j/k, and the labels stimulus_set,
        stimulus_id, Session, Run (numbered over the subject), Block, repetition, vividness.
    """
    blocks = pd.concat(
        [
            run.blocks.assign(set=run.set_name, session=run.session, run=float(i))
            for i, run in enumerate(runs, start=1)
        ],
        ignore_index=True,
    )
    labels: Mapping[str, Sequence[str] | NDArray[np.float64]] = {
        "stimulus_set": blocks["set"].tolist(),
        "stimulus_id": blocks["stimulus_id"].astype(str).tolist(),
        "Session": blocks["session"].tolist(),
        "Run": blocks["run"].to_numpy(float),
        "Block": blocks["block"].to_numpy(float),
        "repetition": repetitions(blocks),
        "vividness": blocks["vividness"].to_numpy(float),
    }
    coordinates = np.hstack([voxels.xyz, voxels.ijk])
    positions = {f"voxel_{axis}": coordinates[:, i] for i, axis in enumerate("xyzijk")}
    rois = {f"ROI_{name}": mask for name, mask in members.items()}
    return BData.from_columns(np.vstack([run.values for run in runs]), labels, rois, positions)


def with_rois(data: BData, definitions: Mapping[str, str]) -> tuple[BData, Members]:
    """Add ROIs that are composed of the ROIs of a table, see `rois.combine`.

    Parameters
    ----------
    data : table with ROI_* keys
    definitions : new ROI -> expression of ROI names without their prefix

    Returns
    -------
    data : table with a ROI_* key for each definition
    members : ROI -> (n_voxels,) bool, for old and new ROIs

    Raises
    ------
    InputError
        See `rois.combine`.
    """
    known = {
        key.removeprefix("ROI_"): data.value(key) == 1.0
        for key in data.metadata
        if key.startswith("ROI_")
    }
    members = combine(known, definitions)
    on_voxels = data.columns(VOXELS)
    metadata = dict(data.metadata)
    for name in definitions:
        value = np.full(len(on_voxels), np.nan)
        value[np.flatnonzero(on_voxels)[members[name]]] = 1.0
        metadata[f"ROI_{name}"] = MetaRow(f"1 = voxel in ROI_{name}", value)
    return BData(data.dataset, metadata, data.vmap), members


def check_stimuli(runs: Sequence[RunSamples], known: Mapping[str, Sequence[str]]) -> None:
    """Refuse runs with a stimulus that is not in the table of their set.

    Parameters
    ----------
    runs : runs of one subject
    known : stimulus set -> stimulus ids of its table

    Raises
    ------
    InputError
        It names the events file and the stimulus.
    """
    for run in runs:
        check_known(run.blocks["stimulus_id"].astype(str), known[run.set_name], run.name)


def set_table(data: BData, subject: str) -> pd.DataFrame:
    """Count samples by set: subject, set, n_blocks, n_stimuli, n_sessions, n_runs."""
    keys = {
        "set": data.labels("stimulus_set"),
        "stimulus": data.labels("stimulus_id"),
        "session": data.labels("Session"),
        "run": data.get("Run"),
        "block": data.get("Block"),
    }
    blocks = pd.DataFrame(keys).drop_duplicates(["run", "block"])
    counts = blocks.groupby("set", sort=False).agg(
        n_blocks=("block", "size"),
        n_stimuli=("stimulus", "nunique"),
        n_sessions=("session", "nunique"),
        n_runs=("run", "nunique"),
    )
    counts.insert(0, "subject", subject)
    return counts.reset_index()[["subject", "set", *counts.columns[1:]]]


def roi_table(members: Members, subject: str) -> pd.DataFrame:
    """Count the voxels of every ROI: subject, roi, n_voxels."""
    rows = [(subject, name, int(mask.sum())) for name, mask in members.items()]
    return pd.DataFrame(rows, columns=["subject", "roi", "n_voxels"])


def write_samples(
    data: BData,
    members: Members,
    *,
    samples: Path,
    sets: Path,
    rois: Path,
    overlaps: Path,
    dataset: str,
    labels: Mapping[str, Any],
    attributes: Mapping[str, str],
) -> None:
    """Write the samples of a subject, and the tables that describe them.

    The samples are written last, so that their file shows that all are complete.

    Parameters
    ----------
    data : samples
    members : ROI -> (n_voxels,) bool
    samples : BData file
    sets, rois, overlaps : tables of `set_table`, `roi_table` and `rois.overlaps`
    dataset, labels : see `check_data_set`
    attributes : attributes of the BData file, among them the subject

    Raises
    ------
    InputError
        If a set has more or fewer samples than the data set is known to have.
    """
    subject = attributes["subject"]
    counts = set_table(data, subject)
    n_blocks = {
        str(name): int(n) for name, n in zip(counts["set"], counts["n_blocks"], strict=True)
    }
    check_data_set(dataset, n_blocks, labels, subject)
    write_table(sets, counts, digits=8, missing="n/a")
    write_table(rois, roi_table(members, subject), digits=8, missing="n/a")
    write_table(overlaps, roi_overlaps(members), digits=8, missing="n/a")
    write_bdata(samples, data, attributes)
