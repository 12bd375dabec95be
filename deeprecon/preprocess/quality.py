"""Quality of a run: how much the head moved, how steady the signal is."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def framewise_displacement(parameters: ArrayLike, radius: float = 50.0) -> NDArray[np.float64]:
    """Framewise displacement (Power et al. 2012, NeuroImage 59:2142-2154).

    The sum of the absolute changes of the six motion parameters from the volume before, with
    rotations as arcs on a sphere.

    Parameters
    ----------
    parameters : (n_volumes, 6) array
        Three translations in mm, then three rotations in radians.
    radius : float
        Of the sphere, mm.

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


def temporal_snr(data: ArrayLike) -> NDArray[np.float64]:
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
    # Rounding leaves the mean of equal values, and so their deviation, a last digit away.
    varies = sd > 1e-12 * np.abs(mean)
    ratio: NDArray[np.float64] = np.divide(mean, sd, out=np.zeros_like(mean), where=varies)
    return ratio
