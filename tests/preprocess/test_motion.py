import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from deeprecon.errors import InputError
from deeprecon.preprocess.motion import run_motion
from deeprecon.preprocess.rigid import grid_centre
from tests.preprocess.phantom import displacement, head, oblique_affine, rigid, scan, t1w_head

SHAPE = (36, 40, 22)
AFFINE = oblique_affine(SHAPE, (4, 4, 4), (8, -3, 2), centre=(3, -5, 4))
CENTRE = grid_centre(SHAPE, AFFINE)
N_VOLUMES = 8
OFFSETS = {  # of the run's first volume from the reference: trans mm, rot degrees
    "0.2 mm": [0.1, -0.1, 0.15, 0.1, 0.0, -0.1],
    "5 mm": [3.0, -2.0, 3.5, 3.0, -2.0, 1.0],
    "17 mm": [10.0, -11.0, 8.0, -4.0, 3.0, 5.0],
}


def moving(offset="5 mm", seed=0):
    """Motion matrices (n, 4, 4) of a run that starts at an offset from the reference."""
    rng = np.random.default_rng(seed)
    start = np.array(OFFSETS[offset])
    motion = start + rng.normal(0, 0.4, (N_VOLUMES, 6))
    motion[:, 3:] = np.deg2rad(motion[:, 3:])
    return np.array([rigid(p, CENTRE) for p in motion])


def volumes(truth, seed=1):
    rng = np.random.default_rng(seed)
    return np.stack([scan(head, SHAPE, AFFINE, m, noise=8, rng=rng) for m in truth], axis=-1)


def reference(intensity=head, shape=SHAPE, affine=AFFINE):
    rng = np.random.default_rng(2)
    return nib.Nifti1Image(scan(intensity, shape, affine, noise=3, rng=rng), affine)


def worst(data, truth, to=None, method="gauss_newton"):
    """Largest RMS displacement of the brain, mm, by the error of a volume's motion."""
    found = run_motion(nib.Nifti1Image(data, AFFINE), to or reference(), method)
    return max(displacement(a, b) for a, b in zip(found, truth, strict=True))


@pytest.mark.parametrize("offset", OFFSETS)
def test_small_and_large_offsets_from_the_reference(offset):
    truth = moving(offset)
    assert worst(volumes(truth), truth) < 0.06


def test_the_packaged_method_has_the_same_convention():
    truth = moving()
    assert worst(volumes(truth), truth, method="greedy") < 1.0


def test_batches_of_the_packaged_method_keep_the_order(monkeypatch):
    monkeypatch.setattr("deeprecon.preprocess.motion.GREEDY_BATCH", 3)
    truth = moving()
    assert worst(volumes(truth), truth, method="greedy") < 1.0


def test_gain_that_drifts():
    truth = moving()
    assert worst(volumes(truth) * np.linspace(0.9, 1.4, N_VOLUMES), truth) < 0.06


def coil():
    x, y, z = np.moveaxis(apply_affine(AFFINE, np.moveaxis(np.indices(SHAPE), 0, -1)), -1, 0) / 90
    return (1 + 0.35 * np.tanh(z - y) + 0.15 * np.sin(2 * x))[..., None]


def test_a_coil_that_the_reference_did_not_have():
    truth = moving()
    assert worst(volumes(truth) * coil(), truth) < 0.3


def test_edge_slices_that_are_missing():
    truth, keep = moving(), np.zeros(SHAPE[2])
    keep[2:-3] = 1
    assert worst(volumes(truth) * keep[:, None], truth) < 0.06


def test_volumes_with_spoilt_slices():
    truth = moving()
    data, rng = volumes(truth), np.random.default_rng(3)
    for t in (2, 5):
        slices = rng.choice(SHAPE[2], 4, replace=False)
        data[:, :, slices[:2], t] *= 0.3
        data[:, :, slices[2:], t] += 600 * np.cos(2.1 * np.arange(SHAPE[1]))[:, None]
    assert worst(data, truth) < 0.12


def test_a_reference_on_another_grid():
    shape = (44, 36, 28)
    affine = oblique_affine(shape, (3.2, 3.5, 3.3), (-4, 6, -5), centre=(-2, 3, 1), flip=False)
    truth = moving()
    assert worst(volumes(truth), truth, reference(shape=shape, affine=affine)) < 0.1


def test_a_reference_of_another_contrast():
    truth = moving()
    assert worst(volumes(truth), truth, reference(t1w_head)) < 0.8


def test_none_leaves_the_run_where_it_is():
    found = run_motion(nib.Nifti1Image(volumes(moving()), AFFINE), reference(), "none")
    np.testing.assert_array_equal(found, np.tile(np.eye(4), (N_VOLUMES, 1, 1)))


def test_a_run_that_is_no_run():
    with pytest.raises(InputError, match="expected a run with four dimensions"):
        run_motion(reference(), reference(), "none")
    spoilt = volumes(moving())
    spoilt[..., 4] = np.nan
    with pytest.raises(InputError, match="volume 4: holds NaN"):
        run_motion(nib.Nifti1Image(spoilt, AFFINE), reference(), "gauss_newton")


def test_a_run_that_is_not_like_the_reference_is_named(tmp_path, monkeypatch):
    """Neither least squares nor mutual information find a place."""

    def fails(*_):
        raise InputError("coregistration failed")

    monkeypatch.setattr("deeprecon.preprocess.motion.estimate_offset", lambda *_: None)
    monkeypatch.setattr("deeprecon.preprocess.motion.coregister", fails)
    nib.save(nib.Nifti1Image(volumes(moving()), AFFINE), tmp_path / "bold.nii")
    with pytest.raises(InputError, match=r"bold.nii: does not match the reference: coregistration"):
        run_motion(nib.load(tmp_path / "bold.nii"), reference(), "gauss_newton")


@pytest.mark.parametrize("found_is_right", [True, False])
def test_mutual_information_chooses_between_two_places(monkeypatch, found_is_right):
    truth = moving()
    wrong = rigid([15, 0, 0, 0.2, 0, 0], CENTRE) @ truth[2]
    places = (truth[2], wrong) if found_is_right else (wrong, truth[2])
    monkeypatch.setattr("deeprecon.preprocess.motion.estimate_offset", lambda *_: (places[0], 0.5))
    monkeypatch.setattr("deeprecon.preprocess.motion.coregister", lambda *_: places[1])
    assert worst(volumes(truth), truth) < 6  # the run's own reference is one of its volumes
    assert worst(volumes(truth), truth @ np.linalg.inv(truth[2]) @ wrong) > 9
