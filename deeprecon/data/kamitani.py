"""Samples in BData files of the Kamitani lab, read into the same table as samples of raw scans.

There is one file per stimulus set. The files of Shen et al. (2019), figshare 7033577 (preprocessed
without fMRIPrep) and 21564384 (with fMRIPrep), differ in their columns. Some have stimulus_id, some
have several columns called Label, and some have stimulus_name with names. Not all have Session, Run
and Block.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.bdata import VOXELS, BData, read_bdata, read_keys
from deeprecon.data.blocks import repetitions
from deeprecon.data.events import check_known
from deeprecon.errors import InputError

logger = logging.getLogger(__name__)

LABELS = ("stimulus_id", "Label", "stimulus_name", "image_index")
_VIVIDNESS = ("vividness", "evaluation")
_PREFIX = "ROI_"
# If Label has several columns, the second is the stimulus (brain-decoding-cookbook).
_LABEL_COLUMN = 1


@dataclass(frozen=True)
class _Voxels:
    """Positions and ROIs of the voxels of a file."""

    positions: dict[str, NDArray[np.float64]]  # voxel_x, ... -> (n_voxels,), NaN if unknown
    rois: dict[str, NDArray[np.bool_]]  # key with its ROI_ prefix -> (n_voxels,)


def roi_names(path: str | PathLike[str]) -> list[str]:
    """Read the names of the ROIs in a BData file, without their prefix ROI_.

    Raises
    ------
    InputError
        If the file cannot be read or has no ROI.
    """
    names = [key.removeprefix(_PREFIX) for key in read_keys(path) if key.startswith(_PREFIX)]
    if not names:
        raise InputError(f"{path}: no ROI: no key begins with {_PREFIX}")
    return names


def import_samples(files: Mapping[str, Path], label: str | None = None) -> BData:
    """Read the samples of a subject from BData files.

    Numeric ids are written as in the events of the data set: 1518878.005958 with six decimals, 19
    without. Sessions are named after their set, such as natural-01, because their numbers restart
    in each file. Runs are numbered over the subject, and blocks from 1 within their run, whether or
    not the numbers in the file restart. A file without Session or Run counts as one session or one
    run, and in a file without Block each row is a block.

    Parameters
    ----------
    files : stimulus set -> BData file of the subject
    label : key that identifies the stimuli; by default the first key of `LABELS` in the file

    Returns
    -------
    BData
        Rows of all files, in order, with the columns of `preprocess.assemble`; unknown positions
        are NaN.

    Raises
    ------
    InputError
        If a file has no voxels, samples, ROIs or stimuli; if a value is not finite; or if voxels or
        ROIs differ between files.
    """
    if not files:
        raise InputError("no BData files to take samples from")
    values: list[NDArray[np.float64]] = []
    rows: list[pd.DataFrame] = []
    voxels: list[_Voxels] = []
    first = next(iter(files.values()))
    for name, path in files.items():
        data = read_bdata(path)
        _check_voxels(data, path)
        voxels.append(_voxels(data))
        _check_same_voxels(first, voxels[0], path, voxels[-1])
        values.append(data.select(VOXELS))
        rows.append(_rows(data, name, path, label))
    samples = pd.concat(rows, ignore_index=True)
    samples["run"] = pd.factorize(pd.MultiIndex.from_frame(samples[["set", "session", "run"]]))[0]
    samples["block"] = samples.groupby("run")["block"].transform(lambda of: pd.factorize(of)[0])
    labels: dict[str, Sequence[str] | NDArray[np.float64]] = {
        "stimulus_set": samples["set"].tolist(),
        "stimulus_id": samples["stimulus_id"].tolist(),
        "Session": samples["session"].tolist(),
        "Run": samples["run"].to_numpy(float) + 1.0,
        "Block": samples["block"].to_numpy(float) + 1.0,
        "repetition": repetitions(samples),
        "vividness": samples["vividness"].to_numpy(float),
    }
    return BData.from_columns(np.vstack(values), labels, voxels[0].rois, voxels[0].positions)


def check_stimuli(
    data: BData, files: Mapping[str, Path], known: Mapping[str, Sequence[str]]
) -> None:
    """Refuse samples of a stimulus that is not in the table of its set.

    Parameters
    ----------
    data : samples from `import_samples`
    files : stimulus set -> BData file, for the message
    known : stimulus set -> stimulus ids of its table

    Raises
    ------
    InputError
        It names the file and the stimulus.
    """
    sets, ids = data.labels("stimulus_set"), data.labels("stimulus_id")
    for name, path in files.items():
        shown = [key for key, own in zip(ids, sets, strict=True) if own == name]
        check_known(shown, known[name], path)


def _check_voxels(data: BData, path: Path) -> None:
    """Refuse a file without voxels, samples or ROIs, and values that are not finite."""
    if VOXELS not in data.metadata:
        raise InputError(f"{path}: no key {VOXELS}; found {', '.join(data.metadata) or 'none'}")
    on_voxels = data.columns(VOXELS)
    n_samples, n_voxels = len(data.dataset), int(on_voxels.sum())
    if not n_samples or not n_voxels:
        raise InputError(f"{path}: {n_samples} samples of {n_voxels} voxels, expected some")
    if not any(key.startswith(_PREFIX) for key in data.metadata):
        raise InputError(f"{path}: no ROI: no key begins with {_PREFIX}")
    # Column by column, to avoid a second array of the size of the samples.
    for i, column in enumerate(np.flatnonzero(on_voxels)):
        values = data.dataset[:, column]
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(
                f"{path}: row {row + 1}: voxel {i + 1} is {values[row]}, expected a finite number"
            )


def _voxels(data: BData) -> _Voxels:
    """Read positions and ROIs of the voxels."""
    unknown = np.full(int(data.columns(VOXELS).sum()), np.nan)
    keys = [f"voxel_{axis}" for axis in "xyzijk"]
    return _Voxels(
        {key: data.value(key) if key in data.metadata else unknown for key in keys},
        {key: data.value(key) == 1.0 for key in data.metadata if key.startswith(_PREFIX)},
    )


def _check_same_voxels(path: Path, voxels: _Voxels, other: Path, others: _Voxels) -> None:
    """Refuse a file whose voxels or ROIs differ from those of the first file."""
    both = f"{path} and {other}"
    n_voxels, n_others = (len(of.positions["voxel_x"]) for of in (voxels, others))
    if n_voxels != n_others:
        raise InputError(f"{both}: {n_voxels} and {n_others} voxels, expected the same")
    for key, position in voxels.positions.items():
        if not np.array_equal(position, others.positions[key], equal_nan=True):
            raise InputError(f"{both}: {key} differs, expected the same voxels")
    for key in [*voxels.rois, *others.rois]:
        for of, rois in ((path, voxels.rois), (other, others.rois)):
            if key not in rois:
                raise InputError(f"{both}: {of.name} has no {key}, expected the same ROIs")
        differ = int((voxels.rois[key] != others.rois[key]).sum())
        if differ:
            raise InputError(f"{both}: {key} differs in {differ} voxels, expected the same ROIs")


def _rows(data: BData, name: str, path: Path, label: str | None) -> pd.DataFrame:
    """Describe the samples of one file: set, session, run, block, stimulus_id, vividness."""
    n_samples = len(data.dataset)
    return pd.DataFrame(
        {
            "set": name,
            "session": _sessions(data, name, path),
            "run": _counter(data, "Run", path, np.ones(n_samples)),
            "block": _counter(data, "Block", path, np.arange(n_samples, dtype=float)),
            "stimulus_id": _stimuli(data, path, label),
            "vividness": _vividness(data),
        }
    )


def _sessions(data: BData, name: str, path: Path) -> list[str]:
    """Session of each sample: its name in the file, otherwise its set and number."""
    if "Session" in data.vmap:
        return data.labels("Session")
    numbers = _counter(data, "Session", path, np.ones(len(data.dataset)))
    return [f"{name}-{number:02.0f}" for number in numbers]


def _counter(
    data: BData, key: str, path: Path, missing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Read a column of numbers, or return a substitute if the file does not have it."""
    if key not in data.metadata:
        logger.warning("%s: no %s", path, key)
        return missing
    column = data.get(key)
    if column.ndim != 1 or np.isnan(column).any():
        raise InputError(f"{path}: {key}: expected one column without missing values")
    return column


def _vividness(data: BData) -> NDArray[np.float64]:
    """Vividness ratings of imagery (1-5); NaN for other samples."""
    key = next((key for key in _VIVIDNESS if key in data.metadata), None)
    return data.get(key) if key else np.full(len(data.dataset), np.nan)


def _stimuli(data: BData, path: Path, label: str | None) -> list[str]:
    """Stimulus id of each sample."""
    key = label or next((key for key in LABELS if key in data.metadata), None)
    if key is None or key not in data.metadata:
        wanted = label or ", ".join(LABELS)
        found = ", ".join(key for key in data.metadata if not key.startswith(_PREFIX))
        raise InputError(f"{path}: no key for the stimuli, expected {wanted}; found {found}")
    column = data.get(key)
    if column.ndim == 2 and column.shape[1] > _LABEL_COLUMN:
        column = column[:, _LABEL_COLUMN]
    if column.ndim != 1:
        raise InputError(f"{path}: {key} has no column")
    if np.isnan(column).any():
        row = int(np.flatnonzero(np.isnan(column))[0]) + 1
        raise InputError(f"{path}: row {row}: {key} has no value, expected a stimulus")
    try:
        return data.labels(key) if key in data.vmap else numbered_ids(column)
    except InputError as error:
        raise InputError(f"{path}: {key}: {error}") from None


def numbered_ids(numbers: NDArray[np.float64]) -> list[str]:
    """Restore stimulus ids from numbers, which have lost their trailing zeros.

    Parameters
    ----------
    numbers : (n_samples,) array of whole numbers, or of <synset>.<six-digit image number>

    Raises
    ------
    InputError
        If a number has more than six decimals, because two ids could become one.

    Examples
    --------
    >>> numbered_ids(np.array([1621127.01902, 3767745.000109]))
    ['1621127.019020', '3767745.000109']
    >>> numbered_ids(np.array([19.0, 7.0]))
    ['19', '7']
    """
    decimals = 6 if (numbers % 1.0).any() else 0
    ids = [f"{number:.{decimals}f}" for number in numbers]
    for number, text in zip(numbers, ids, strict=True):
        # Doubles near 10^7 are 2e-9 apart.
        if abs(number - float(text)) > 1e-8:
            raise InputError(f"found the id {number!r}, expected at most six decimals")
    return ids
