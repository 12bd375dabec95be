"""How much of known responses each cleaning method preserves, on simulated runs.

A simulated brain is scanned twice with the same noise: once with head motion and drift, once
without. For each voxel, samples of the first scan are correlated with the true responses and with
the samples of the second scan, cleaned with the confounds of the first scan or with its own.
Run from the repository root:

    python -m benchmarks.cleaning
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.machine import RESULTS, machine, report
from deeprecon.data.events import initial_rest, read_events, trials
from deeprecon.data.images import load_image, read_volumes
from deeprecon.data.simulate.anatomy import epi_grid
from deeprecon.data.simulate.design import planned_runs
from deeprecon.data.simulate.images import simulated_images
from deeprecon.data.simulate.settings import Physiology
from deeprecon.data.simulate.subject import simulate_brain, simulate_run
from deeprecon.data.stimuli import load_images, read_stimuli, write_stimuli
from deeprecon.preprocess.confounds import read_confounds
from deeprecon.preprocess.files import motion_table
from deeprecon.preprocess.motion import run_motion
from deeprecon.preprocess.realign import run_reference
from deeprecon.preprocess.rigid import grid_centre, motion_parameters
from deeprecon.preprocess.samples import preprocess_run
from deeprecon.preprocess.settings import Cleaning
from deeprecon.preprocess.voxels import voxel_time_series
from deeprecon.tables import write_table

Array = NDArray[np.float64]

BLOCKS = 50  # stimuli of a run
Steps = tuple[list[str], dict[str, Any]]  # confounds, changes of Cleaning
WAYS: dict[str, Steps] = {
    "preset shen2019": (["motion6"], {}),
    "preset zscore": (
        ["motion6"],
        {"normalize": "zscore", "baseline": "run", "clip_iterations": 10},
    ),
    "shen2019, no confounds": ([], {}),
    "shen2019, motion24": (["motion24"], {}),
    "shen2019, high-pass 200 s": (["motion6"], {"high_pass": 200.0}),
    "shen2019, high-pass 200 s, no confounds": ([], {"high_pass": 200.0}),
    "shen2019, high-pass 128 s, no confounds": ([], {"high_pass": 128.0}),
    "shen2019, delay 5 s": (["motion6"], {"delay": 5.0}),
    "only dummy scans, percent, delay, average": ([], {"trend": False, "clip": None}),
}


@dataclass(frozen=True)
class Scan:
    """A run as preprocessing sees it."""

    series: NDArray[np.float32]  # (n_volumes, n_voxels)
    motion: Path  # table in fMRIPrep's columns
    events: pd.DataFrame
    repetition_time: float  # s

    def samples(self, way: Steps, motion: Path) -> Array:
        """Samples (n_blocks, n_voxels), with the confounds in a table."""
        names, changes = way
        cleaning = Cleaning(**changes)
        n_dummy_scans = round(cleaning.dummy_scan_duration / self.repetition_time)
        blocks = trials(self.events)
        values, _ = preprocess_run(
            self.series,
            read_confounds(motion, names, n_dummy_scans).to_numpy(float),
            self.repetition_time,
            blocks["onset"].to_numpy(float),
            blocks["duration"].to_numpy(float),
            initial_rest(self.events),
            cleaning,
        )
        return values


def scans(folder: Path, brain: Path, n_runs: int, body: Physiology, seed: int) -> list[Scan]:
    """Simulate runs of one session and read them at the responsive voxels."""
    with h5py.File(brain) as file:
        xyz = apply_affine(epi_grid(body.voxel_size).affine, np.argwhere(file["active"][:]))
    table = read_stimuli(brain.parent / "train.tsv")
    sessions = {"train": "perceptionNaturalImageTraining"}
    found: list[Scan] = []
    for i, run in enumerate(planned_runs(folder, "sub-01", sessions, {"train": n_runs})):
        truth = folder / f"{run.name}.h5"
        simulate_run(run, brain, truth, table, "train", i, n_runs, body, seed, {})
        img = load_image(run.bold)
        if not found:
            reference = run_reference(img, 10)
            centre = grid_centre(reference.shape, reference.affine)
        matrices = run_motion(img, reference, "gauss_newton")
        if not found:
            # The position of the head in the reference is known, so coregistration adds no error.
            with h5py.File(truth) as file:
                to_reference = np.linalg.inv(matrices[20]) @ file["head_to_scanner"][20]
        series = voxel_time_series(read_volumes(img), img.affine, matrices @ to_reference, xyz)
        parameters = np.array([motion_parameters(matrix, centre) for matrix in matrices])
        motion = folder / f"{run.name}_motion.tsv"
        write_table(motion, motion_table(parameters), digits=8, missing="n/a")
        found.append(Scan(series, motion, read_events(run.events), 2.0))
    return found


def correlation(a: Array, b: Array) -> Array:
    """Correlation of each column of two arrays."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), scale, out=np.zeros(len(scale)), where=scale > 0)


def compare(folder: Path, n_runs: int, seed: int) -> Iterator[str]:
    """Rows of the Markdown table."""
    images = simulated_images("train", 64, BLOCKS * n_runs, seed)
    write_stimuli(folder, "train", images)
    body, brain = Physiology(), folder / "brain.h5"
    shown = load_images(read_stimuli(folder / "train.tsv"), 64)
    simulate_brain(folder / "t1w.nii.gz", [], brain, "sub-01", {"train": shown}, body, seed, {})
    quiet = body.model_copy(update={"motion": 0.0, "drift": 0.0})
    moving = scans(folder / "moving", brain, n_runs, body, seed)
    still = scans(folder / "still", brain, n_runs, quiet, seed)
    with h5py.File(brain) as file:
        true, responsive = file["responses/train"][:], file["amplitude"][:] > 0
    known = {name: i for i, name in enumerate(read_stimuli(folder / "train.tsv")["stimulus_id"])}
    rows = [known[name] for scan in moving for name in trials(scan.events)["stimulus_id"]]

    n_voxels = responsive.sum()
    yield f"Simulated data: {n_runs} runs of {BLOCKS} blocks, {n_voxels} responsive voxels."
    yield "Median over voxels of the correlation over samples, without the mean of each run."
    yield ""
    yield (
        "| cleaning | with true responses | still head, no drift: with true responses "
        "| moving with still, same confounds | moving with still, own confounds |"
    )
    yield "|---|--:|--:|--:|--:|"
    runs = np.repeat(np.arange(n_runs), BLOCKS)
    for name, way in WAYS.items():
        pairs = list(zip(moving, still, strict=True))
        own = np.vstack([scan.samples(way, scan.motion) for scan in moving])
        twin = np.vstack([scan.samples(way, scan.motion) for scan in still])
        same = np.vstack([quiet.samples(way, moved.motion) for moved, quiet in pairs])
        given = [(own, true[rows]), (twin, true[rows]), (own, same), (own, twin)]
        medians = [
            np.median(correlation(_centred(a, runs), _centred(b, runs))[responsive])
            for a, b in given
        ]
        yield f"| {name} | " + " | ".join(f"{value:.3f}" for value in medians) + " |"


def _centred(samples: Array, runs: NDArray[np.int64]) -> Array:
    """Samples without the mean of their run."""
    return np.vstack([samples[runs == i] - samples[runs == i].mean(axis=0) for i in set(runs)])


def main() -> None:
    """Run the benchmark, print its table and keep it in `results/`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the result")
    args = parser.parse_args()
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        rows = compare(Path(folder), args.runs, args.seed)
        report(args.output / "cleaning.md", "Cleaning", machine(), rows)


if __name__ == "__main__":
    main()
