from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from deeprecon.errors import InputError
from deeprecon.preprocess.coregister import coregister, t1w_to_bold
from tests.preprocess.phantom import displacement, head, oblique_affine, rigid, scan, t1w_head

ANATOMICAL = Path(nib.__file__).parent / "tests" / "data" / "anatomical.nii"
BOLD_SHAPE, T1W_SHAPE = (40, 40, 20), (48, 56, 40)
BOLD_AFFINE = oblique_affine(BOLD_SHAPE, (4, 4, 4), (12, -4, 3))
T1W_AFFINE = oblique_affine(T1W_SHAPE, (3, 3, 3), (-5, 3, 4), centre=(2, 3, -4), flip=False)


def t1w_image():
    volume = scan(t1w_head, T1W_SHAPE, T1W_AFFINE, noise=15, rng=np.random.default_rng(0))
    return nib.Nifti1Image(volume, T1W_AFFINE)


def bold_image(moved):
    volume = scan(head, BOLD_SHAPE, BOLD_AFFINE, moved, noise=10, rng=np.random.default_rng(1))
    return nib.Nifti1Image(volume, BOLD_AFFINE)


@pytest.mark.parametrize(
    "offset",
    [
        [3.0, -3.0, 2.5, 0.03, -0.03, 0.03],  # 5 mm, 3 degrees
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [-8.0, 6.0, 9.0, -0.1, 0.08, 0.1],
    ],
)
def test_other_contrast_and_another_oblique_grid(offset):
    true = rigid(offset)
    found = coregister(bold_image(true), t1w_image())
    assert displacement(found, true) < 2.0  # half a BOLD voxel
    np.testing.assert_allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-5)
    np.testing.assert_array_equal(found[3], [0, 0, 0, 1])


def test_the_same_images_give_the_same_matrix():
    bold, t1w = bold_image(rigid([2, 1, -2, 0.02, 0.01, 0])), t1w_image()
    np.testing.assert_array_equal(coregister(bold, t1w), coregister(bold, t1w))


@pytest.mark.parametrize("contrast", [lambda x: x, lambda x: x.max() - x, np.sqrt])
def test_a_real_image_moved_by_its_header(contrast):
    img = nib.load(ANATOMICAL)
    values = np.maximum(img.get_fdata(), 0)
    true = rigid([3, 4, -5, 0.05, -0.04, 0.05], centre=(0, 0, 10))
    moved = nib.Nifti1Image(contrast(values).astype(np.float32), true @ img.affine)
    found = coregister(moved, img)
    inside = apply_affine(img.affine, np.argwhere(values > values.mean()))
    gap = apply_affine(found, inside) - apply_affine(true, inside)
    assert np.sqrt((gap**2).sum(axis=1).mean()) < 0.3  # mm; voxels of 2 mm


def test_a_result_worse_than_the_headers_is_refused(monkeypatch):
    def tilt(folder, command):
        np.savetxt(Path(folder, "bold_to_t1w.mat"), rigid([20, 0, 0, 0.5, 0, 0]))

    monkeypatch.setattr("deeprecon.preprocess.coregister.run_greedy", tilt)
    with pytest.raises(InputError, match="failed: normalised mutual information"):
        coregister(bold_image(np.eye(4)), t1w_image())


def test_images_that_cannot_be_registered(tmp_path):
    t1w = t1w_image()
    run = nib.Nifti1Image(np.ones((4, 4, 4, 2), np.float32), np.eye(4))
    with pytest.raises(InputError, match="expected one volume with three dimensions"):
        coregister(run, t1w)
    nib.save(nib.Nifti1Image(np.full(T1W_SHAPE, np.nan, np.float32), np.eye(4)), tmp_path / "t.nii")
    with pytest.raises(InputError, match=r"t\.nii: holds NaN"):
        coregister(bold_image(np.eye(4)), nib.load(tmp_path / "t.nii"))


def test_the_way_through_the_inplane_image_is_composed_in_order(monkeypatch):
    """T1w -> in-plane -> BOLD; `coregister` gives the world of its second image in its first."""
    to_inplane, to_bold = rigid([1, 2, 3, 0.1, 0, 0]), rigid([-4, 0, 2, 0, 0.2, 0.1])
    steps = {("inplane", "t1w"): to_inplane, ("bold", "inplane"): to_bold}
    monkeypatch.setattr(
        "deeprecon.preprocess.coregister.coregister", lambda moving, fixed: steps[moving, fixed]
    )
    found = t1w_to_bold("t1w", "bold", "inplane", "inplane")
    point = [5.0, -6.0, 7.0]
    expected = apply_affine(to_bold, apply_affine(to_inplane, point))
    np.testing.assert_allclose(apply_affine(found, point), expected)


def test_headers_alone():
    np.testing.assert_array_equal(
        t1w_to_bold(t1w_image(), bold_image(np.eye(4)), "header"), np.eye(4)
    )


def test_the_inplane_image_is_needed():
    with pytest.raises(ValueError, match="method 'inplane' with inplane None"):
        t1w_to_bold(t1w_image(), bold_image(np.eye(4)), "inplane")
