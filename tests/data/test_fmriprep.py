import json
import shlex
import subprocess

import nibabel as nib
import numpy as np
import pytest

from deeprecon.data.bids import BoldRun
from deeprecon.data.fmriprep import (
    FmriprepRun,
    find_derivatives,
    find_preproc_t1w,
    fmriprep_command,
    timing,
)
from deeprecon.errors import InputError


def raw_run(root, stem="sub-01_ses-a_task-b_run-01", session="ses-a"):
    folder = root / "raw" / "sub-01" / session / "func"
    return BoldRun(
        "sub-01", session, "b", "01", folder / f"{stem}_bold.nii.gz", folder / f"{stem}_events.tsv"
    )


def derivatives(root, *names, session="ses-a"):
    folder = root / "out" / "sub-01" / session / "func"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


# As fMRIPrep names what it makes of a run in T1w space, with what lies beside it.
STEM = "sub-01_ses-a_task-b_run-01"
NAMES = (
    f"{STEM}_desc-confounds_timeseries.tsv",
    f"{STEM}_desc-confounds_timeseries.json",
    f"{STEM}_space-T1w_boldref.nii.gz",
    f"{STEM}_space-T1w_desc-brain_mask.nii.gz",
    f"{STEM}_space-T1w_desc-preproc_bold.json",
    f"{STEM}_space-T1w_desc-preproc_bold.nii.gz",
    f"{STEM}_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz",
    f"{STEM}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz",
    f"{STEM}_space-fsLR_den-91k_bold.dtseries.nii",
    "sub-01_ses-a_task-b_run-10_space-T1w_desc-preproc_bold.nii.gz",
    "sub-01_ses-a_task-c_run-01_space-T1w_desc-preproc_bold.nii.gz",
    "sub-01_ses-a_task-b_acq-x_run-01_space-T1w_desc-preproc_bold.nii.gz",
)


def test_files_of_a_run(tmp_path):
    folder = derivatives(tmp_path, *NAMES)
    found = find_derivatives(tmp_path / "out", raw_run(tmp_path))
    assert found == FmriprepRun(
        folder / f"{STEM}_space-T1w_desc-preproc_bold.nii.gz",
        folder / f"{STEM}_space-T1w_desc-brain_mask.nii.gz",
        folder / f"{STEM}_desc-confounds_timeseries.tsv",
        folder / f"{STEM}_space-T1w_desc-preproc_bold.json",
    )
    other = find_derivatives(tmp_path / "out", raw_run(tmp_path), "MNI152NLin2009cAsym")
    assert other.bold.name == f"{STEM}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    assert other.sidecar is None


def test_names_of_old_versions_and_of_data_sets_without_sessions(tmp_path):
    stem = "sub-01_task-b_dir-AP_run-1"
    folder = derivatives(
        tmp_path,
        f"{stem}_desc-confounds_regressors.tsv",
        f"{stem}_space-T1w_desc-preproc_bold.nii.gz",
        session="",
    )
    run = raw_run(tmp_path, "sub-01_task-b_dir-AP_run-01", session="")
    found = find_derivatives(tmp_path / "out", run)
    assert found.bold == folder / f"{stem}_space-T1w_desc-preproc_bold.nii.gz"
    assert found.confounds == folder / f"{stem}_desc-confounds_regressors.tsv"
    assert (found.mask, found.sidecar) == (None, None)


def test_resolutions(tmp_path):
    for res in ("1", "2"):
        derivatives(
            tmp_path,
            f"{STEM}_desc-confounds_timeseries.tsv",
            f"{STEM}_space-MNI_res-{res}_desc-preproc_bold.nii.gz",
            f"{STEM}_space-MNI_res-{res}_desc-brain_mask.nii.gz",
        )
    found = find_derivatives(tmp_path / "out", raw_run(tmp_path), "MNI:res-2")
    assert found.bold.name == f"{STEM}_space-MNI_res-2_desc-preproc_bold.nii.gz"
    assert found.mask.name == f"{STEM}_space-MNI_res-2_desc-brain_mask.nii.gz"
    with pytest.raises(InputError, match=r"run-01 exists in MNI:res-1, MNI:res-2, expected one$"):
        find_derivatives(tmp_path / "out", raw_run(tmp_path), "MNI")
    with pytest.raises(
        InputError, match=r"no .*space-MNI:res-3.*; found space MNI:res-1, MNI:res-2"
    ):
        find_derivatives(tmp_path / "out", raw_run(tmp_path), "MNI:res-3")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            [f"{STEM}_space-MNI_desc-preproc_bold.nii.gz"],
            r"no \*_space-T1w_desc-preproc_bold\.nii\.gz of sub-01_ses-a.*; found space MNI",
        ),
        (NAMES[9:], "no .*; found none in any space"),
        (
            [f"{STEM}_space-T1w_desc-preproc_bold.nii.gz"],
            "run-01_desc-confounds_timeseries.tsv: no such file",
        ),
    ],
)
def test_missing_derivatives(tmp_path, names, message):
    derivatives(tmp_path, *names)
    with pytest.raises(InputError, match=message):
        find_derivatives(tmp_path / "out", raw_run(tmp_path))


def test_missing_subject(tmp_path):
    with pytest.raises(InputError, match="out: no such folder"):
        find_derivatives(tmp_path / "out", raw_run(tmp_path))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub-02").mkdir()
    (tmp_path / "out" / "sub-01.html").touch()
    with pytest.raises(InputError, match=r"no subject 'sub-01'; found sub-02$"):
        find_derivatives(tmp_path / "out", raw_run(tmp_path))


@pytest.mark.parametrize("session", ["", "ses-a"])
def test_preprocessed_t1w(tmp_path, session):
    folder = tmp_path / "sub-01" / session / "anat"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match=r"expected one \*_desc-preproc_T1w\.nii\.gz, found none"):
        find_preproc_t1w(tmp_path, "sub-01")
    stem = "_".join(part for part in ("sub-01", session) if part)
    for name in (
        "desc-preproc_T1w",
        "space-MNI152NLin2009cAsym_desc-preproc_T1w",
        "desc-brain_mask",
    ):
        (folder / f"{stem}_{name}.nii.gz").touch()
    assert find_preproc_t1w(tmp_path, "sub-01") == folder / f"{stem}_desc-preproc_T1w.nii.gz"
    found = find_preproc_t1w(tmp_path, "sub-01", "MNI152NLin2009cAsym:res-2")
    assert found == folder / f"{stem}_space-MNI152NLin2009cAsym_desc-preproc_T1w.nii.gz"
    with pytest.raises(InputError, match=r"expected one .*space-MNI6.*, found none"):
        find_preproc_t1w(tmp_path, "sub-01", "MNI6")
    (folder / f"{stem}_acq-x_desc-preproc_T1w.nii.gz").touch()
    with pytest.raises(InputError, match="acq-x_desc-preproc_T1w"):
        find_preproc_t1w(tmp_path, "sub-01")


def preprocessed(root, sidecar, raw_sidecar=None, in_header=2.0):
    """A run of two volumes, with sidecars as given."""
    raw = raw_run(root).bold
    raw.parent.mkdir(parents=True)
    if raw_sidecar is not None:
        (root / "raw" / "task-b_bold.json").write_text(json.dumps(raw_sidecar))
    bold = root / f"{STEM}_space-T1w_desc-preproc_bold.nii.gz"
    image = nib.Nifti1Image(np.zeros((2, 2, 2, 2), np.int16), np.eye(4))
    image.header.set_zooms((1, 1, 1, in_header))
    nib.save(image, bold)
    path = root / "bold.json"
    if sidecar is not None:
        path.write_text(json.dumps(sidecar))
    return FmriprepRun(bold, None, root / "x.tsv", path if sidecar is not None else None), raw


@pytest.mark.parametrize(
    ("sidecar", "raw_sidecar", "start"),
    [
        ({"RepetitionTime": 2.0, "SliceTimingCorrected": False}, None, 0.0),
        # Slices of ds001506 last from 0 to 1.9 s; their middle is fMRIPrep's default.
        ({"RepetitionTime": 2.0, "SliceTimingCorrected": True, "StartTime": 0.95}, None, -0.05),
        ({"RepetitionTime": 2, "StartTime": 0}, None, -1.0),
        ({"TaskName": "b"}, {"RepetitionTime": 2.0}, 0.0),
        (None, {"RepetitionTime": 2.0}, 0.0),
    ],
)
def test_timing(tmp_path, sidecar, raw_sidecar, start):
    seconds, found = timing(*preprocessed(tmp_path, sidecar, raw_sidecar))
    assert seconds == 2.0
    assert found == pytest.approx(start, abs=1e-12)


@pytest.mark.parametrize(
    ("sidecar", "raw_sidecar", "message"),
    [
        (None, None, "no sidecar"),
        (None, {}, "no RepetitionTime"),
        ({"RepetitionTime": 1.0}, None, r"the header says 2 s a volume, bold\.json says 1 s"),
        ({"RepetitionTime": "2"}, None, r"bold\.json: RepetitionTime is '2', expected a number"),
        ([], None, r"bold\.json: a list, expected keys"),
        ({"RepetitionTime": 2.0, "StartTime": None}, None, "StartTime is None, expected a number"),
        ({"RepetitionTime": 2.0, "StartTime": 950}, None, "StartTime is 950 s, expected 0 or more"),
    ],
)
def test_bad_timing(tmp_path, sidecar, raw_sidecar, message):
    with pytest.raises(InputError, match=message):
        timing(*preprocessed(tmp_path, sidecar, raw_sidecar))


SETTINGS = {
    "image": "docker://nipreps/fmriprep:1",
    "bids": "/data/my study/raw",
    "output": "/data/my study/fmri'prep",
    "work": "/scratch/$USER",
    "license": "/home/a b/license.txt",
    "subject": "sub-01",
    "space": "T1w",
    "threads": 8,
    "mem_mb": 32000,
}
OPTIONS = [
    "/bids", "/output", "participant", "--participant-label", "01", "--output-spaces", "T1w",
    "--fs-license-file", "/license.txt", "--work-dir", "/work", "--nprocs", "8",
    "--omp-nthreads", "8", "--mem-mb", "32000", "--notrack",
]  # fmt: skip


def words_run(command, tmp_path):
    """What a shell passes to mkdir and to the container's engine."""
    for name in ("mkdir", "apptainer", "docker"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\nprintf "%s\\0" "${0##*/}" "$@"\nprintf "\\n\\0"\n')
        program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    calls = done.stdout.split("\n\0")
    return [call.split("\0")[:-1] for call in calls if call]


def test_command_for_apptainer(tmp_path):
    command = fmriprep_command("apptainer", **SETTINGS, extra="--skip-bids-validation --x 'a b'")
    folders, run = words_run(command, tmp_path)
    assert folders == ["mkdir", "-p", "/data/my study/fmri'prep", "/scratch/$USER/sub-01"]
    assert run == [
        "apptainer", "run", "--cleanenv",
        "--bind", "/data/my study/raw:/bids:ro",
        "--bind", "/data/my study/fmri'prep:/output:rw",
        "--bind", "/scratch/$USER/sub-01:/work:rw",
        "--bind", "/home/a b/license.txt:/license.txt:ro",
        "docker://nipreps/fmriprep:1", *OPTIONS, "--skip-bids-validation", "--x", "a b",
    ]  # fmt: skip


def test_command_for_docker(tmp_path):
    _, run = words_run(fmriprep_command("docker", **SETTINGS), tmp_path)
    user = run.index("--user") + 1
    assert run[:3] == ["docker", "run", "--rm"]
    assert [part.isdecimal() for part in run[user].split(":")] == [True, True]
    assert run[user + 1 :] == [
        "--volume", "/data/my study/raw:/bids:ro",
        "--volume", "/data/my study/fmri'prep:/output:rw",
        "--volume", "/scratch/$USER/sub-01:/work:rw",
        "--volume", "/home/a b/license.txt:/license.txt:ro",
        "nipreps/fmriprep:1", *OPTIONS,
    ]  # fmt: skip


def test_command_takes_relative_folders_and_placeholders(tmp_path, monkeypatch):
    """Docker would take a relative folder for the name of a volume."""
    monkeypatch.chdir(tmp_path)
    given = SETTINGS | {"output": "results/x", "subject": "{subject}", "threads": "{threads}"}
    command = fmriprep_command("docker", **given).format(subject="sub-02", threads=4)
    words = shlex.split(command)
    assert f"{tmp_path}/results/x:/output:rw" in words
    assert "/scratch/$USER/sub-02:/work:rw" in words
    assert words[words.index("--participant-label") + 1] == "sub-02"  # fMRIPrep drops the prefix
    assert words[words.index("--nprocs") + 1] == "4"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "podman"}, "unknown engine 'podman'; known: apptainer, docker"),
        ({"bids": "/data/a:b"}, "/data/a:b: .* cannot bind a path with a colon or comma"),
        ({"license": "/data/a,b"}, "/data/a,b: .* cannot bind"),
        ({"extra": "--x 'a"}, 'options "--x \'a": No closing quotation'),
    ],
)
def test_bad_commands(change, message):
    with pytest.raises(InputError, match=message):
        fmriprep_command(**({"engine": "apptainer"} | SETTINGS | change))
