"""Bad input ends each script of the workflow with one line and without output.

The scripts run as Snakemake runs them, on a study of a few voxels. For each kind of bad input the
log and the screen hold one line that names the file and what is wrong, the exit code is 1, and
nothing is written.

Where the disk fills up, a script with several outputs may leave those that it had finished; what
it never leaves is an incomplete file, under its own name or a temporary one. The HDF5 file that
later rules read is written last, so that it stands for all of them.
"""

import errno
import gzip
import json
import logging
import os
import re
import resource
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, Wildcards

from deeprecon.data.bdata import BData, read_bdata, write_bdata
from deeprecon.data.bids import BoldRun, find_runs
from deeprecon.data.events import TOLERANCE, read_events
from deeprecon.errors import InputError
from deeprecon.hdf5 import writing
from deeprecon.preprocess.confounds import MOTION6
from deeprecon.preprocess.files import read_series, read_voxels, write_series
from tests.preprocess.phantom import head, scan

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"

SHAPE, SECONDS, N_VOLUMES = (12, 12, 8), 2.0, 24
AFFINE = np.diag([14.0, 14.0, 14.0, 1.0])
AFFINE[:3, 3] = -14.0 * (np.array(SHAPE) - 1) / 2

FUNC = "raw/sub-01/ses-a01/func/sub-01_ses-a01_task-b_run-01"
BOLD, SIDECAR, EVENTS = f"{FUNC}_bold.nii.gz", f"{FUNC}_bold.json", f"{FUNC}_events.tsv"
T1W = "raw/sub-01/anat/sub-01_T1w.nii.gz"
V1, V2 = "masks/V1.nii.gz", "masks/V2.nii.gz"
TABLE = "stimuli/natural.tsv"
LAB = "lab/natural.h5"
PREPROC = "fmriprep/sub-01/ses-a01/func/sub-01_ses-a01_task-b_run-01"
PREPROC_BOLD = f"{PREPROC}_space-T1w_desc-preproc_bold.nii.gz"
PREPROC_MASK = f"{PREPROC}_space-T1w_desc-brain_mask.nii.gz"
PREPROC_T1W = "fmriprep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"
PREPROC_CONFOUNDS = f"{PREPROC}_desc-confounds_timeseries.tsv"
RUN = BoldRun("sub-01", "ses-a01", "b", "01", Path(BOLD), Path(EVENTS))

REFERENCE, MATRIX = "motion_reference/reference.nii.gz", "coregister/t1w_to_bold.txt"
VOXELS = "roi_voxels/voxels.h5"
SERIES, CONFOUNDS = "realign_run/series.h5", "realign_run/confounds.tsv"

EVENT_ROWS = """onset\tduration\tevent_type\tstimulus_id
0.0\t16.0\t-1\tn/a
16.0\t8.0\t1\t1.000001
24.0\t8.0\t1\t1.000002
32.0\t8.0\t1\t1.000001
40.0\t8.0\t-2\tn/a
"""


@dataclass(frozen=True)
class Job:
    """What Snakemake gives a script; its outputs lie in a folder of its name."""

    output: dict[str, str]
    input: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


def outputs(folder: str, **names: str) -> dict[str, str]:
    return {key: f"{folder}/{name}" for key, name in names.items()}


RUN_FILES = {"series": "series.h5", "confounds": "confounds.tsv", "quality": "quality.h5"}
SAMPLE_FILES = {key: f"{key}.tsv" for key in ("sets", "rois", "overlaps")}
SAMPLE_FILES["samples"] = "samples.h5"
SETS = {"set_names": ["natural"], "labels": ["a"], "dataset": "none", "rois": {"V": "V1 + V2"}}
FMRIPREP = {"derivatives": "fmriprep", "run": RUN, "space": "T1w"}

JOBS = {
    "motion_reference": Job(
        outputs("motion_reference", image="reference.nii.gz"), {"bold": BOLD}, {"n_volumes": 10}
    ),
    "coregister": Job(
        outputs("coregister", matrix="t1w_to_bold.txt"),
        {"reference": REFERENCE, "t1w": T1W, "inplane": []},
        {"method": "direct"},
    ),
    "roi_voxels": Job(
        outputs("roi_voxels", voxels="voxels.h5"),
        {"masks": [V1, V2], "reference": [], "matrix": []},
        {"names": ["V1", "V2"], "labels": [[], []]},
    ),
    "realign_run": Job(
        outputs("realign_run", **RUN_FILES),
        {"bold": BOLD, "reference": REFERENCE, "matrix": MATRIX, "voxels": VOXELS},
        {"motion_correction": "none", "slice_timing": False, "lead_in": 8.0},
    ),
    "samples": Job(
        outputs("samples", **SAMPLE_FILES),
        {
            "series": [SERIES],
            "confounds": [CONFOUNDS],
            "events": [EVENTS],
            "voxels": VOXELS,
            "tables": [TABLE],
        },
        {
            "sets": ["natural"],
            "sessions": ["ses-a01"],
            "imagery_labels": "category_index",
            "confounds": ["motion6"],
            "cleaning": {},
            **SETS,
        },
    ),
    "import_samples": Job(
        outputs("import_samples", **SAMPLE_FILES),
        {"bdata": [LAB], "tables": [TABLE]},
        {"label": None, **SETS},
    ),
    "read_fmriprep_run": Job(
        outputs("read_fmriprep_run", **RUN_FILES),
        {"reference": REFERENCE, "voxels": VOXELS},
        {"lead_in": 8.0, **FMRIPREP},
    ),
    "fmriprep_reference": Job(
        outputs("fmriprep_reference", image="reference.nii.gz", t1w="T1w.nii.gz", matrix="m.txt"),
        {},
        {"n_volumes": 10, **FMRIPREP},
    ),
    "import_stimuli": Job(outputs("import_stimuli", table="natural.tsv"), {"table": TABLE}),
}


def log_of(script: str) -> Path:
    return Path("logs", f"{script}.log")


def execute(script: str, input: dict[str, Any], params: dict[str, Any]) -> None:
    """Run a script in this process, with changes of its input and settings."""
    job = JOBS[script]
    params = {"study": "tiny", "code": "", **job.params, **params}
    snakemake = SimpleNamespace(
        input=InputFiles(fromdict=job.input | input),
        output=OutputFiles(fromdict=job.output),
        params=Params(fromdict=params),
        wildcards=Wildcards(fromdict={"subject": "sub-01"}),
        log=Log([str(log_of(script))]),
        rule=script,
        threads=1,
    )
    runpy.run_path(str(SCRIPTS / f"{script}.py"), init_globals={"snakemake": snakemake})


def limited(script: str, n_bytes: int) -> None:
    """Run a script where no file can grow beyond some bytes; Python ignores SIGXFSZ."""
    sys.path.insert(0, str(SCRIPTS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    execute(script, {}, {})


def write_image(path: str, data: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    if data.ndim == 4:
        image.header.set_zooms((14.0, 14.0, 14.0, SECONDS))
        image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)


def write_text(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(text.encode())


def write_inputs() -> None:
    """A run, its anatomy, masks and stimuli, the same run by fMRIPrep, and a file of samples."""
    rng = np.random.default_rng(0)
    volume = scan(head, SHAPE, AFFINE)
    run = volume[..., None] + rng.normal(0, 5, (*SHAPE, N_VOLUMES)).astype(np.float32)
    box = np.zeros(SHAPE, np.uint8)
    box[3:6, 4:8, 3:5] = 1
    for path, data in {
        BOLD: run, T1W: volume, V1: box, V2: box[::-1].copy(),
        PREPROC_BOLD: run, PREPROC_MASK: np.ones(SHAPE, np.uint8), PREPROC_T1W: volume,
    }.items():  # fmt: skip
        write_image(path, data)
    write_text(SIDECAR, json.dumps({"RepetitionTime": SECONDS}))
    write_text(EVENTS, EVENT_ROWS)
    motion = pd.DataFrame(rng.normal(0, 0.01, (N_VOLUMES, 6)), columns=MOTION6)
    write_text(PREPROC_CONFOUNDS, motion.to_csv(sep="\t", index=False))
    ids = ["1.000001", "1.000002"]
    write_text(TABLE, "stimulus_id\tfile\n" + "".join(f"{key}\t{key}.png\n" for key in ids))
    for key in ids:
        write_png(f"stimuli/{key}.png")
    Path(LAB).parent.mkdir()
    rois = {f"ROI_{name}": np.array([i == 0, True]) for i, name in enumerate(("V1", "V2"))}
    write_bdata(LAB, BData.from_columns(rng.normal(size=(2, 2)), {"stimulus_id": ids}, rois))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study on which all scripts have run."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(SCRIPTS)
        write_inputs()
        for script in JOBS:
            changed = {"method": "header"} if script == "coregister" else {}
            execute(script, {}, changed)
    return folder
