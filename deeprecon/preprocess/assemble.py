"""Put the samples of all runs of a subject into one BData table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.bdata import BData
from deeprecon.data.events import check_against_scan, initial_rest, trials
from deeprecon.errors import InputError
from deeprecon.preprocess.rois import Members, VoxelTable
from deeprecon.preprocess.samples import preprocess_run


@dataclass(frozen=True)
class RunSamples:
    """Samples of one run, and the blocks that they are of."""

    name: str
    session: str
    set_name: str
    values: NDArray[np.float64]  # (n_blocks, n_voxels), percent signal change
    blocks: pd.DataFrame  # as `data.events.trials` gives them


def run_samples(
    series: NDArray[np.float32],
    motion: NDArray[np.float64],
    repetition_time: float,
    *,
    events: pd.DataFrame,
    set_name: str,
    session: str,
    name: str | PathLike[str],
    lead_in: float,
    delay: float,
    clip: float,
) -> RunSamples:
    """Clean one run and average its blocks.

    Parameters
    ----------
    series : (n_volumes, n_voxels), raw signal
    motion : (n_volumes, 6)
    repetition_time : s
    events : from `read_events`
    set_name : stimulus set of the run
    session : label of its session
    name : file of the events, named in messages
    lead_in, delay, clip : s, s, SD; see `preprocess_run`
    """
    check_against_scan(events, len(series), repetition_time, str(name))
    try:
        blocks = trials(events)
        values = preprocess_run(
            series,
            motion,
            repetition_time,
            blocks["onset"].to_numpy(float),
            blocks["duration"].to_numpy(float),
            initial_rest(events),
            lead_in=lead_in,
            delay=delay,
            n_sd=clip,
        )
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return RunSamples(str(name), session, set_name, values, blocks)


def _repetitions(ids: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """How often each (set, stimulus) has been shown so far, from 1."""
    counts = pd.DataFrame(ids).groupby([0, 1]).cumcount()
    return np.asarray(counts, np.float64) + 1


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
    blocks = pd.concat([run.blocks for run in runs])
    n_blocks = [len(run.blocks) for run in runs]
    sets = [run.set_name for run in runs for _ in range(len(run.blocks))]
    ids = blocks["stimulus_id"].astype(str).tolist()
    sessions = [run.session for run in runs for _ in range(len(run.blocks))]
    labels: Mapping[str, Sequence[str] | NDArray[np.float64]] = {
        "stimulus_set": sets,
        "stimulus_id": ids,
        "Session": sessions,
        "Run": np.repeat(np.arange(1.0, len(runs) + 1), n_blocks),
        "Block": blocks["block"].to_numpy(float),
        "repetition": _repetitions(list(zip(sets, ids, strict=True))),
        "vividness": blocks["vividness"].to_numpy(float),
    }
    places = np.hstack([voxels.xyz, voxels.ijk])
    positions = {f"voxel_{axis}": places[:, i] for i, axis in enumerate("xyzijk")}
    rois = {f"ROI_{name}": mask for name, mask in members.items()}
    return BData.from_columns(np.vstack([run.values for run in runs]), labels, rois, positions)


def roi_table(members: Members, subject: str) -> pd.DataFrame:
    """Voxel counts of every ROI: subject, roi, n_voxels."""
    rows = [(subject, name, int(mask.sum())) for name, mask in members.items()]
    return pd.DataFrame(rows, columns=["subject", "roi", "n_voxels"])
