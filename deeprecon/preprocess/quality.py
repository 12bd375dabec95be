"""Quality of runs: how much the head moved and how steady the signal is.

The signal is assessed at points all over the head (`head_positions`). They are read in the same
interpolation as the ROI voxels, so that no motion-corrected copy of the scans has to be written.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation
from skimage.filters import threshold_otsu

from deeprecon.data.images import image_values
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, writing
from deeprecon.preprocess.clean import regress_out

FloatArray = NDArray[np.float64]

CARPET_POINTS = 800
CARPET_STEP = 0.05  # percent signal change per unit of a carpet
MIN_VOLUMES = 4  # after the dummy scans


@dataclass(frozen=True)
class HeadGrid:
    """Points all over the head, at every n-th voxel of the reference."""

    affine: FloatArray  # (4, 4) grid indices to world coordinates of the reference, mm
    shape: tuple[int, int, int]
    mask: NDArray[np.bool_]  # (*shape), True for points in the head
    xyz: FloatArray  # (n_points, 3) world coordinates of these points, mm


@dataclass(frozen=True)
class RunQuality:
    """Quality measures of a run.

    Statistics leave out the dummy scans. `mean` and `temporal_snr` are NaN at points that are
    outside the field of view in any volume.
    """

    repetition_time: float  # s
    n_dummy_scans: int  # volumes at the start, left out of statistics
    motion: FloatArray  # (n_volumes, 6) mm and radians, see `realign`
    framewise_displacement: FloatArray  # (n_volumes,) mm, 0 in the first volume
    dvars: FloatArray  # (n_volumes,) percent, NaN in the first volume
    global_signal: FloatArray  # (n_volumes,) mean over the points, scanner's units
    mean: NDArray[np.float32]  # (n_points,) scanner's units
    temporal_snr: NDArray[np.float32]  # (n_points,)
    carpet: NDArray[np.int8]  # (n_volumes, <= 800) change from the mean, units of `CARPET_STEP`

    @property
    def kept(self) -> slice:
        """The volumes after the dummy scans."""
        return slice(self.n_dummy_scans, None)


def framewise_displacement(parameters: ArrayLike, radius: float = 50.0) -> FloatArray:
    """Framewise displacement (Power et al. 2012, NeuroImage 59:2142-2154).

    The sum of the absolute changes of the six motion parameters from the previous volume, with
    rotations as arcs on a sphere.

    Parameters
    ----------
    parameters : (n_volumes, 6) array
        Three translations in mm, then three rotations in radians.
    radius : float
        Radius of the sphere, mm.

    Returns
    -------
    (n_volumes,) float64 array
        mm; 0 for the first volume.

    Examples
    --------
    >>> framewise_displacement([[0, 0, 0, 0, 0, 0], [1, -1, 0, 0, 0, 0.02]])
    array([0., 3.])
    """
    parameters = np.asarray(parameters, np.float64)
    steps = np.abs(np.diff(parameters, axis=0, prepend=parameters[:1]))
    return steps @ np.array([1, 1, 1, radius, radius, radius], np.float64)


def rms_displacement(parameters: ArrayLike, radius: float = 80.0) -> FloatArray:
    """Root mean square displacement of the points of a ball by rigid motion.

    See Jenkinson (1999), Measuring transformation error by RMS deviation, FMRIB technical report
    TR99MJ1, equation 7, for a ball around the centre of the rotations.

    Parameters
    ----------
    parameters : (n_volumes, 6) array
        Three translations in mm, then three rotations in radians, see `realign.motion_matrix`.
    radius : float
        Radius of the ball, mm.

    Returns
    -------
    (n_volumes,) float64 array
        mm

    Examples
    --------
    >>> rms_displacement([[3, 0, 4, 0, 0, 0]])
    array([5.])
    """
    parameters = np.asarray(parameters, np.float64)
    turned = Rotation.from_euler("XYZ", parameters[:, 3:]).as_matrix() - np.eye(3)
    squares = (parameters[:, :3] ** 2).sum(axis=1)
    displacement: FloatArray = np.sqrt(squares + radius**2 / 5 * (turned**2).sum(axis=(1, 2)))
    return displacement


def dvars(series: ArrayLike, n_dummy_scans: int = 0) -> FloatArray:
    """DVARS in percent of the run's signal (Power et al. 2012, NeuroImage 59:2142-2154).

    The root mean square over points of the change from the previous volume, divided by the median
    over points of their temporal means, times 100. Power et al. scale the mode of the run to 1000,
    so that their unit is a tenth of a percent.

    Parameters
    ----------
    series : (n_volumes, n_points) array
        Finite values.
    n_dummy_scans : int
        Number of volumes at the start that do not count for the scale.

    Returns
    -------
    (n_volumes,) float64 array
        Percent; NaN for the first volume.

    Examples
    --------
    >>> dvars([[100, 100], [103, 96], [97, 104]]).round(3)
    array([  nan, 3.536, 7.071])
    """
    series = np.asarray(series, np.float64)
    scale = np.median(series[n_dummy_scans:].mean(axis=0))
    changes = np.sqrt((np.diff(series, axis=0) ** 2).mean(axis=1))
    return np.concatenate([[np.nan], 100 * changes / scale])


def temporal_snr(data: ArrayLike) -> FloatArray:
    """Temporal signal-to-noise ratio: mean over standard deviation (ddof 0) of each voxel.

    Parameters
    ----------
    data : (n_volumes, n_voxels) array
        One run; a trend counts as noise unless removed before (`clean.regress_out`).

    Returns
    -------
    (n_voxels,) float64 array
        0 where the signal is constant.
    """
    data = np.asarray(data, np.float64)
    mean, sd = data.mean(axis=0), data.std(axis=0)
    # Rounding makes the mean of equal values differ from them in the last digit.
    varies = sd > 1e-12 * np.abs(mean)
    ratio: FloatArray = np.divide(mean, sd, out=np.zeros_like(mean), where=varies)
    return ratio


def head_positions(reference_img: nib.spatialimages.SpatialImage, spacing: float = 4.0) -> HeadGrid:
    """Choose points in the head, about `spacing` mm apart.

    Otsu's threshold divides the histogram of the volume, clipped at its 98th percentile, into
    background and head. The head is the largest connected component, with its holes filled.

    Parameters
    ----------
    reference_img : 3-D image
        Reference of motion correction.
    spacing : float
        Distance, mm; rounded to whole voxels along each axis, at least one.

    Returns
    -------
    HeadGrid

    Raises
    ------
    InputError
        If the image is not 3-D or is uniform.
    """
    volume = image_values(reference_img, np.float32)
    if volume.ndim != 3:
        raise InputError(f"reference: shape {volume.shape}, expected three dimensions")
    steps = np.maximum(1, np.rint(spacing / voxel_sizes(reference_img.affine)).astype(int))
    first = (np.array(volume.shape) - 1) % steps // 2  # equal margins
    grid = tuple(slice(start, None, step) for start, step in zip(first, steps, strict=True))
    affine = reference_img.affine @ nib.affines.from_matvec(np.diag(steps), first)
    mask = _head(volume)[grid]
    xyz = apply_affine(affine, np.argwhere(mask))
    i, j, k = mask.shape
    return HeadGrid(affine, (i, j, k), mask, xyz)


def _head(volume: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mask of the head in a volume, see `head_positions`."""
    values = np.minimum(np.nan_to_num(volume), np.nanpercentile(volume, 98))
    if values.min() == values.max():
        raise InputError(f"reference: all values are {values.max():g}, expected a head")
    labels, _ = ndimage.label(values > threshold_otsu(values))
    largest = np.argmax(np.bincount(labels.ravel())[1:]) + 1
    head: NDArray[np.bool_] = ndimage.binary_fill_holes(labels == largest)
    return head


def run_quality(
    series: ArrayLike,
    motion: ArrayLike,
    repetition_time: float,
    dummy_scan_duration: float,
    head: HeadGrid,
) -> RunQuality:
    """Measure the quality of a motion-corrected run.

    Parameters
    ----------
    series : (n_volumes, n_points) array
        The signal at the points of `head`; NaN where a point lies outside a volume.
    motion : (n_volumes, 6) array
        Three translations in mm, then three rotations in radians.
    repetition_time : float
        s
    dummy_scan_duration : float
        Time at the start that statistics leave out, because the signal is not yet steady, s.
    head : HeadGrid

    Returns
    -------
    RunQuality

    Raises
    ------
    InputError
        If shapes disagree, motion is not finite, fewer than 4 volumes are left after the dummy
        scans, no point is inside all volumes, or the signal of the head is not positive.
    """
    series, motion = np.asarray(series, np.float32), np.asarray(motion, np.float64)
    n_dummy_scans = round(dummy_scan_duration / repetition_time)
    _check_run(series, motion, n_dummy_scans, head)
    inside = np.isfinite(series).all(axis=0)
    if not inside.any():
        raise InputError(f"none of {len(inside)} points of the head is inside all volumes")
    signal = series[:, inside].astype(np.float64)
    mean = signal[n_dummy_scans:].mean(axis=0)
    if np.median(mean) <= 0:
        raise InputError(f"median signal of the head {np.median(mean):g}, expected more than 0")
    steady = regress_out(signal[n_dummy_scans:], np.empty((len(signal) - n_dummy_scans, 0)))
    return RunQuality(
        repetition_time=float(repetition_time),
        n_dummy_scans=n_dummy_scans,
        motion=motion,
        framewise_displacement=framewise_displacement(motion),
        dvars=dvars(signal, n_dummy_scans),
        global_signal=signal.mean(axis=1),
        mean=_at_points(mean, inside),
        temporal_snr=_at_points(temporal_snr(steady), inside),
        carpet=_carpet(signal, mean, head.xyz[inside, 2]),
    )


def _check_run(
    series: NDArray[np.float32], motion: FloatArray, n_dummy_scans: int, head: HeadGrid
) -> None:
    """Refuse series, motion and points that do not fit together."""
    if series.ndim != 2 or series.shape[1] != len(head.xyz):
        raise InputError(f"series: shape {series.shape}, expected (any, {len(head.xyz)})")
    if motion.shape != (len(series), 6):
        raise InputError(f"motion: shape {motion.shape}, expected ({len(series)}, 6)")
    if not np.isfinite(motion).all():
        row = int(np.argwhere(~np.isfinite(motion))[0, 0])
        raise InputError(f"motion: row {row} holds NaN or infinity")
    if len(series) < n_dummy_scans + MIN_VOLUMES:
        raise InputError(
            f"{len(series)} volumes, expected at least {MIN_VOLUMES} after "
            f"{n_dummy_scans} dummy scans"
        )


def _at_points(values: FloatArray, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Spread the values of the points inside; all others are NaN."""
    spread = np.full(len(inside), np.nan, np.float32)
    spread[inside] = values
    return spread


def _carpet(signal: FloatArray, mean: FloatArray, height: FloatArray) -> NDArray[np.int8]:
    """Percent signal change at points spread evenly over the head, from top to bottom."""
    bright = np.flatnonzero(mean > 0.1 * np.median(mean))
    downwards = bright[np.argsort(-height[bright], kind="stable")]
    n_points = min(CARPET_POINTS, len(downwards))
    chosen = downwards[np.linspace(0, len(downwards) - 1, n_points).round().astype(int)]
    change = 100 * (signal[:, chosen] / mean[chosen] - 1)
    return np.clip(np.rint(change / CARPET_STEP), -127, 127).astype(np.int8)


def write_quality(
    path: str | os.PathLike[str], quality: RunQuality, attributes: Mapping[str, str]
) -> None:
    """Write every field of a `RunQuality` to HDF5: arrays as datasets, numbers as attributes."""
    values = {field.name: getattr(quality, field.name) for field in fields(RunQuality)}
    with writing(path) as file:
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                file.create_dataset(name, data=value, compression="gzip", shuffle=True)
            else:
                file.attrs[name] = value
        file.attrs.update(attributes)


def read_quality(path: str | os.PathLike[str]) -> RunQuality:
    """Read a file written by `write_quality`.

    Raises
    ------
    InputError
        If a field is missing.
    """
    values = {}
    with reading(path, "quality") as file:
        for field in fields(RunQuality):
            if field.name in file:
                values[field.name] = file[field.name][:]
            elif field.name in file.attrs:
                values[field.name] = file.attrs[field.name].item()
            else:
                raise InputError(f"{path}: no {field.name!r}, expected the quality of a run")
    return RunQuality(**values)
