"""Find the files of a raw BIDS data set: runs with their events, anatomical images, ROI masks."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from deeprecon.errors import InputError

_NAME = re.compile(r"(?P<entities>(?:[A-Za-z]+-[A-Za-z0-9]+_)*)(?P<suffix>[A-Za-z0-9]+)\.\w+.*")
_MASK = re.compile(r".+_mask_(?:[LR]H_)?(?P<name>[A-Za-z0-9]+)\.nii(?:\.gz)?")


@dataclass(frozen=True)
class BoldRun:
    """One run.

    Subject and session have their prefixes, task and run number have none. Session and run are
    empty in a data set without them.
    """

    subject: str
    session: str
    task: str
    run: str
    bold: Path
    events: Path

    @property
    def name(self) -> str:
        """Name of the run, unique within a subject.

        >>> BoldRun("sub-01", "ses-a01", "perception", "02", Path(), Path()).name
        'ses-a01_task-perception_run-02'
        >>> BoldRun("sub-01", "", "perception", "", Path(), Path()).name
        'task-perception'
        """
        run = f"run-{self.run}" if self.run else ""
        return "_".join(part for part in (self.session, f"task-{self.task}", run) if part)


def entities(name: str) -> dict[str, str] | None:
    """Entities and suffix of a BIDS file name, or None for any other name.

    >>> entities("sub-01_task-rest_run-2_bold.nii.gz")
    {'sub': '01', 'task': 'rest', 'run': '2', 'suffix': 'bold'}
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    pairs = re.findall(r"([^_-]+)-([^_]+)_", match["entities"])
    return dict(pairs) | {"suffix": match["suffix"]}


def find_images(folder: Path, pattern: str) -> list[Path]:
    """Find NIfTI files by a pattern without extension; sorted."""
    return sorted([*folder.glob(f"{pattern}.nii"), *folder.glob(f"{pattern}.nii.gz")])


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort key that puts run 10 after run 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def subject_folder(root: str | os.PathLike[str], subject: str) -> Path:
    """Find the folder of a subject.

    Parameters
    ----------
    root : BIDS data set
    subject : name with its prefix, such as "sub-01"

    Raises
    ------
    InputError
        If the data set or the subject does not exist; it names the subjects that do.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder, expected a BIDS data set")
    if not (root / subject).is_dir():
        there = sorted(path.name for path in root.glob("sub-*") if path.is_dir())
        raise InputError(f"{root}: no subject {subject!r}; found {', '.join(there) or 'none'}")
    return root / subject


def _run_of(path: Path, subject: str) -> BoldRun:
    """Make a run from the name of a BOLD file in a subject's folders."""
    found = entities(path.name) or {}
    if not {"sub", "task"} <= found.keys() or not found.get("run", "0").isdecimal():
        raise InputError(
            f"{path}: expected a name like sub-01_task-b_bold.nii.gz or "
            "sub-01_ses-a01_task-b_run-01_bold.nii.gz"
        )
    if "echo" in found:
        raise InputError(
            f"{path}: one echo of several; combine the echoes of each run into one file first"
        )
    session = f"ses-{found['ses']}" if "ses" in found else ""
    above = path.parents[1].name
    if (f"sub-{found['sub']}", session) != (subject, above if above != subject else ""):
        named = "_".join(part for part in (f"sub-{found['sub']}", session) if part)
        raise InputError(f"{path}: named {named}, unlike its folders")
    events = path.with_name(path.name.partition("_bold.nii")[0] + "_events.tsv")
    return BoldRun(subject, session, found["task"], found.get("run", ""), path, events)


def find_runs(root: str | os.PathLike[str], subject: str) -> list[BoldRun]:
    """Find all BOLD runs of a subject and their events, sorted by session, task and run number.

    The number of runs per session may differ between subjects, and run numbers restart in each
    session. Data sets may lack sessions (`sub-01/func`) or run numbers. Other entities in the names
    (acq-, dir- ...) are allowed, but do not distinguish two runs.

    Parameters
    ----------
    root : BIDS data set
    subject : name with its prefix

    Raises
    ------
    InputError
        If the data set, the subject or all runs are missing; a run has no events file; two files
        belong to the same run; a file is one of several echoes; or a file name and its folders
        disagree.
    """
    folder = subject_folder(root, subject)
    runs: dict[tuple[str, str, int], BoldRun] = {}
    for path in [*find_images(folder, "func/*_bold"), *find_images(folder, "ses-*/func/*_bold")]:
        run = _run_of(path, subject)
        key = (run.session, run.task, int(run.run or -1))  # in BIDS, run-1 and run-01 are the same
        if key in runs:
            raise InputError(f"{path}: the same run as {runs[key].bold}")
        if not run.events.is_file():
            raise InputError(f"{path}: no events file {run.events.name} beside it")
        runs[key] = run
    if not runs:
        raise InputError(f"{folder}: no runs func/*_bold.nii.gz or ses-*/func/*_bold.nii.gz")
    return [runs[key] for key in sorted(runs, key=lambda k: (_natural(k[0]), _natural(k[1]), k[2]))]


def only_image(folder: Path, found: list[Path], kind: str) -> Path:
    """Return the only file that was found.

    Parameters
    ----------
    folder : folder that was searched
    found : files in it
    kind : name of the expected file, for the message

    Raises
    ------
    InputError
        If there is no file or more than one.
    """
    if len(found) != 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found) or "none"
        raise InputError(f"{folder}: expected one {kind}.nii.gz, found {names}")
    return found[0]


def find_anatomy(root: str | os.PathLike[str], subject: str) -> Path:
    """Find the T1-weighted image of a subject.

    Parameters
    ----------
    root : BIDS data set
    subject : name with its prefix

    Raises
    ------
    InputError
        If there is no such image or more than one.
    """
    folder = subject_folder(root, subject)
    found = [*find_images(folder, "anat/*_T1w"), *find_images(folder, "ses-*/anat/*_T1w")]
    return only_image(folder, found, "*_T1w")


def find_inplane(root: str | os.PathLike[str], subject: str, session: str) -> Path:
    """Find the T2-weighted image of a session, acquired in the planes of its BOLD slices.

    Parameters
    ----------
    root : BIDS data set
    subject, session : names with their prefixes; session is empty in a data set without sessions

    Raises
    ------
    InputError
        If there is no such image or more than one.
    """
    folder = subject_folder(root, subject) / session
    return only_image(folder, find_images(folder, "anat/*_inplaneT2"), "anat/*_inplaneT2")


def find_roi_masks(root: str | os.PathLike[str], subject: str) -> dict[str, list[Path]]:
    """Find the mask files of each ROI, of both hemispheres together, where ds001506 has them.

    `sourcedata/sub-01/anat/sub-01_mask_{LH,RH}_{ROI}.nii.gz`

    Parameters
    ----------
    root : BIDS data set
    subject : name with its prefix

    Raises
    ------
    InputError
        If there are no masks.
    """
    folder = Path(root) / "sourcedata" / subject / "anat"
    masks: dict[str, list[Path]] = {}
    for path in find_images(folder, f"{subject}_mask_*"):
        match = _MASK.fullmatch(path.name)
        if match:
            masks.setdefault(match["name"], []).append(path)
    if not masks:
        raise InputError(f"{folder}: no ROI masks {subject}_mask_{{LH,RH}}_<region>.nii.gz")
    return masks
