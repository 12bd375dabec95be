"""Files within preprocessing: ROI voxels and T1w matrix of a subject, and what is read of a run."""

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
    """Read what `write_voxels` wrote."""
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
    path : HDF5 file for `series` (n_volumes, n_voxels)
    repetition_time, start : s, as attributes; see `samples.preprocess_run`
    """
    times = {"repetition_time": repetition_time, "start": start}
    with writing(path) as file:
        file["series"] = series
        file.attrs.update({**attributes, **times})


def read_series(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], float, float]:
    """Read the time series (n_volumes, n_voxels), the repetition time and the start, s."""
    with reading(path, "time series") as file:
        times = file.attrs["repetition_time"], file.attrs["start"]
        return file["series"][:], float(times[0]), float(times[1])


def write_matrix(path: str | os.PathLike[str], matrix: NDArray[np.float64]) -> None:
    """Write where the T1w image lies in the BOLD reference: (4, 4), world to world, mm."""
    with replacing(path) as temporary:
        np.savetxt(temporary, matrix, header="T1w world (mm) to BOLD reference world (mm)")


def read_matrix(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Read what `write_matrix` wrote.

    Raises
    ------
    InputError
        If the file is not there or holds anything but a 4 x 4 matrix of numbers.
    """
    try:
        matrix: NDArray[np.float64] = np.loadtxt(path, np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable matrix ({reason(error)})") from None
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(f"{path}: shape {matrix.shape}, expected 4 x 4 finite numbers")
    return matrix


def motion_table(motion: NDArray[np.float64]) -> pd.DataFrame:
    """Motion parameters (n_volumes, 6) in the columns of fMRIPrep's confounds, with displacement.

    trans_x, trans_y, trans_z in mm, rot_x, rot_y, rot_z in radians, framewise_displacement in mm.
    """
    table = pd.DataFrame(motion, columns=MOTION6)
    table["framewise_displacement"] = framewise_displacement(motion)
    return table


def write_table(path: str | os.PathLike[str], table: pd.DataFrame) -> None:
    """Write a table as TSV, missing values as n/a."""
    with replacing(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.8g", na_rep="n/a")
