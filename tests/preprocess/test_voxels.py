import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from deeprecon.data.images import read_volumes
from deeprecon.errors import InputError
from deeprecon.preprocess.voxels import voxel_time_series
from tests.preprocess.phantom import int16_image, oblique_affine, rigid, scan

SHAPE = (24, 26, 18)
AFFINE = oblique_affine(SHAPE, (4, 4, 5), (10, -5, 15), centre=(4, -6, 8))
CENTRE = np.array([1.0, 2.0, 3.0])
COREGISTRATION = rigid([4, -3, 6, 0.08, -0.05, 0.1])
MOTION = np.array(
    [[0, 0, 0, 0, 0, 0], [1.5, -1, 2, 0.02, -0.03, 0.01], [-2, 1, -1, -0.04, 0.02, 0.05]]
)


def waves(xyz):
    """An intensity so smooth that cubic splines follow it."""
    x, y, z = np.moveaxis(xyz, -1, 0)
    return 1000 + 100 * np.sin(x / 22) + 80 * np.cos(y / 19) + 60 * np.sin(z / 25 + 1)


def positions():
    """T1w coordinates of points well inside the BOLD grid."""
    ijk = np.random.default_rng(0).uniform(5, np.array(SHAPE) - 6, (200, 3))
    return apply_affine(np.linalg.inv(COREGISTRATION) @ AFFINE, ijk)


def moving_run(path):
    volumes = [scan(waves, SHAPE, AFFINE, rigid(p, CENTRE)) for p in MOTION]
    return int16_image(np.stack(volumes, axis=-1), AFFINE, path)


def read(img, xyz_t1w, motion=MOTION):
    matrices = np.array([rigid(parameters, CENTRE) for parameters in motion])
    xyz = apply_affine(COREGISTRATION, xyz_t1w)
    return voxel_time_series(read_volumes(img), img.affine, matrices, xyz)


def test_the_same_tissue_is_followed_through_all_transforms(tmp_path):
    xyz = positions()
    series = read(moving_run(tmp_path / "b.nii.gz"), xyz)
    assert series.shape == (3, 200)
    assert series.dtype == np.float32
    expected = waves(apply_affine(COREGISTRATION, xyz))
    np.testing.assert_allclose(series, np.tile(expected, (3, 1)), atol=0.2)  # of 1000


def test_positions_outside_are_nan(tmp_path):
    xyz = np.vstack([positions()[:3], [[500.0, 0, 0]]])
    series = read(moving_run(tmp_path / "b.nii"), xyz)
    np.testing.assert_array_equal(np.isnan(series), [[False, False, False, True]] * 3)


class OneVolumeAtATime:
    """Data that can be read volume by volume only."""

    shape = (*SHAPE, 3)
    ndim = 4
    dtype = np.dtype(np.float32)

    def __getitem__(self, key):
        assert key[0] is Ellipsis
        return scan(waves, SHAPE, AFFINE, rigid(MOTION[key[1]], CENTRE))

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the whole run was read")


def test_one_volume_is_read_at_a_time():
    img = nib.Nifti1Image(OneVolumeAtATime(), AFFINE)
    series = read(img, positions())
    np.testing.assert_allclose(series, series[:1].repeat(3, axis=0), atol=0.2)


def test_motion_of_another_run(tmp_path):
    img = moving_run(tmp_path / "b.nii")
    with pytest.raises(InputError, match="3 volumes, but 2 matrices of motion"):
        read(img, positions(), MOTION[:2])
    with pytest.raises(InputError, match="3 volumes, but 6 matrices of motion"):
        read(img, positions(), np.vstack([MOTION, MOTION]))
