"""Files within preprocessing: the ROI voxels of a subject, and the voxel time series of a run."""

import os
from collections.abc import Mapping

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.atomic import replacing
from deeprecon.preprocess.quality import framewise_displacement
from deeprecon.preprocess.rois import VoxelTable

MOTION_COLUMNS = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]


def write_voxels(
    path: str | os.PathLike[str], voxels: VoxelTable, attributes: Mapping[str, str]
) -> None:
    """Write `xyz` (n_voxels, 3) mm, `ijk` (n_voxels, 3) and `members/{ROI}` (n_voxels,)."""
    with replacing(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        file["xyz"], file["ijk"] = voxels.xyz, voxels.ijk
        members = file.create_group("members", track_order=True)
        for name, mask in voxels.members.items():
            members[name] = mask
        file.attrs.update(attributes)


def read_voxels(path: str | os.PathLike[str]) -> VoxelTable:
    """Read what `write_voxels` wrote."""
    with h5py.File(path, "r") as file:
        members = {name: mask[:] for name, mask in file["members"].items()}
        return VoxelTable(file["xyz"][:], file["ijk"][:], members)


def write_run(
    path: str | os.PathLike[str],
    motion_path: str | os.PathLike[str],
    series: NDArray[np.float32],
    motion: NDArray[np.float64],
    repetition_time: float,
    attributes: Mapping[str, str | float],
) -> None:
    """Write the time series of a run, and its motion as a table of its own.

    Parameters
    ----------
    path : HDF5 file for `series` (n_volumes, n_voxels)
    motion_path : TSV file; mm, radians, and framewise displacement in mm
    series : (n_volumes, n_voxels)
    motion : (n_volumes, 6)
    repetition_time : s
    """
    table = pd.DataFrame(motion, columns=MOTION_COLUMNS)
    table["framewise_displacement"] = framewise_displacement(motion)
    with replacing(motion_path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6f")
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file["series"] = series
        file.attrs.update({**attributes, "repetition_time": repetition_time})


def read_run(
    path: str | os.PathLike[str], motion_path: str | os.PathLike[str]
) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
    """Read time series (n_volumes, n_voxels), motion (n_volumes, 6) and repetition time (s)."""
    motion = pd.read_csv(motion_path, sep="\t")[MOTION_COLUMNS].to_numpy(float)
    with h5py.File(path, "r") as file:
        return file["series"][:], motion, float(file.attrs["repetition_time"])
