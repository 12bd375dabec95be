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
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deeprecon.data.bdata import BData, read_bdata, write_bdata
from deeprecon.data.bids import BoldRun, find_runs
from deeprecon.data.events import TOLERANCE, read_events
from deeprecon.errors import InputError
from deeprecon.preprocess.confounds import MOTION6
from deeprecon.preprocess.files import read_series, read_voxels, write_series
from tests.preprocess.phantom import head, scan
from tests.workflow import jobs
from tests.workflow.jobs import SCRIPTS, Job, check_line, log_of, logging_kept, outputs

ROOT = Path(__file__).parents[2]

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


RUN_FILES = {"series": "series.h5", "confounds": "confounds.tsv", "quality": "quality.h5"}
SAMPLE_FILES = {key: f"{key}.tsv" for key in ("sets", "rois", "overlaps")}
SAMPLE_FILES["samples"] = "samples.h5"
SETS = {"labels": {"natural": "a"}, "dataset": "none", "rois": {"V": "V1 + V2"}}
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
        {"motion_correction": "none", "slice_timing": False, "dummy_scan_duration": 8.0},
    ),
    "blocks": Job(
        outputs("blocks", blocks="blocks.tsv"),
        {"events": [EVENTS], "bold": [BOLD], "sidecars": [SIDECAR], "tables": [TABLE]},
        {
            "runs": ["run"],
            "sets": ["natural"],
            "labels": {"natural": "perceptionNaturalImageTest"},
            "dataset": "other",
            "imagery_labels": "category_index",
        },
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
        {"dummy_scan_duration": 8.0, **FMRIPREP},
    ),
    "fmriprep_reference": Job(
        outputs("fmriprep_reference", image="reference.nii.gz", t1w="T1w.nii.gz", matrix="m.txt"),
        {},
        {"n_volumes": 10, **FMRIPREP},
    ),
    "import_stimuli": Job(outputs("import_stimuli", table="natural.tsv"), {"table": TABLE}),
}


def execute(script: str, input: dict[str, Any], params: dict[str, Any]) -> None:
    """Run a script of the study."""
    jobs.execute(JOBS[script], script, input, params)


def run_lines(script: str, capsys: pytest.CaptureFixture[str], **changes: Any) -> list[str]:
    """Run a script of the study that fails; the lines of its log."""
    return jobs.lines_of_failure(JOBS[script], script, capsys, **changes)


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
        Image.new("RGB", (8, 8)).save(f"stimuli/{key}.png")
    Path(LAB).parent.mkdir()
    rois = {f"ROI_{name}": np.array([i == 0, True]) for i, name in enumerate(("V1", "V2"))}
    labels = {"stimulus_id": ids, "Session": np.ones(2), "Run": np.ones(2), "Block": np.arange(2.0)}
    write_bdata(LAB, BData.from_columns(rng.normal(size=(2, 2)), labels, rois))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study on which all scripts have run."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch, logging_kept():
        patch.chdir(folder)
        patch.syspath_prepend(SCRIPTS)
        write_inputs()
        for script in JOBS:
            changed = {"method": "header"} if script == "coregister" else {}
            execute(script, {}, changed)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the study, as current folder."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SCRIPTS)
    with logging_kept():
        yield tmp_path


def files(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).rglob("*"))


# What is done to the files of a study.
Spoil = Callable[[], None]


def cut(path: str, share: float = 0.5) -> Spoil:
    """Leave the first part of a file."""

    def spoil() -> None:
        content = Path(path).read_bytes()
        Path(path).write_bytes(content[: int(share * len(content))])

    return spoil


def cut_within(path: str) -> Spoil:
    """A compressed file that is sound, but holds the first half of an image."""

    def spoil() -> None:
        content = gzip.decompress(Path(path).read_bytes())
        Path(path).write_bytes(gzip.compress(content[: len(content) // 2]))

    return spoil


def image(path: str, change: Callable[[np.ndarray], np.ndarray], move: float = 0.0) -> Spoil:
    """Change the values of an image, or its place by some mm."""

    def spoil() -> None:
        affine = AFFINE.copy()
        affine[0, 3] += move
        write_image(path, change(np.asarray(nib.load(path).dataobj)), affine)

    return spoil


def volume(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Volume 7 of a run holds one value everywhere."""

    def change(data: np.ndarray) -> np.ndarray:
        data = data.copy()
        data[..., 7] = value
        return data

    return change


def voxel(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """One voxel of volume 7 of a run."""

    def change(data: np.ndarray) -> np.ndarray:
        data = data.copy()
        data[5, 5, 4, 7] = value
        return data

    return change


def text(path: str, content: str) -> Spoil:
    return lambda: write_text(path, content)


def events(*changes: tuple[str, str]) -> Spoil:
    """Other words in the events file."""

    def spoil() -> None:
        content = EVENT_ROWS
        for old, new in changes:
            assert old in content
            content = content.replace(old, new)
        write_text(EVENTS, content)

    return spoil


def gone(path: str) -> Spoil:
    return lambda: Path(path).unlink()


def forbidden(path: str) -> Spoil:
    return lambda: Path(path).chmod(0)


def without_key(path: str, key: str) -> Spoil:
    def spoil() -> None:
        with h5py.File(path, "a") as file:
            del file[key]

    return spoil


def fewer_rows(path: str) -> Spoil:
    """A table without its last row."""
    return lambda: write_text(path, "\n".join(Path(path).read_text().split("\n")[:-2]) + "\n")


needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
UNREADABLE = r"cannot be read as an image \(.+\)"
ENDED = r"cannot be read as an image \(Compressed file ended before the end-of-stream marker.+\)"
SHORT = r"cannot be read as an image \(.*(not enough data|got 400 bytes).*\)"

# id, script, what is done to the files, the line after the name of the rule
CASES = [
    ("bold cut off", "motion_reference", cut(BOLD), f"{BOLD}: {ENDED}"),
    ("run cut off", "realign_run", cut(BOLD), f"{BOLD}: {ENDED}"),
    ("run with too few values", "realign_run", cut_within(BOLD), f"{BOLD}: {SHORT}"),
    ("run cut off in its header", "realign_run", cut(BOLD, 0.0005), f"{BOLD}: {UNREADABLE}"),
    ("T1w cut off", "coregister", cut(T1W), f"{T1W}: {ENDED}"),
    ("mask cut off", "roi_voxels", cut(V2), f"{V2}: {UNREADABLE}"),
    ("preprocessed run cut off", "read_fmriprep_run", cut(PREPROC_BOLD),
     f"{PREPROC_BOLD}: {ENDED}"),
    ("brain mask cut off", "read_fmriprep_run", cut_within(PREPROC_MASK),
     f"{PREPROC_MASK}: {SHORT}"),
    ("preprocessed bold cut off", "fmriprep_reference", cut(PREPROC_BOLD),
     f"{PREPROC_BOLD}: {ENDED}"),
    ("preprocessed T1w cut off", "fmriprep_reference", cut(PREPROC_T1W),
     f"{PREPROC_T1W}: {ENDED}"),
    ("reference cut off", "realign_run", cut(REFERENCE), f"{REFERENCE}: {ENDED}"),
    ("voxels cut off", "realign_run", cut(VOXELS),
     rf"{VOXELS}: not a readable HDF5 file of voxels \(.+\)"),
    ("series lost", "samples", gone(SERIES),
     rf"{SERIES}: not a readable HDF5 file of time series \(No such file or directory\)"),
    ("3-D bold", "motion_reference", image(BOLD, lambda run: run[..., 0]),
     rf"{BOLD}: shape \(12, 12, 8\), expected 14 volumes or more"),
    ("3-D run", "realign_run", image(BOLD, lambda run: run[..., 0]),
     f"{BOLD}: found 3 dimensions, expected 4"),
    ("4-D mask", "roi_voxels", image(V1, lambda mask: mask[..., None].repeat(2, 3)),
     rf"{V1}: shape \(12, 12, 8, 2\), expected a mask with three dimensions"),
    ("4-D brain mask", "read_fmriprep_run",
     image(PREPROC_MASK, lambda mask: mask[..., None].repeat(2, 3)),
     rf"{PREPROC_MASK}: shape \(12, 12, 8, 2\), expected a mask with three dimensions"),
    ("4-D T1w", "coregister", image(T1W, lambda t1w: t1w[..., None].repeat(2, 3)),
     rf"{T1W}: shape \(12, 12, 8, 2\), expected one volume with three dimensions"),
    ("NaN in a volume", "realign_run", image(BOLD, voxel(np.nan)),
     f"{BOLD}: volume 7: holds NaN or infinite values"),
    ("infinity in a volume", "realign_run", image(BOLD, voxel(np.inf)),
     f"{BOLD}: volume 7: holds NaN or infinite values"),
    ("NaN in the first run", "motion_reference", image(BOLD, voxel(np.nan)),
     f"{BOLD}: volume 7: holds NaN or infinite values"),
    ("constant volume", "realign_run", image(BOLD, volume(5.0)),
     f"{BOLD}: volume 7: holds 5 everywhere, expected a brain image"),
    ("NaN in the T1w", "coregister", image(T1W, lambda t1w: t1w * np.nan),
     f"{T1W}: holds NaN or infinite values"),
    ("mask without voxels", "roi_voxels", image(V2, np.zeros_like), f"ROI V2: no voxel in {V2}"),
    ("mask of another shape", "roi_voxels", image(V2, lambda mask: mask[:-1]),
     rf"{V2}: shape \(11, 12, 8\), expected \(12, 12, 8\) of {V1}; .*voxel_grid: bold .+"),
    ("mask at another place", "roi_voxels", image(V2, np.asarray, move=3.0),
     f"{V2}: its affine is not that of {V1}; .*voxel_grid: bold .+"),
    ("no sidecar", "realign_run", gone(SIDECAR),
     f"{BOLD}: no sidecar {Path(SIDECAR).name}, nor task-b_bold.json above it"),
    ("another repetition time", "realign_run", text(SIDECAR, '{"RepetitionTime": 1.5}'),
     f"{BOLD}: the header says 2 s a volume, {Path(SIDECAR).name} says 1.5 s"),
    ("sidecar that is no JSON", "realign_run", text(SIDECAR, "{"),
     rf"{SIDECAR}: not a readable JSON file \(.+\)"),
    ("no image", "realign_run", text(BOLD, "not an image"), f"{BOLD}: {UNREADABLE}"),
    ("no bold", "realign_run", gone(BOLD), rf"{BOLD}: cannot be read as an image \(No such .+\)"),
    ("no mask", "roi_voxels", gone(V1), rf"{V1}: cannot be read as an image \(No such .+\)"),
    ("matrix lost", "realign_run", gone(MATRIX), rf"{MATRIX}: not a readable matrix \(.+\)"),
    ("matrix of other words", "realign_run", text(MATRIX, "1 0 x"),
     rf"{MATRIX}: not a readable matrix \(.+\)"),
    ("matrix of another shape", "realign_run", text(MATRIX, "1 0 0\n"),
     rf"{MATRIX}: shape \(3,\), expected 4 x 4 finite numbers"),
    pytest.param("no right to read", "realign_run", forbidden(BOLD),
                 rf"{BOLD}: cannot be read as an image \(Could not read file.+\)",
                 marks=needs_permissions),
    pytest.param("no right to read events", "samples", forbidden(EVENTS),
                 rf"{EVENTS}: not a readable TSV file \(.*Permission denied.*\)",
                 marks=needs_permissions),
    ("events after the scan, before it is read", "blocks", events(("40.0\t8.0", "40.0\t18.0")),
     f"{EVENTS}: the last event ends at 58 s, the scan of 24 volumes at 48 s"),
    ("unknown stimulus, before scans are read", "blocks", events(("1.000002", "1.000003")),
     f"{EVENTS}: unknown stimulus '1.000003'; the table has 2, similar: '1.000002', '1.000001'"),
    ("repetition time, before scans are read", "blocks", text(SIDECAR, '{"RepetitionTime": 1.5}'),
     f"{BOLD}: the header says 2 s a volume, {Path(SIDECAR).name} says 1.5 s"),
    ("run without stimuli", "blocks", events(("8.0\t1\t", "8.0\t2\t")),
     f"{EVENTS}: no stimulus blocks in a run of 5 events"),
    ("events after the scan", "samples", events(("40.0\t8.0", "40.0\t18.0")),
     f"{EVENTS}: the last event ends at 58 s, the scan of 24 volumes at 48 s"),
    ("events that overlap", "samples", events(("24.0\t8.0", "23.0\t9.0")),
     f"{EVENTS}: row 4: begins at 23 s, before the end of the event above it at 24 s"),
    ("events out of order", "samples", events(("16.0\t8.0", "24.5\t7.0"), ("24.0\t8", "16.0\t8")),
     f"{EVENTS}: row 4: begins at 16 s, before the end of the event above it at 31.5 s"),
    ("onset that is no number", "samples", events(("24.0\t", "late\t")),
     f"{EVENTS}: row 4: onset is 'late', expected a number"),
    ("onset that is NaN", "samples", events(("24.0\t", "n/a\t")),
     f"{EVENTS}: row 4: onset is 'n/a', expected a number"),
    ("unknown stimulus", "samples", events(("1.000002", "1.000003")),
     f"{EVENTS}: unknown stimulus '1.000003'; the table has 2, similar: '1.000002', '1.000001'"),
    ("no initial rest", "samples", events(("\t-1\t", "\t-3\t")),
     f"{EVENTS}: the first event has event_type -3, expected a rest .+"),
    ("empty events", "samples", text(EVENTS, ""),
     rf"{EVENTS}: not a readable TSV file \(it is empty\)"),
    ("events without rows", "samples", text(EVENTS, EVENT_ROWS.partition("\n")[0] + "\n"),
     f"{EVENTS}: no events"),
    ("no events", "samples", gone(EVENTS), f"{EVENTS}: not a readable TSV file .+"),
    ("empty confounds", "samples", text(CONFOUNDS, ""),
     rf"{CONFOUNDS}: not a readable TSV file \(it is empty\)"),
    ("confounds without rows", "samples", text(CONFOUNDS, "trans_x\n"),
     f"{CONFOUNDS}: no rows, expected one for each volume"),
    ("empty stimulus table", "samples", text(TABLE, ""),
     rf"{TABLE}: not a readable TSV file \(it is empty\)"),
    ("stimulus table without rows", "samples", text(TABLE, "stimulus_id\tfile\n"),
     f"{TABLE}: no stimuli"),
    ("no stimulus table", "import_stimuli", gone(TABLE), f"{TABLE}: not a readable TSV file .+"),
    ("stimulus that is no picture", "import_stimuli", text("stimuli/1.000001.png", "not a picture"),
     "stimuli/1.000001.png: cannot be read as an image .+"),
    ("motion of another run", "samples", fewer_rows(CONFOUNDS),
     f"{EVENTS}: 23 rows of confounds, but 24 volumes"),
    ("confounds of another run", "read_fmriprep_run", fewer_rows(PREPROC_CONFOUNDS),
     f"{PREPROC_CONFOUNDS}: 23 rows, but {PREPROC_BOLD} has 24 volumes"),
    ("no confounds", "read_fmriprep_run", gone(PREPROC_CONFOUNDS),
     f"{PREPROC_CONFOUNDS}: no such file, expected the confounds of the run"),
    ("BData that is no HDF5", "import_samples", text(LAB, "not HDF5"),
     rf"{LAB}: not a readable HDF5 file of BData \(.+\)"),
    ("BData cut off", "import_samples", cut(LAB),
     rf"{LAB}: not a readable HDF5 file of BData \(.+\)"),
    ("BData without samples", "import_samples", without_key(LAB, "dataset"),
     f"{LAB}: no dataset; found metadata, vmap"),
    ("BData without keys", "import_samples", without_key(LAB, "metadata/key"),
     f"{LAB}: no metadata/key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "spoil", "expected"),
    [
        pytest.param(*case.values[1:], id=case.values[0], marks=case.marks)
        if hasattr(case, "marks")
        else pytest.param(*case[1:], id=case[0])
        for case in CASES
    ],
)
def test_bad_input(study, capsys, script, spoil, expected):
    spoil()
    check_line(run_lines(script, capsys), script, expected)
    assert not Path(script).exists()


def test_cut_off_run_is_found_before_its_motion(study, capsys):
    cut(BOLD)()
    lines = run_lines("realign_run", capsys, params={"motion_correction": "gauss_newton"})
    check_line(lines, "realign_run", f"{BOLD}: {ENDED}")
    assert not Path("realign_run").exists()


def test_a_data_set_with_fewer_blocks_than_it_has_is_refused_before_scans_are_read(study, capsys):
    lines = run_lines("blocks", capsys, params={"dataset": "ds001506"})
    expected = "sub-01: unlike ds001506: perceptionNaturalImageTest has 3 samples, expected 1200"
    check_line(lines, "blocks", expected)


def test_blocks_without_scans_to_hold_them_against(study):
    """As with fMRIPrep's derivatives, whose raw scans may lie elsewhere."""
    execute("blocks", {"bold": [], "sidecars": []}, {})
    table = pd.read_csv("blocks/blocks.tsv", sep="\t", dtype=str)
    assert table["stimulus_id"].tolist() == ["1.000001", "1.000002", "1.000001"]
    assert table["onset"].tolist() == ["16", "24", "32"]


def test_duplicate_runs_are_refused_at_planning(study):
    plain = BOLD.removesuffix(".gz")
    nib.save(nib.load(BOLD), plain)
    with pytest.raises(InputError) as error:
        find_runs("raw", "sub-01")
    assert str(error.value) == f"{BOLD}: the same run as {plain}"


def test_masks_on_other_grids_are_carried_to_the_bold_grid(study):
    image(V2, lambda mask: mask[:-1], move=3.0)()
    before = read_voxels(VOXELS)
    execute("roi_voxels", {"reference": REFERENCE, "matrix": MATRIX}, {})
    carried = read_voxels(VOXELS)
    np.testing.assert_array_equal(carried.ijk, before.ijk)
    np.testing.assert_array_equal(carried.members["V2"], before.members["V2"])


@pytest.mark.parametrize("cleaning", [{}, {"normalize": "zscore", "baseline": "run"}])
def test_constant_voxels_of_a_run_become_samples_near_zero(study, cleaning):
    place = read_voxels(VOXELS).ijk[0]

    def still(run: np.ndarray) -> np.ndarray:
        run = run.copy()
        run[*place] = 500.0
        return run

    image(BOLD, still)()
    execute("realign_run", {}, {})
    execute("samples", {}, {"cleaning": cleaning})
    samples = read_bdata("samples/samples.h5").select("VoxelData")
    assert np.abs(samples[:, 0]).max() < 1e-3 < np.abs(samples[:, 1:]).max(axis=0).min()


@pytest.mark.parametrize("cleaning", [{}, {"normalize": "zscore", "baseline": "run"}])
def test_voxels_without_signal_are_zero_and_counted(study, cleaning):
    series, seconds, start = read_series(SERIES)
    series[:, 0], series[:, 1], series[5, 2] = 500.0, 0.0, np.nan
    write_series(SERIES, series, seconds, start, {})
    execute("samples", {}, {"cleaning": cleaning})
    samples = read_bdata("samples/samples.h5").select("VoxelData")
    np.testing.assert_allclose(samples[:, :3], 0.0, atol=1e-9)
    assert np.isfinite(samples).all() and np.abs(samples[:, 3:]).max(axis=0).min() > 0
    n_counted = 3 if cleaning else 2  # the percent change of a constant signal is sound
    assert f"{n_counted} of {series.shape[1]} voxels" in log_of("samples").read_text()


@pytest.mark.parametrize("path", [EVENTS, CONFOUNDS, TABLE])
@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda content: content.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda content: "\ufeff" + content, id="BOM"),
        pytest.param(lambda content: content.replace("\n", "\tmore\n"), id="more columns"),
    ],
)
def test_spellings_of_tables_give_the_same_samples(study, path, spelling):
    before, content = Path("samples/samples.h5").read_bytes(), Path(path).read_text()
    write_text(path, spelling(content))
    shutil.rmtree("samples")
    execute("samples", {}, {})
    assert Path("samples/samples.h5").read_bytes() == before
    assert log_of("samples").read_text() == ""


# Script, what it writes with, the output at which it fails, those that it had finished.
FULL_DISKS = [
    ("motion_reference", "nibabel", "reference.nii.gz", []),
    ("realign_run", "pandas", "confounds.tsv", []),
    ("realign_run", "h5py", "quality.h5", ["confounds.tsv"]),
    ("samples", "h5py", "samples.h5", ["overlaps.tsv", "rois.tsv", "sets.tsv"]),
    ("import_samples", "h5py", "samples.h5", ["overlaps.tsv", "rois.tsv", "sets.tsv"]),
    ("roi_voxels", "h5py", "voxels.h5", []),
]


def half_an_image(image: object, path: Path) -> None:
    path.write_text("half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_a_table(table: object, path: Path, **_: object) -> None:
    half_an_image(table, path)


def half_a_file(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


WRITERS = {
    "nibabel": (nib, "save", half_an_image),
    "pandas": (pd.DataFrame, "to_csv", half_a_table),
    "h5py": (h5py.AttributeManager, "update", half_a_file),
}


@pytest.mark.parametrize(("script", "writer", "failing", "finished_before"), FULL_DISKS)
def test_full_disk(study, capsys, monkeypatch, script, writer, failing, finished_before):
    monkeypatch.setattr(*WRITERS[writer])
    expected = f"{script}/{failing}: No space left on device"
    check_line(run_lines(script, capsys), script, expected)
    assert files(script) == finished_before


# Script, the size that files can have, the output at which it fails, those that it had finished.
LIMITS = [
    ("motion_reference", 2000, "reference.nii.gz", []),
    ("roi_voxels", 2000, "voxels.h5", []),
    ("samples", 2000, "samples.h5", ["overlaps.tsv", "rois.tsv", "sets.tsv"]),
    ("realign_run", 100, "confounds.tsv", []),
]


def run_limited(script: str, n_bytes: int) -> subprocess.CompletedProcess[str]:
    """Run a script in a process that cannot write more than some bytes into a file."""
    shutil.rmtree(script)
    log_of(script).unlink()
    code = f"from {__name__} import limited; limited({script!r}, {n_bytes})"
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("script", "n_bytes", "failing", "finished_before"), LIMITS)
def test_disk_that_is_really_full(study, script, n_bytes, failing, finished_before):
    done = run_limited(script, n_bytes)
    assert done.returncode == 1, done.stderr
    check_line(done.stderr.splitlines(), script, f"{script}/{failing}: File too large")
    assert log_of(script).read_text() == done.stderr
    assert files(script) == finished_before


def test_the_line_reaches_the_screen_where_the_log_is_on_the_full_disk_too(study):
    done = run_limited("roi_voxels", 0)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    check_line(lines, "roi_voxels", "roi_voxels/voxels.h5: File too large")
    assert log_of("roi_voxels").read_text() == ""
    assert files("roi_voxels") == []


def test_hdf5_that_needs_more_than_its_cache_survives_a_full_disk(tmp_path):
    """As a file of features: HDF5 reads back what it could not write, and fails in other ways."""
    code = (
        "import resource; from deeprecon.hdf5 import writing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    with writing('names.h5') as file:\n"
        "        for i in range(5000): file[f'vmap/{i % 7}/{i}'] = b'name'\n"
        "except OSError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[Errno 27] File too large: 'names.h5'\n"
    assert list(tmp_path.iterdir()) == []


def test_other_errors_keep_their_traceback(study, capsys, monkeypatch):
    monkeypatch.setattr(nib, "save", lambda *_: [][0])
    lines = run_lines("motion_reference", capsys)
    assert lines[0] == "motion_reference: unexpected error"
    assert lines[-1] == "IndexError: list index out of range"


CHARACTERS = list('\t\n\r" -.07enxé\x00\x85\ufeff')
NUMBERS = ["-1", "0", "1e400", "nan", "-0.0", "8.0", "1e9", "2", "0x10", "", "n/a", "9" * 20]


def mutated(content: str, rng: np.random.Generator) -> str:
    """The text with one character, line, tab or number deleted, doubled, swapped or replaced."""
    unit = rng.choice(["character", "line", "tab", "number"])
    pattern = {"character": r"(?s).", "line": r".*\n", "tab": r"\t", "number": r"-?\d+\.?\d*"}[unit]
    spans = [match.span() for match in re.finditer(pattern, content)]
    if len(spans) < 2:
        return content
    i, j = sorted(rng.choice(len(spans), 2, replace=False))
    (a, b), (c, d) = spans[i], spans[j]
    new = rng.choice(NUMBERS if unit == "number" else CHARACTERS)
    return {
        "delete": content[:a] + content[b:],
        "double": content[:b] + content[a:],
        "swap": content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:],
        "replace": content[:a] + new + content[b:],
    }[rng.choice(["delete", "double", "swap", "replace"])]


def check_events(table: pd.DataFrame) -> None:
    """What `read_events` promises."""
    assert {"onset", "duration", "event_type", "stimulus_id"} <= set(table.columns)
    assert len(table) > 0 and table["event_type"].dtype == int
    onset, duration = table["onset"].to_numpy(), table["duration"].to_numpy()
    assert onset.dtype == duration.dtype == float
    assert np.isfinite(onset).all() and np.isfinite(duration).all()
    assert (onset >= 0).all() and (duration >= 0).all()
    assert (onset[:-1] + duration[:-1] <= onset[1:] + TOLERANCE).all()
    np.testing.assert_array_equal(table["stimulus_id"].isna(), table["event_type"] < 0)


def test_events_that_are_spoilt_at_random_are_read_or_refused_in_one_line(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    rng = np.random.default_rng(0)
    path = tmp_path / "sub-01_task-b_events.tsv"
    n_read = 0
    for _ in range(300):
        content = EVENT_ROWS
        for _ in range(rng.integers(1, 4)):
            content = mutated(content, rng)
        path.write_bytes(content.encode())
        try:
            table = read_events(path)
        except InputError as error:
            assert str(error).startswith(f"{path}: ") and len(str(error).splitlines()) == 1
        else:
            n_read += 1
            check_events(table)
    assert 30 < n_read < 270
