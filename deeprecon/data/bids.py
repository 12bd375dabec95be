"""Find the files of a raw BIDS data set: runs with their events, anatomy, ROI masks."""

import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from deeprecon.errors import InputError

_NAME = re.compile(r"(?P<entities>(?:[A-Za-z]+-[A-Za-z0-9]+_)*)(?P<suffix>[A-Za-z0-9]+)\.\w+.*")
_MASK = re.compile(r".+_mask_(?:[LR]H_)?(?P<name>[A-Za-z0-9]+)\.nii(?:\.gz)?")
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
TR_TOLERANCE = 1e-3  # s


@dataclass(frozen=True)
class BoldRun:
    """One run: subject and session with their prefixes, task and run number as written.

    Session and run are empty where a data set has none.
    """

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
        >>> BoldRun("sub-01", "", "perception", "", Path(), Path()).name
        'task-perception'
        """
        run = f"run-{self.run}" if self.run else ""
        return "_".join(part for part in (self.session, f"task-{self.task}", run) if part)


def entities(name: str) -> dict[str, str] | None:
    """Entities of a BIDS file name and its suffix, or None if it is no such name.

    >>> entities("sub-01_task-rest_run-2_bold.nii.gz")
    {'sub': '01', 'task': 'rest', 'run': '2', 'suffix': 'bold'}
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    pairs = re.findall(r"([^_-]+)-([^_]+)_", match["entities"])
    return dict(pairs) | {"suffix": match["suffix"]}


def find_images(folder: Path, pattern: str) -> list[Path]:
    """The NIfTI files in a folder that are like a pattern without its extension, sorted."""
    return sorted([*folder.glob(f"{pattern}.nii"), *folder.glob(f"{pattern}.nii.gz")])


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort key by which run 10 comes after run 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def subject_folder(root: str | os.PathLike[str], subject: str) -> Path:
    """The subject's folder.

    Raises
    ------
    InputError
        If the data set or the subject is not there; it names the subjects that are.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder, expected a BIDS data set")
    if not (root / subject).is_dir():
        there = sorted(path.name for path in root.glob("sub-*") if path.is_dir())
        raise InputError(f"{root}: no subject {subject!r}; found {', '.join(there) or 'none'}")
    return root / subject


def _run_of(path: Path, subject: str) -> BoldRun:
    """The run that a BOLD file in a subject's folders is, by its name."""
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
    """All BOLD runs of a subject with their events, by session, task and run number.

    How many runs a session has differs between subjects, and run numbers restart in each session.
    Data sets without sessions (`sub-01/func`) or without run numbers are taken, and so are other
    entities in the names (acq-, dir- ...), but they do not tell two runs apart.

    Raises
    ------
    InputError
        If the data set, the subject or all runs are missing, a run has no events file, two files
        are the same run, a file is one of several echoes, or a file name and its folders disagree.
    """
    folder = subject_folder(root, subject)
    runs: dict[tuple[str, str, int], BoldRun] = {}
    for path in [*find_images(folder, "func/*_bold"), *find_images(folder, "ses-*/func/*_bold")]:
        run = _run_of(path, subject)
        key = (run.session, run.task, int(run.run or -1))  # for BIDS run-1 is run-01
        if key in runs:
            raise InputError(f"{path}: the same run as {runs[key].bold}")
        if not run.events.is_file():
            raise InputError(f"{path}: no events file {run.events.name} beside it")
        runs[key] = run
    if not runs:
        raise InputError(f"{folder}: no runs func/*_bold.nii.gz or ses-*/func/*_bold.nii.gz")
    return [runs[key] for key in sorted(runs, key=lambda k: (_natural(k[0]), _natural(k[1]), k[2]))]


def _load_header(bold: Path) -> tuple[tuple[int, ...], float]:
    """Shape and repetition time (s) in the header of a run."""
    try:
        header: Any = nib.load(bold).header
        unit = header.get_xyzt_units()[1]
    except (OSError, zlib.error, KeyError, ImageFileError, HeaderDataError) as error:
        raise InputError(f"{bold}: not a readable NIfTI image, or not fetched ({error})") from None
    zooms = header.get_zooms()
    if len(zooms) != 4:
        raise InputError(f"{bold}: found {len(zooms)} dimensions, expected 4")
    return header.get_data_shape(), float(zooms[3]) * _SECONDS.get(unit, 1.0)


def check_repetition_time(seconds: Any, described: Path, bold: Path) -> float:
    """A repetition time from a JSON file as a number of seconds, checked against the header.

    Parameters
    ----------
    seconds : value of RepetitionTime
    described : the JSON file that gives it
    bold : the run

    Raises
    ------
    InputError
        If it is no number above 0, or the run's header says something else or cannot be read.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InputError(f"{described}: RepetitionTime is {seconds!r}, expected a number")
    if not seconds > 0:  # NaN too
        raise InputError(f"{described}: RepetitionTime is {seconds:g} s, expected more than 0")
    in_header = _load_header(bold)[1]
    if not abs(in_header - seconds) <= TR_TOLERANCE:  # also when the header holds NaN
        raise InputError(
            f"{bold}: the header says {in_header:g} s a volume, {described.name} says {seconds:g} s"
        )
    return float(seconds)


def repetition_time(bold: str | os.PathLike[str]) -> float:
    """Repetition time of a run in s, from its sidecar and checked against its header.

    Raises
    ------
    InputError
        If there is no sidecar with a RepetitionTime above 0, the image cannot be read (a clone
        by DataLad holds links to scans not yet fetched), or its header says something else.
    """
    return check_repetition_time(*sidecar_value(bold, "RepetitionTime"), Path(bold))


def run_length(bold: str | os.PathLike[str]) -> tuple[int, float]:
    """Volumes of a run and its repetition time in s; errors as of `repetition_time`."""
    seconds = repetition_time(bold)
    return _load_header(Path(bold))[0][3], seconds


def slice_times(bold: str | os.PathLike[str]) -> tuple[NDArray[np.float64], int]:
    """When the slices of a run are acquired, from SliceTiming of its sidecar.

    Parameters
    ----------
    bold : 4-D NIfTI file, with its sidecar

    Returns
    -------
    times : (n_slices,) array
        s from the start of a volume, in the order of the slices in the image: where
        SliceEncodingDirection is reversed ("k-"), so are the times.
    axis : int
        Of the slices: 2 unless SliceEncodingDirection says "i" or "j".

    Raises
    ------
    InputError
        If there are no slice times, not one for each slice, or not all from 0 to less than the
        repetition time.
    """
    bold, tr = Path(bold), repetition_time(bold)
    given, described = sidecar_value(bold, "SliceTiming")
    direction, _ = sidecar_value(bold, "SliceEncodingDirection", "k")
    if direction not in ("i", "i-", "j", "j-", "k", "k-"):
        raise InputError(
            f"{described}: SliceEncodingDirection is {direction!r}, expected i, j or k, or one of "
            "them with a minus after it"
        )
    axis = "ijk".index(direction[0])
    try:
        times = np.array(given, np.float64)
    except (TypeError, ValueError):
        times = np.empty((0, 0))
    if times.ndim != 1:
        raise InputError(f"{described}: SliceTiming is no list of numbers")
    n_slices = _load_header(bold)[0][axis]
    if len(times) != n_slices:
        raise InputError(
            f"{described}: {len(times)} slice times, but {bold.name} has {n_slices} slices along "
            f"{direction[0]}"
        )
    bad = times[~((times >= 0) & (times < tr))]  # NaN too
    if len(bad):
        raise InputError(
            f"{described}: a slice time of {bad[0]:g} s, expected 0 or more and less than the "
            f"repetition time of {tr:g} s"
        )
    return (times[::-1].copy() if direction.endswith("-") else times), axis


def find_sidecars(bold: str | os.PathLike[str]) -> list[Path]:
    """The JSON files that describe a run, the most specific first (BIDS inheritance principle).

    Those in the run's folder and above it, up to the data set, of the same suffix and with no
    entity that the run does not have: `sub-01_task-b_run-01_bold.json` before `task-b_bold.json`.

    Raises
    ------
    InputError
        If there is none.
    """
    bold = Path(bold)
    own = entities(bold.name)
    if own is None:
        raise InputError(f"{bold}: expected a name like sub-01_task-b_run-01_bold.nii.gz")
    parents = list(bold.parents)
    is_root = [(folder / f"sub-{own.get('sub')}").is_dir() for folder in parents]
    found: list[Path] = []
    for folder in parents[: is_root.index(True) + 1 if True in is_root else 1]:
        paths = sorted(folder.glob(f"*{own['suffix']}.json"))
        given = {path: entities(path.name) or {"": ""} for path in paths}
        applying = [path for path in paths if given[path].items() <= own.items()]
        found += sorted(applying, key=lambda path: -len(given[path]))
    if not found:
        beside = bold.name.partition(".nii")[0] + ".json"
        above = f"task-{own.get('task')}_{own['suffix']}.json"
        raise InputError(f"{bold}: no sidecar {beside}, nor {above} above it")
    return found


def sidecar_value(bold: str | os.PathLike[str], key: str, default: Any = None) -> tuple[Any, Path]:
    """What the sidecars of a run say of a key, and which of them says it.

    Parameters
    ----------
    bold : NIfTI file
    key : such as "RepetitionTime"
    default : value where no sidecar has the key

    Raises
    ------
    InputError
        If there is no sidecar, one cannot be read, or none has the key and there is no default.
    """
    paths = find_sidecars(bold)
    for path in paths:
        content = read_json(path)
        if key in content:
            return content[key], path
    if default is None:
        raise InputError(f"{paths[0]}: no {key}")
    return default, paths[0]


def read_json(path: Path) -> dict[str, Any]:
    """The keys of a JSON file.

    Raises
    ------
    InputError
        If it cannot be read or holds something else than keys.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: a {type(content).__name__}, expected keys with values")
    return content


def find_sidecar(bold: str | os.PathLike[str]) -> Path:
    """The most specific JSON file that describes a run, see `find_sidecars`."""
    return find_sidecars(bold)[0]


def only_image(folder: Path, found: list[Path], kind: str) -> Path:
    """The one file that was found.

    Parameters
    ----------
    folder : where it was looked for
    found : what is there
    kind : name of what is expected

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    if len(found) != 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found) or "none"
        raise InputError(f"{folder}: expected one {kind}.nii.gz, found {names}")
    return found[0]


def find_anatomy(root: str | os.PathLike[str], subject: str) -> Path:
    """The T1-weighted image of a subject.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    folder = subject_folder(root, subject)
    found = [*find_images(folder, "anat/*_T1w"), *find_images(folder, "ses-*/anat/*_T1w")]
    return only_image(folder, found, "*_T1w")


def find_inplane(root: str | os.PathLike[str], subject: str, session: str) -> Path:
    """The T2-weighted image in the planes of the BOLD slices of a session.

    Parameters
    ----------
    root : BIDS data set
    subject, session : with their prefixes; session is empty in a data set without sessions

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    folder = subject_folder(root, subject) / session
    return only_image(folder, find_images(folder, "anat/*_inplaneT2"), "anat/*_inplaneT2")


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
    for path in find_images(folder, f"{subject}_mask_*"):
        match = _MASK.fullmatch(path.name)
        if match:
            masks.setdefault(match["name"], []).append(path)
    if not masks:
        raise InputError(f"{folder}: no ROI masks {subject}_mask_{{LH,RH}}_<region>.nii.gz")
    return masks
