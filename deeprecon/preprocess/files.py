"""Intermediate files of preprocessing: ROI voxels, T1w matrix, and time series of runs."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.atomic import replacing
from deeprecon.errors import InputError, reason
from deeprecon.hdf5 import reading, writing
from deeprecon.preprocess.confounds import MOTION6
from deeprecon.preprocess.quality import framewise_displacement
from deeprecon.preprocess.rois import VoxelTable


def write_voxels(
    path: str | os.PathLike[str], voxels: VoxelTable, attributes: Mapping[str, str]
) -> None:
    """Write `xyz` (n_voxels, 3) mm, `ijk` (n_voxels, 3) and `members/{ROI}` (n_voxels,)."""
    with writing(path, track_order=True) as file:
        file["xyz"], file["ijk"] = voxels.xyz, voxels.ijk
        members = file.create_group("members", track_order=True)
        for name, mask in voxels.members.items():
            members[name] = mask
        file.attrs.update(attributes)


def read_voxels(path: str | os.PathLike[str]) -> VoxelTable:
    """Read a file written by `write_voxels`."""
    with reading(path, "voxels") as file:
        members = {name: mask[:] for name, mask in file["members"].items()}
        return VoxelTable(file["xyz"][:], file["ijk"][:], members)


def write_series(
    path: str | os.PathLike[str],
    series: NDArray[np.float32],
    repetition_time: float,
    start: float,
    attributes: Mapping[str, str],
) -> None:
    """Write the time series of a run at the ROI voxels.

    Parameters
    ----------
    path : HDF5 file
    series : (n_volumes, n_voxels) array
    repetition_time, start : s, see `samples.preprocess_run`; written as attributes
    attributes : further attributes of the file
    """
    times = {"repetition_time": repetition_time, "start": start}
    with writing(path) as file:
        file["series"] = series
        file.attrs.update({**attributes, **times})


def read_series(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], float, float]:
    """Read a time series (n_volumes, n_voxels), its repetition time and its start (s)."""
    with reading(path, "time series") as file:
        times = file.attrs["repetition_time"], file.attrs["start"]
        return file["series"][:], float(times[0]), float(times[1])


def write_matrix(path: str | os.PathLike[str], matrix: NDArray[np.float64]) -> None:
    """Write the (4, 4) matrix from T1w to BOLD reference world coordinates, mm."""
    with replacing(path) as temporary:
        np.savetxt(temporary, matrix, header="T1w world (mm) to BOLD reference world (mm)")


def read_matrix(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Read a file written by `write_matrix`.

    Raises
    ------
    InputError
        If the file does not exist or is not a 4 x 4 matrix of finite numbers.
    """
    try:
        matrix: NDArray[np.float64] = np.loadtxt(path, np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable matrix ({reason(error)})") from None
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(f"{path}: shape {matrix.shape}, expected 4 x 4 finite numbers")
    return matrix


def motion_table(motion: NDArray[np.float64]) -> pd.DataFrame:
    """Make a table of motion parameters and framewise displacement, named as by fMRIPrep.

    Parameters
    ----------
    motion : (n_volumes, 6) array, mm and radians, see `realign.estimate_motion`
    """
    table = pd.DataFrame(motion, columns=MOTION6)
    table["framewise_displacement"] = framewise_displacement(motion)
    return table
