"""Read one run: its time series at the ROI voxels, its confounds and its quality."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from deeprecon.data.fmriprep import FmriprepRun, timing
from deeprecon.data.images import image_values, load_image, read_volumes, readable_image
from deeprecon.data.sidecars import repetition_time, slice_times
from deeprecon.data.tsv import read_tsv
from deeprecon.errors import InputError, about
from deeprecon.preprocess.confounds import MOTION6, read_confounds
from deeprecon.preprocess.files import motion_table, write_series
from deeprecon.preprocess.motion import run_motion
from deeprecon.preprocess.quality import HeadGrid, RunQuality, run_quality, write_quality
from deeprecon.preprocess.rigid import FloatArray, grid_centre, motion_parameters
from deeprecon.preprocess.slices import correct_slice_times
from deeprecon.preprocess.voxels import voxel_time_series
from deeprecon.tables import write_table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunData:
    """Everything that later stages need from a run."""

    series: NDArray[np.float32]  # (n_volumes, n_voxels), raw signal at the ROI voxels
    repetition_time: float  # s
    start: float  # s, start of the first volume, see `samples.preprocess_run`
    confounds: pd.DataFrame  # n_volumes rows, columns named as by fMRIPrep
    quality: RunQuality


def read_raw_run(
    bold: str | PathLike[str],
    reference: nib.spatialimages.SpatialImage,
    xyz: FloatArray,
    head: HeadGrid,
    *,
    motion_correction: str,
    slice_timing: bool,
    dummy_scan_duration: float,
) -> RunData:
    """Correct the motion of a raw run and read it at the voxels, with a single interpolation.

    Parameters
    ----------
    bold : 4-D NIfTI file with its sidecar
    reference : 3-D image with which all runs of the subject are aligned
    xyz : (n_voxels, 3) world coordinates of the reference, mm
    head : points for quality control
    motion_correction : see `motion.run_motion`
    slice_timing : whether to interpolate slices to the middle of their volume
    dummy_scan_duration : time at the start that quality control leaves out, s

    Raises
    ------
    InputError
        If a file cannot be read or is not the expected one.
    """
    img, seconds = load_image(bold), repetition_time(bold)
    matrices = run_motion(img, reference, motion_correction)
    centre = grid_centre(reference.shape, reference.affine)
    motion = np.array([motion_parameters(matrix, centre) for matrix in matrices])
    volumes = _slice_corrected(img, bold, seconds) if slice_timing else read_volumes(img)
    points = np.vstack([xyz, head.xyz])
    series = voxel_time_series(volumes, img.affine, matrices, points)
    quality = run_quality(series[:, len(xyz) :], motion, seconds, dummy_scan_duration, head)
    return RunData(series[:, : len(xyz)], seconds, 0.0, motion_table(motion), quality)


def _slice_corrected(
    img: nib.spatialimages.SpatialImage, bold: str | PathLike[str], seconds: float
) -> Iterator[NDArray[np.float32]]:
    """Yield the volumes of a run with corrected slice times; the whole run is in memory."""
    times, axis = slice_times(bold)
    run = np.empty(img.shape, np.float32)
    for i, volume in enumerate(read_volumes(img)):
        run[..., i] = volume
    with about(bold):
        correct_slice_times(run, times, seconds, axis)
    return iter(np.moveaxis(run, -1, 0))


def read_fmriprep_run(
    run: FmriprepRun, raw_bold: Path, xyz: FloatArray, head: HeadGrid, *, dummy_scan_duration: float
) -> RunData:
    """Read a run preprocessed by fMRIPrep at voxels of its space.

    Voxels on fMRIPrep's own grid keep the values of fMRIPrep; others are interpolated by cubic
    splines.

    Parameters
    ----------
    run : files of the run
    raw_bold : raw run; its sidecar is used if fMRIPrep did not write one
    xyz : (n_voxels, 3) world coordinates in the space of the run, mm
    head, dummy_scan_duration : see `read_raw_run`

    Raises
    ------
    InputError
        If a file cannot be read, or confounds and volumes differ in number.
    """
    img = load_image(run.bold)
    seconds, start = timing(run, raw_bold)
    still = np.tile(np.eye(4), (img.shape[-1], 1, 1))
    points = np.vstack([xyz, head.xyz])
    series = voxel_time_series(read_volumes(img), img.affine, still, points)
    if run.mask is not None:
        _count_outside(load_image(run.mask), xyz, run.mask)
    confounds = read_tsv(run.confounds)
    if len(confounds) != len(series):
        raise InputError(
            f"{run.confounds}: {len(confounds)} rows, but {run.bold} has {len(series)} volumes"
        )
    motion = read_confounds(run.confounds, ["motion6"], len(series))[list(MOTION6)].to_numpy()
    quality = run_quality(series[:, len(xyz) :], motion, seconds, dummy_scan_duration, head)
    return RunData(series[:, : len(xyz)], seconds, start, confounds, quality)


def _count_outside(mask: nib.spatialimages.SpatialImage, xyz: FloatArray, path: Path) -> None:
    """Log how many ROI voxels lie outside the brain mask of fMRIPrep; they are kept."""
    if mask.ndim != 3:
        raise InputError(f"{path}: shape {mask.shape}, expected a mask with three dimensions")
    ijk = np.rint(apply_affine(np.linalg.inv(mask.affine), xyz)).astype(int)
    inside = ((ijk >= 0) & (ijk < mask.shape)).all(axis=1)
    inside[inside] = image_values(mask)[*ijk[inside].T] > 0
    if not inside.all():
        logger.warning("%d of %d ROI voxels lie outside %s", (~inside).sum(), len(xyz), path)


def fmriprep_reference(img: nib.spatialimages.SpatialImage, n_volumes: int) -> nib.Nifti1Image:
    """Average the last volumes of a preprocessed run, as background for the quality report.

    Parameters
    ----------
    img : 4-D nibabel image
    n_volumes : number of volumes
    """
    if img.ndim != 4:
        raise InputError(f"{img.get_filename()}: shape {img.shape}, expected four dimensions")
    with readable_image(img.get_filename() or "image"):
        mean = np.asarray(img.slicer[..., -n_volumes:].dataobj, np.float32).mean(axis=3)
    return nib.Nifti1Image(mean, img.affine)


def write_run(
    run: RunData,
    *,
    series: str | PathLike[str],
    confounds: str | PathLike[str],
    quality: str | PathLike[str],
    attributes: Mapping[str, str],
) -> None:
    """Write a run to its three files; the series is last, so that it shows that all exist."""
    write_table(confounds, run.confounds, digits=8, missing="n/a")
    write_quality(quality, run.quality, attributes)
    write_series(series, run.series, run.repetition_time, run.start, attributes)
