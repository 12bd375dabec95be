"""Find the files of a raw BIDS data set: runs with their events, anatomy, ROI masks."""

import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from deeprecon.errors import InputError

_BOLD = re.compile(
    r"(?P<subject>sub-[A-Za-z0-9]+)_(?P<session>ses-[A-Za-z0-9]+)_task-(?P<task>[A-Za-z0-9]+)"
    r"(?:_[a-z]+-[A-Za-z0-9]+)*?_run-(?P<run>[0-9]+)(?:_[a-z]+-[A-Za-z0-9]+)*?_bold\.nii(?:\.gz)?"
)
_MASK = re.compile(r".+_mask_(?:[LR]H_)?(?P<name>[A-Za-z0-9]+)\.nii(?:\.gz)?")
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
TR_TOLERANCE = 1e-3  # s


@dataclass(frozen=True)
class BoldRun:
    """One run: subject and session with their prefixes, task and run number as written."""

    subject: str
    session: str
    task: str
    run: str
    bold: Path
    events: Path

    @property
    def name(self) -> str:
        """Unique within a subject.

        >>> BoldRun("sub-01", "ses-a01", "perception", "02", Path(), Path()).name
        'ses-a01_task-perception_run-02'
        """
        return f"{self.session}_task-{self.task}_run-{self.run}"


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort key by which run 10 comes after run 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def _subject_folder(root: str | os.PathLike[str], subject: str) -> Path:
    """The subject's folder, or an InputError that names what is there instead."""
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder, expected a BIDS data set")
    if not (root / subject).is_dir():
        there = sorted(path.name for path in root.glob("sub-*"))
        raise InputError(f"{root}: no subject {subject!r}; found {', '.join(there) or 'none'}")
    return root / subject


def find_runs(root: str | os.PathLike[str], subject: str) -> list[BoldRun]:
    """All BOLD runs of a subject with their events, by session, task and run number.

    How many runs a session has differs between subjects, and run numbers restart in each session.

    Raises
    ------
    InputError
        If the data set, the subject or all runs are missing, a run has no events file, two files
        are the same run, or a file name and its folders disagree.
    """
    folder = _subject_folder(root, subject)
    runs: dict[tuple[str, str, int], BoldRun] = {}
    pattern = "ses-*/func/*_bold.nii"
    for path in sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.gz")]):
        match = _BOLD.fullmatch(path.name)
        if match is None:
            raise InputError(
                f"{path}: expected a name like sub-01_ses-a01_task-b_run-01_bold.nii.gz"
            )
        events = path.with_name(path.name.partition("_bold.nii")[0] + "_events.tsv")
        run = BoldRun(**match.groupdict(), bold=path, events=events)
        if (run.subject, run.session) != (subject, path.parents[1].name):
            raise InputError(f"{path}: named {run.subject}_{run.session}, unlike its folders")
        key = (run.session, run.task, int(run.run))  # for BIDS run-1 is run-01
        if key in runs:
            raise InputError(f"{path}: the same run as {runs[key].bold}")
        if not events.is_file():
            raise InputError(f"{path}: no events file {events.name} beside it")
        runs[key] = run
    if not runs:
        raise InputError(f"{folder}: no runs ses-*/func/*_bold.nii.gz")
    return [runs[key] for key in sorted(runs, key=lambda k: (_natural(k[0]), _natural(k[1]), k[2]))]


def repetition_time(bold: str | os.PathLike[str]) -> float:
    """Repetition time of a run in s, from its sidecar and checked against its header.

    Raises
    ------
    InputError
        If there is no sidecar with a RepetitionTime above 0, the image cannot be read (a clone
        by DataLad holds links to scans not yet fetched), or its header says something else.
    """
    bold = Path(bold)
    described = find_sidecar(bold)
    try:
        content = json.loads(described.read_text(encoding="utf-8"))
        seconds = float(content["RepetitionTime"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{described}: no readable RepetitionTime ({error})") from None
    if not seconds > 0:  # NaN too
        raise InputError(f"{described}: RepetitionTime is {seconds:g} s, expected more than 0")
    try:
        header: Any = nib.load(bold).header
        unit = header.get_xyzt_units()[1]
    except (OSError, zlib.error, KeyError, ImageFileError, HeaderDataError) as error:
        raise InputError(f"{bold}: not a readable NIfTI image, or not fetched ({error})") from None
    zooms = header.get_zooms()
    if len(zooms) != 4:
        raise InputError(f"{bold}: found {len(zooms)} dimensions, expected 4")
    in_header = float(zooms[3]) * _SECONDS.get(unit, 1.0)
    if not abs(in_header - seconds) <= TR_TOLERANCE:  # also when the header holds NaN
        raise InputError(
            f"{bold}: the header says {in_header:g} s a volume, {described.name} says {seconds:g} s"
        )
    return seconds


def find_sidecar(bold: str | os.PathLike[str]) -> Path:
    """The JSON file that describes a run: beside it, or `task-<task>_bold.json` above.

    Raises
    ------
    InputError
        If there is none.
    """
    bold = Path(bold)
    match = _BOLD.fullmatch(bold.name)
    task = match["task"] if match else ""
    beside = bold.with_name(bold.name.partition(".nii")[0] + ".json")
    inherited = [folder / f"task-{task}_bold.json" for folder in list(bold.parents)[:4]]
    for path in (beside, *inherited):
        if path.is_file():
            return path
    raise InputError(f"{bold}: no sidecar {beside.name}, nor task-{task}_bold.json above it")


def find_anatomy(root: str | os.PathLike[str], subject: str) -> Path:
    """The T1-weighted image of a subject.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    folder = _subject_folder(root, subject)
    found = sorted([*folder.glob("anat/*_T1w.nii*"), *folder.glob("ses-*/anat/*_T1w.nii*")])
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder}: expected one *_T1w.nii.gz, found {names}")
    return found[0]


def find_roi_masks(root: str | os.PathLike[str], subject: str) -> dict[str, list[Path]]:
    """Mask files of each region as ds001506 ships them, both hemispheres together.

    `sourcedata/sub-01/anat/sub-01_mask_{LH,RH}_{region}.nii.gz`

    Raises
    ------
    InputError
        If there are none.
    """
    folder = Path(root) / "sourcedata" / subject / "anat"
    masks: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(f"{subject}_mask_*.nii*")):
        match = _MASK.fullmatch(path.name)
        if match:
            masks.setdefault(match["name"], []).append(path)
    if not masks:
        raise InputError(f"{folder}: no ROI masks {subject}_mask_{{LH,RH}}_<region>.nii.gz")
    return masks
