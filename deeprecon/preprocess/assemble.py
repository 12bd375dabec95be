"""Put the samples of all runs of a subject into one BData table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.bdata import VOXELS, BData, MetaRow
from deeprecon.data.events import (
    check_against_scan,
    check_known,
    initial_rest,
    repetitions,
    trials,
)
from deeprecon.errors import InputError
from deeprecon.preprocess.rois import Members, VoxelTable, combine
from deeprecon.preprocess.samples import Cleaning, preprocess_run


@dataclass(frozen=True)
class RunSamples:
    """Samples of one run, and the blocks that they are of."""

    name: str
    session: str
    set_name: str
    values: NDArray[np.float64]  # (n_samples, n_voxels), percent signal change or z-scores
    blocks: pd.DataFrame  # (n_samples rows) as `data.events.trials` gives them


def run_samples(
    series: NDArray[np.float32],
    confounds: NDArray[np.float64],
    repetition_time: float,
    start: float,
    *,
    events: pd.DataFrame,
    set_name: str,
    session: str,
    name: str | PathLike[str],
    cleaning: Cleaning,
    imagery_labels: str,
) -> RunSamples:
    """Clean one run and average its blocks.

    Parameters
    ----------
    series : (n_volumes, n_voxels), raw signal
    confounds : (n_volumes, n_confounds), regressed out
    repetition_time, start : s, see `preprocess_run`
    events : from `read_events`
    set_name : stimulus set of the run
    session : label of its session
    name : file of the events, named in messages
    cleaning : steps and their settings
    imagery_labels : see `data.events.trials`
    """
    check_against_scan(events, len(series), repetition_time, str(name))
    try:
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
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return RunSamples(str(name), session, set_name, values, blocks.iloc[block])


def assemble(runs: Sequence[RunSamples], voxels: VoxelTable, members: Members) -> BData:
    """One table of all runs: a row per stimulus block, repeats not averaged.

    Parameters
    ----------
    runs : of one subject, in order
    voxels : the columns
    members : ROI -> (n_voxels,) bool, composites included

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
    places = np.hstack([voxels.xyz, voxels.ijk])
    positions = {f"voxel_{axis}": places[:, i] for i, axis in enumerate("xyzijk")}
    rois = {f"ROI_{name}": mask for name, mask in members.items()}
    return BData.from_columns(np.vstack([run.values for run in runs]), labels, rois, positions)


def with_rois(data: BData, definitions: Mapping[str, str]) -> tuple[BData, Members]:
    """Add ROIs composed of those of a table, see `rois.combine`.

    Parameters
    ----------
    data : with ROI_* keys
    definitions : new ROI -> expression of names without their prefix

    Returns
    -------
    data : with a ROI_* key for each definition
    members : ROI -> (n_voxels,) bool, of all
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
    """Refuse runs that show a stimulus which the table of their set does not have.

    Parameters
    ----------
    runs : of one subject
    known : stimulus set -> stimulus ids of its table
    """
    for run in runs:
        check_known(run.blocks["stimulus_id"].astype(str), known[run.set_name], run.name)


def set_table(data: BData, subject: str) -> pd.DataFrame:
    """What the samples of `assemble` are: subject, set, n_blocks, n_stimuli, n_sessions, n_runs."""
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
    """Voxel counts of every ROI: subject, roi, n_voxels."""
    rows = [(subject, name, int(mask.sum())) for name, mask in members.items()]
    return pd.DataFrame(rows, columns=["subject", "roi", "n_voxels"])
