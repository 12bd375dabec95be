"""Flag unusual runs by rules that a reader can check."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.preprocess.quality import RunQuality, rms_displacement

MAX_MEAN_FD = 0.5  # mm
LARGE_FD = 0.5  # mm, in one volume
MAX_LARGE_FD = 20.0  # percent of the volumes
MAX_DISTANCE = 20.0  # mm from the reference
SPIKE_SDS, SPIKE_RATIO = 5.0, 1.5  # a volume whose DVARS is above both is a spike
MAX_SPIKES = 5.0  # percent of the volumes
MAX_DVARS_PEAK = 5.0  # times the median of the run
TSNR_SDS, MIN_TSNR_LOSS = 3.0, 30.0  # robust SDs over runs; percent
TSNR_RUNS = 5  # with fewer runs, the usual range is unknown
MAX_BRIGHTNESS = 10.0  # percent
BRIGHTNESS_RUNS = 3  # per session
MAX_OUTSIDE = 10.0  # percent of the points


def session_of(name: str) -> str:
    """The session in the name of a run, or "" if there is none.

    >>> session_of("ses-imagery01_task-imagery_run-02"), session_of("task-rest_run-1")
    ('ses-imagery01', '')
    """
    return next((part for part in name.split("_") if part.startswith("ses-")), "")


def measures(runs: Mapping[str, RunQuality]) -> pd.DataFrame:
    """Compute the measures that the rules use, and the median tSNR.

    Returns
    -------
    DataFrame
        One row per run, with the names of the runs as index. The columns are the names of `rules`
        and median_tsnr. Measures that compare runs are NaN if there are too few runs.
    """
    table = pd.DataFrame.from_dict(
        {name: _of_run(run) for name, run in runs.items()}, orient="index"
    )
    sessions = [session_of(name) for name in table.index]
    signal = _common_signal(runs).groupby(sessions)
    usual = signal.transform("median").where(signal.transform("size") >= BRIGHTNESS_RUNS)
    table["brightness"] = 100 * (_common_signal(runs) / usual - 1).abs()
    if len(table) >= TSNR_RUNS:
        usual_tsnr = table["median_tsnr"].median()
        table["tsnr_loss"] = 100 * (1 - table["median_tsnr"] / usual_tsnr)
    else:
        table["tsnr_loss"] = np.nan
    return table


def _of_run(run: RunQuality) -> dict[str, float]:
    """Measures that do not depend on other runs."""
    fd, change = run.framewise_displacement[run.kept], run.dvars[run.kept]
    change = change[np.isfinite(change)]
    motion = run.motion[run.kept]
    pose = np.median(motion, axis=0)
    return {
        "mean_fd": float(fd.mean()),
        "large_fd": float(100 * (fd > LARGE_FD).mean()),
        "movement": float(rms_displacement(motion - pose).max()),
        "distance": float(rms_displacement(pose[None])[0]),
        "spikes": float(100 * spikes(run).mean()),
        "dvars_peak": float(change.max() / np.median(change)) if np.median(change) > 0 else np.nan,
        "median_tsnr": float(np.nanmedian(run.temporal_snr)),
        "outside": float(100 * np.isnan(run.mean).mean()),
    }


def spikes(run: RunQuality) -> NDArray[np.bool_]:
    """Find DVARS spikes after the dummy scans, (n_volumes - n_dummy_scans,) bool."""
    change = run.dvars[run.kept]
    usual = np.nanmedian(change)
    sd = 1.4826 * np.nanmedian(np.abs(change - usual))
    found: NDArray[np.bool_] = change > max(usual + SPIKE_SDS * sd, SPIKE_RATIO * usual)
    return found


def _common_signal(runs: Mapping[str, RunQuality]) -> pd.Series:
    """Median signal of each run over the points that are inside all runs."""
    means = np.array([run.mean for run in runs.values()])
    inside = np.isfinite(means).all(axis=0)
    shared = means[:, inside] if inside.any() else means
    return pd.Series(np.nanmedian(shared, axis=1), index=list(runs))


@dataclass(frozen=True)
class Rule:
    """A rule flags a run if its measure is above the threshold."""

    name: str  # column of `measures`
    meaning: str
    unit: str
    threshold: float


def rules(table: pd.DataFrame, voxel_size: float) -> list[Rule]:
    """The rules that flag runs.

    Parameters
    ----------
    table : measures of all runs; the variation of tSNR between runs sets one threshold
    voxel_size : voxel size of the BOLD reference, mm
    """
    loss = table["tsnr_loss"]
    tsnr_sd = 1.4826 * float((loss - loss.median()).abs().median()) if loss.notna().any() else 0.0
    return [
        Rule("mean_fd", "Mean framewise displacement", "mm", MAX_MEAN_FD),
        Rule(
            "large_fd",
            f"Volumes with framewise displacement above {LARGE_FD:g} mm",
            "%",
            MAX_LARGE_FD,
        ),
        Rule(
            "movement",
            "Largest displacement from the run's median position; the threshold is a voxel",
            "mm",
            float(voxel_size),
        ),
        Rule(
            "distance",
            "Distance of the run's median position from the reference",
            "mm",
            MAX_DISTANCE,
        ),
        Rule(
            "spikes",
            f"Volumes whose DVARS is more than {SPIKE_SDS:g} robust SDs above the run's median "
            f"and more than {SPIKE_RATIO:g} times the median",
            "%",
            MAX_SPIKES,
        ),
        Rule("dvars_peak", "Largest DVARS, in units of the run's median", "×", MAX_DVARS_PEAK),
        Rule(
            "tsnr_loss",
            f"Median tSNR below the subject's median over runs; the threshold is {TSNR_SDS:g} "
            f"robust SDs over runs, at least {MIN_TSNR_LOSS:g} %; from {TSNR_RUNS} runs on",
            "%",
            max(MIN_TSNR_LOSS, TSNR_SDS * tsnr_sd),
        ),
        Rule(
            "brightness",
            "Difference of the mean signal from the median run of the session; from "
            f"{BRIGHTNESS_RUNS} runs a session on",
            "%",
            MAX_BRIGHTNESS,
        ),
        Rule(
            "outside",
            "Points of the head outside the field of view in some volume",
            "%",
            MAX_OUTSIDE,
        ),
    ]


def flags(runs: Mapping[str, RunQuality], voxel_size: float) -> pd.DataFrame:
    """Flag the runs that break a rule of `rules`.

    A robust SD is 1.4826 times the median absolute deviation.

    Parameters
    ----------
    runs : mapping
        Run name to its quality, for all runs of a subject.
    voxel_size : float
        Voxel size of the BOLD reference, mm.

    Returns
    -------
    DataFrame
        run, rule, value, threshold, meaning: one row per run and broken rule, in the order of runs
        and rules.
    """
    columns = ["run", "rule", "value", "threshold", "meaning"]
    if not runs:
        return pd.DataFrame(columns=columns)
    table = measures(runs)
    judged = rules(table, voxel_size)
    rows = [
        (name, rule.name, row[rule.name], rule.threshold, rule.meaning)
        for name, row in table.to_dict("index").items()
        for rule in judged
        if row[rule.name] > rule.threshold
    ]
    return pd.DataFrame(rows, columns=columns)
