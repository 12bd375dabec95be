"""Motion of every volume of a run from the reference of its subject, in two steps.

Within the run, each volume is registered with the median of the first volumes of the run, which has
the same contrast, coil and position. Then this median is registered with the reference of the
subject. The two transforms are composed, so that the run is resampled only once.
"""

import tempfile
from itertools import islice
from pathlib import Path

import nibabel as nib
import numpy as np

from deeprecon.data.images import image_values, read_volumes
from deeprecon.errors import InputError
from deeprecon.preprocess.coregister import coregister, mutual_information, run_greedy
from deeprecon.preprocess.realign import estimate_motion, estimate_offset, run_reference
from deeprecon.preprocess.rigid import FloatArray, grid_centre, motion_matrix

METHODS = ("gauss_newton", "greedy", "none")

# Correlation of neighbourhoods of 5 x 5 x 5 voxels is insensitive to gain and bias.
GREEDY = "-d 3 -a -m NCC 2x2x2 -dof 6 -ia-identity -n 40x40 -seed 1 -threads 1 -V 0"
GREEDY_BATCH = 20  # volumes on disk at a time
OWN_VOLUMES, OWN_SKIP = 10, 4
ALIKE = 0.95  # see `estimate_offset`


def run_motion(
    img: nib.spatialimages.SpatialImage, reference: nib.spatialimages.SpatialImage, method: str
) -> FloatArray:
    """Estimate the motion of each volume of a run from the reference, volume by volume.

    Parameters
    ----------
    img : 4-D nibabel image
    reference : 3-D nibabel image
        Image of the same subject: a volume or median of any run and session, on any grid.
    method : {"gauss_newton", "greedy", "none"}
        "gauss_newton": `realign.estimate_motion`; "greedy": picsl_greedy with local correlation of
        5 x 5 x 5 voxels; "none": no correction, for runs that are aligned already.

    Returns
    -------
    (n_volumes, 4, 4) float64 array
        Maps world coordinates of the reference to those of each volume, mm.

    Raises
    ------
    InputError
        If the run is not 4-D, a volume is constant or not finite, or the run cannot be registered
        with the reference.
    """
    if img.ndim != 4:
        name = img.get_filename() or "image"
        raise InputError(f"{name}: shape {img.shape}, expected a run with four dimensions")
    if method == "none":
        return np.tile(np.eye(4), (img.shape[3], 1, 1))
    skip = min(OWN_SKIP, img.shape[3] // 4)
    own = run_reference(img, min(OWN_VOLUMES, img.shape[3] - skip), skip)
    within = {"gauss_newton": _by_gauss_newton, "greedy": _by_greedy}[method]
    matrices: FloatArray = within(img, own) @ _between(own, reference, img.get_filename())
    return matrices


def _by_gauss_newton(img: nib.spatialimages.SpatialImage, own: nib.Nifti1Image) -> FloatArray:
    """Motion matrices of the volumes from the median of their run, by `realign`."""
    volume = np.asarray(own.dataobj)
    centre = grid_centre(volume.shape, own.affine)
    motion = estimate_motion(read_volumes(img), volume, own.affine)
    return np.array([motion_matrix(parameters, centre) for parameters in motion])


def _by_greedy(img: nib.spatialimages.SpatialImage, own: nib.Nifti1Image) -> FloatArray:
    """Motion matrices of the volumes from the median of their run, by Greedy."""
    matrices = []
    volumes = read_volumes(img)
    with tempfile.TemporaryDirectory() as folder:
        nib.save(own, Path(folder, "own.nii"))
        while batch := list(islice(volumes, GREEDY_BATCH)):
            for i, volume in enumerate(batch):
                nib.save(nib.Nifti1Image(volume, img.affine), Path(folder, f"{i}.nii"))
            indices = range(len(batch))
            run_greedy(folder, *(f"{GREEDY} -i own.nii {i}.nii -o {i}.mat" for i in indices))
            matrices += [np.loadtxt(Path(folder, f"{i}.mat")) for i in indices]
    return np.array(matrices)


def _between(
    own: nib.Nifti1Image, reference: nib.spatialimages.SpatialImage, name: str | None
) -> FloatArray:
    """Transform from the reference to the median of a run.

    Least squares is most accurate if the two images are similar. Otherwise, such as for another
    contrast, mutual information decides between the transforms found.
    """
    volume = image_values(reference, np.float32)
    moved = np.asarray(own.dataobj, np.float32)
    found = estimate_offset(moved, own.affine, volume, reference.affine)
    if found is not None and found[1] >= ALIKE:
        return found[0]
    try:
        # `coregister` maps its second image to its first.
        transforms = [coregister(own, reference)]
    except InputError as error:
        raise InputError(f"{name or 'image'}: does not match the reference: {error}") from None
    if found is not None:
        transforms.append(found[0])
    information = [
        mutual_information(moved, own.affine, volume, reference.affine, transform)
        for transform in transforms
    ]
    return transforms[int(np.argmax(information))]
