"""Rigid registration of a BOLD reference volume with the T1w image of the same subject.

The optimiser is Greedy (Yushkevich, https://github.com/pyushkevich/greedy) with six degrees of
freedom and normalised mutual information (Studholme, Hill & Hawkes 1999, Pattern Recognition
32:71-86), which assumes only that equal intensities in one image correspond to similar intensities
in the other.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy import ndimage

from deeprecon.data.images import check_volume, image_values
from deeprecon.errors import InputError
from deeprecon.preprocess.rigid import FloatArray

# Two levels, because with a third one every fourth trial failed on small grids (40x40x20, 4 mm).
GREEDY = "-d 3 -a -m NMI -dof 6 -ia-identity -n 100x100 -seed 1 -threads 1 -V 0"
BINS = 32


def coregister(
    moving_img: nib.spatialimages.SpatialImage, fixed_img: nib.spatialimages.SpatialImage
) -> FloatArray:
    """Rigid transform from the T1w image to a BOLD reference volume.

    The search starts from the positions in the headers, which are right within a session except for
    movement of the subject. In simulations, offsets of 15 mm and 10 degrees were found.

    Parameters
    ----------
    moving_img : 3-D nibabel image
        BOLD reference volume (mean or first volume).
    fixed_img : 3-D nibabel image
        T1w image.

    Returns
    -------
    (4, 4) float64 array
        Maps world coordinates (RAS, mm) of `fixed_img` to those of the same tissue in
        `moving_img`. To read BOLD values at T1w positions, apply it to these positions.

    Raises
    ------
    InputError
        If an image is not 3-D, constant or not finite, or if the registration fails, so that the
        images share less information after it than before.
    """
    bold, bold_name = _volume(moving_img)
    t1w, t1w_name = _volume(fixed_img)
    with tempfile.TemporaryDirectory() as folder:
        nib.save(nib.Nifti1Image(bold, moving_img.affine), Path(folder, "bold.nii"))
        nib.save(nib.Nifti1Image(t1w, fixed_img.affine), Path(folder, "t1w.nii"))
        run_greedy(folder, f"{GREEDY} -i bold.nii t1w.nii -o bold_to_t1w.mat")
        # Greedy maps its fixed image, here BOLD because its grid is smaller, to its moving image.
        # It writes matrices for RAS world coordinates (in memory they are LPS, as in ITK).
        matrix = np.linalg.inv(np.loadtxt(Path(folder, "bold_to_t1w.mat"), np.float64))
    before, after = (
        mutual_information(bold, moving_img.affine, t1w, fixed_img.affine, transform)
        for transform in (np.eye(4), matrix)
    )
    if not after > before - 1e-3:
        raise InputError(
            f"{bold_name}: coregistration with {t1w_name} failed: normalised mutual information "
            f"{after:.4f}, but {before:.4f} as the headers place them"
        )
    return matrix


METHODS = ("direct", "inplane", "header")


def t1w_to_bold(
    t1w: nib.spatialimages.SpatialImage,
    bold: nib.spatialimages.SpatialImage,
    method: str,
    inplane: nib.spatialimages.SpatialImage | None = None,
) -> FloatArray:
    """Transform from the T1w image to the BOLD reference, direct or through an in-plane T2 image.

    Parameters
    ----------
    t1w, bold : 3-D nibabel images
    method : {"direct", "inplane", "header"}
        "direct": one registration; "inplane": two registrations, T1w -> in-plane T2 -> BOLD, as in
        Shen et al. (2019); "header": none, for images that are registered already.
    inplane : 3-D nibabel image, for "inplane"
        T2-weighted image in the planes of the BOLD session.

    Returns
    -------
    (4, 4) float64 array
        T1w world to BOLD world coordinates, mm.

    Raises
    ------
    InputError
        See `coregister`.
    """
    if method == "header":
        return np.eye(4)
    if method == "direct":
        return coregister(bold, t1w)
    if method == "inplane" and inplane is not None:
        return coregister(bold, inplane) @ coregister(inplane, t1w)
    raise ValueError(f"method {method!r} with inplane {inplane}, expected one of {METHODS}")


def _volume(img: nib.spatialimages.SpatialImage) -> tuple[NDArray[np.float32], str]:
    """Read values and name of a 3-D image and check that it can be registered."""
    name = img.get_filename() or "image"
    if img.ndim != 3:
        raise InputError(f"{name}: shape {img.shape}, expected one volume with three dimensions")
    volume = image_values(img, np.float32)
    check_volume(volume, name)
    return volume, name


def run_greedy(folder: str, *commands: str) -> None:
    """Run Greedy in a separate process, because its optimiser prints through C.

    Parameters
    ----------
    folder : folder with the files of the commands
    commands : one command per registration
    """
    code = (
        "import sys; from picsl_greedy import Greedy3D\n"
        "for command in sys.argv[1:]: Greedy3D().execute(command)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *commands], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"greedy ended with {done.returncode}: {done.stderr.strip()}")


def mutual_information(
    bold: NDArray[np.float32],
    bold_affine: FloatArray,
    t1w: NDArray[np.float32],
    t1w_affine: FloatArray,
    matrix: FloatArray,
) -> float:
    """Normalised mutual information (H(a) + H(b)) / H(a, b) over the voxels of the BOLD grid.

    Parameters
    ----------
    bold, t1w : (x, y, z) arrays
    bold_affine, t1w_affine : (4, 4) voxel to world (mm) matrices
    matrix : (4, 4) T1w world to BOLD world
    """
    ijk = np.indices(bold.shape).reshape(3, -1).T
    to_t1w = np.linalg.inv(t1w_affine) @ np.linalg.inv(matrix) @ bold_affine
    values = ndimage.map_coordinates(t1w, apply_affine(to_t1w, ijk).T, order=1, cval=0.0)
    joint = np.histogram2d(bold.ravel(), values, BINS)[0] / len(values)

    def entropy(p: FloatArray) -> float:
        return float(-(p[p > 0] * np.log(p[p > 0])).sum())

    return (entropy(joint.sum(0)) + entropy(joint.sum(1))) / entropy(joint)
