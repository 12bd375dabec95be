"""Properties of a run from its header and its JSON sidecars."""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from deeprecon.data.bids import entities
from deeprecon.errors import InputError

_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
TR_TOLERANCE = 1e-3  # s


def repetition_time(bold: str | os.PathLike[str]) -> float:
    """Repetition time (s) of a run, read from its sidecar and checked against its header.

    Parameters
    ----------
    bold : BOLD file with its sidecar

    Raises
    ------
    InputError
        If there is no sidecar with a positive RepetitionTime, the image cannot be read (a DataLad
        clone contains links to scans that are not fetched yet), or the header differs.
    """
    return check_repetition_time(*sidecar_value(bold, "RepetitionTime"), Path(bold))


def run_length(bold: str | os.PathLike[str]) -> tuple[int, float]:
    """Number of volumes and repetition time (s) of a run; errors as for `repetition_time`."""
    seconds = repetition_time(bold)
    return _load_header(Path(bold))[0][3], seconds


def check_repetition_time(seconds: Any, described: Path, bold: Path) -> float:
    """Check a repetition time from a JSON file against the header of the run.

    Parameters
    ----------
    seconds : value of RepetitionTime
    described : JSON file with this value
    bold : BOLD file of the run

    Returns
    -------
    repetition time : s

    Raises
    ------
    InputError
        If the value is not a positive number, or the header differs or cannot be read.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InputError(f"{described}: RepetitionTime is {seconds!r}, expected a number")
    if not seconds > 0:  # NaN too
        raise InputError(f"{described}: RepetitionTime is {seconds:g} s, expected more than 0")
    in_header = _load_header(bold)[1]
    if not abs(in_header - seconds) <= TR_TOLERANCE:  # also if the header contains NaN
        raise InputError(
            f"{bold}: the header says {in_header:g} s a volume, {described.name} says {seconds:g} s"
        )
    return float(seconds)


def _load_header(bold: Path) -> tuple[tuple[int, ...], float]:
    """Read shape and repetition time (s) from the header of a run."""
    try:
        header: Any = nib.load(bold).header
        unit = header.get_xyzt_units()[1]
    except (OSError, zlib.error, KeyError, ImageFileError, HeaderDataError) as error:
        raise InputError(f"{bold}: not a readable NIfTI image, or not fetched ({error})") from None
    zooms = header.get_zooms()
    if len(zooms) != 4:
        raise InputError(f"{bold}: found {len(zooms)} dimensions, expected 4")
    return header.get_data_shape(), float(zooms[3]) * _SECONDS.get(unit, 1.0)


def slice_times(bold: str | os.PathLike[str]) -> tuple[NDArray[np.float64], int]:
    """Acquisition times of the slices of a run, from SliceTiming in its sidecar.

    Parameters
    ----------
    bold : 4-D NIfTI file with its sidecar

    Returns
    -------
    times : (n_slices,) array
        s from the start of a volume, in the order of the slices in the image. If
        SliceEncodingDirection is reversed ("k-"), the times are reversed too.
    axis : int
        Slice axis: 2 unless SliceEncodingDirection is "i" or "j".

    Raises
    ------
    InputError
        If the slice times are missing, differ in number from the slices, or are not all between 0
        and the repetition time.
    """
    bold, tr = Path(bold), repetition_time(bold)
    given, described = sidecar_value(bold, "SliceTiming")
    direction, _ = sidecar_value(bold, "SliceEncodingDirection", "k")
    if direction not in ("i", "i-", "j", "j-", "k", "k-"):
        raise InputError(
            f"{described}: SliceEncodingDirection is {direction!r}, expected i, j or k, with or "
            "without a minus sign after it"
        )
    axis = "ijk".index(direction[0])
    try:
        times = np.array(given, np.float64)
    except (TypeError, ValueError):
        times = np.empty((0, 0))
    if times.ndim != 1:
        raise InputError(f"{described}: SliceTiming is not a list of numbers")
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
    """Find the JSON files that apply to a run, by the BIDS inheritance principle.

    They are in the folder of the run or above it, up to the root of the data set. They have the
    suffix of the run and no entity that the run lacks.

    Parameters
    ----------
    bold : BOLD file of the run

    Returns
    -------
    files, the most specific one first: `sub-01_task-b_run-01_bold.json` before `task-b_bold.json`

    Raises
    ------
    InputError
        If no file applies.
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
    """Look up a key in the sidecars of a run, the most specific one first.

    Parameters
    ----------
    bold : BOLD file of the run
    key : key such as "RepetitionTime"
    default : value if no sidecar has the key

    Returns
    -------
    value : value of the key
    file : sidecar with this value

    Raises
    ------
    InputError
        If there is no sidecar, a sidecar cannot be read, or the key is missing without a default.
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
    """Read a JSON file that contains one object.

    Raises
    ------
    InputError
        If the file cannot be read or contains anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: a {type(content).__name__}, expected keys with values")
    return content
