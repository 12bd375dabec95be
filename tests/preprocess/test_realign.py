import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy.interpolate import CubicSpline

from deeprecon.data.images import load_image, read_volumes
from deeprecon.errors import InputError
from deeprecon.preprocess.realign import estimate_motion, realign, run_reference
from deeprecon.preprocess.rigid import grid_centre, motion_matrix, motion_parameters, resample_at
from tests.preprocess.phantom import (
    displacement,
    head,
    int16_image,
    oblique_affine,
    rigid,
    scan,
)

REAL = Path(nib.__file__).parent / "tests" / "data"
SHAPE = (36, 40, 20)
AFFINE = oblique_affine(SHAPE, (4, 4, 4), (8, -3, 2), centre=(3, -5, 4))
CENTRE = grid_centre(SHAPE, AFFINE)


def drift(n, rng):
    """A slow drift to about 1.5 mm and 1.5 degrees with one jump."""
    t = np.linspace(0, 1, n)[:, None]
    motion = t * [1.2, -0.8, 1.4, 0.025, 0.01, -0.02] + rng.normal(0, [0.05] * 3 + [0.001] * 3)
    motion[n // 2] += [1.5, 1.0, -2.0, 0.03, 0.02, -0.02]
    motion[0] = 0
    return motion


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_grid_centre_is_halfway_between_opposite_corners():
    corners = apply_affine(AFFINE, [[0, 0, 0], [35, 39, 19]])
    np.testing.assert_allclose(CENTRE, corners.mean(axis=0))


def test_motion_matrix_is_the_documented_product_of_rotations():
    parameters = [1.0, -2.0, 3.0, 0.3, -0.2, 0.5]
    expected = rigid(parameters, centre=(10, 20, -30))
    np.testing.assert_allclose(motion_matrix(parameters, (10, 20, -30)), expected, atol=1e-12)


def test_motion_parameters_inverts_motion_matrix():
    rng = np.random.default_rng(0)
    for parameters in rng.uniform(-1, 1, (20, 6)):
        matrix = rigid(parameters, centre=CENTRE)
        np.testing.assert_allclose(motion_parameters(matrix, CENTRE), parameters, atol=1e-10)


def test_resample_at_is_the_cubic_spline():
    # A spline reflected about its end points is the one with zero slope there.
    rng = np.random.default_rng(0)
    factors = [rng.normal(size=n) for n in (7, 9, 6)]
    volume = np.einsum("i,j,k", *factors)
    at = rng.uniform(0, 1, (50, 3)) * (np.array(volume.shape) - 1)
    expected = np.prod(
        [
            CubicSpline(np.arange(len(f)), f, bc_type="clamped")(at[:, axis])
            for axis, f in enumerate(factors)
        ],
        axis=0,
    )
    np.testing.assert_allclose(resample_at(volume, at), expected, atol=1e-5)


def test_resample_at_repeats_edges_for_half_a_voxel_then_gives_nan():
    volume = np.arange(60.0).reshape(3, 4, 5)
    values = resample_at(volume, [[-0.4, 0, 0], [2, 3, 4.49], [2, 3.6, 4], [-0.6, 0, 0]])
    np.testing.assert_allclose(values[:2], [0, 59], atol=1e-4)
    assert np.isnan(values[2:]).all()


@pytest.mark.parametrize("tsnr", [60, 100])
def test_motion_of_a_noisy_run_cut_by_the_field_of_view(tsnr):
    rng = np.random.default_rng(tsnr)
    motion = drift(16, rng)
    volumes = [
        scan(head, SHAPE, AFFINE, rigid(p, CENTRE), noise=800 / tsnr, rng=rng) for p in motion
    ]
    error = estimate_motion(volumes, volumes[0], AFFINE) - motion
    assert rms(error[:, :3]) < 0.03
    assert np.rad2deg(rms(error[:, 3:])) < 0.035  # the noise of the one volume is the reference's


def test_motion_with_thick_slices_and_changing_gain():
    rng = np.random.default_rng(3)
    shape = (36, 44, 16)
    affine = oblique_affine(shape, (3.5, 3.5, 6), (-10, 5, 20), flip=False)
    motion = drift(8, rng)
    volumes = [
        gain * scan(head, shape, affine, rigid(p, [0, 0, 0]), noise=10, rng=rng)
        for gain, p in zip(np.linspace(1, 2.5, 8), motion, strict=True)
    ]
    error = estimate_motion(volumes, volumes[0], affine) - motion
    assert rms(error[:, :3]) < 0.03
    assert np.rad2deg(rms(error[:, 3:])) < 0.03


@pytest.mark.parametrize("first", [True, False])
def test_large_offsets_are_found_at_the_start_and_within_a_run(first):
    rng = np.random.default_rng(4)
    reference = scan(head, SHAPE, AFFINE, noise=10, rng=rng)
    true = rigid([6, -7, 5, 0.1, -0.08, 0.07], CENTRE)
    volume = scan(head, SHAPE, AFFINE, true, noise=10, rng=rng)
    volumes = [volume] if first else [reference, volume]
    motion = estimate_motion(volumes, reference, AFFINE)
    assert displacement(motion_matrix(motion[-1], CENTRE), true) < 0.1


def test_a_run_on_another_grid_than_the_reference():
    shape = (40, 34, 24)
    affine = oblique_affine(shape, (4, 4, 3.5), (-4, 6, -5), centre=(-2, 3, 1), flip=False)
    true = rigid([2, 1, -3, 0.02, 0.03, -0.05], CENTRE)
    volume = scan(head, shape, affine, true)
    motion = estimate_motion(
        [volume], scan(head, SHAPE, AFFINE), AFFINE, volume_affine=affine, n_points=3000
    )
    assert displacement(motion_matrix(motion[0], CENTRE), true) < 0.05


def test_only_the_header_moves():
    volume = scan(head, SHAPE, AFFINE)
    true = [3, -2, 1, 0.05, -0.04, 0.03]
    motion = estimate_motion([volume], volume, AFFINE, volume_affine=rigid(true, CENTRE) @ AFFINE)
    np.testing.assert_allclose(motion[0], true, atol=1e-3)


def test_a_volume_without_the_head_is_logged_and_does_not_mislead_the_next(caplog):
    rng = np.random.default_rng(6)
    reference = scan(head, SHAPE, AFFINE)
    true = rigid([1, 0, 0.5, 0.01, 0, 0], CENTRE)
    lost = -reference[::-1, ::-1]
    volumes = [reference, lost, scan(head, SHAPE, AFFINE, true, noise=8, rng=rng)]
    with caplog.at_level(logging.WARNING):
        motion = estimate_motion(volumes, reference, AFFINE)
    assert "volume 1: no motion found" in caplog.text
    assert "volume 2" not in caplog.text
    np.testing.assert_array_equal(motion[1], motion[0])
    assert displacement(motion_matrix(motion[2], CENTRE), true) < 0.05


def moving_run(tmp_path, n=4):
    """A compressed int16 run of a moving head, and its motion."""
    rng = np.random.default_rng(7)
    motion = np.arange(n)[:, None] * np.array([0.8, -0.5, 0.6, 0.012, -0.01, 0.015])
    data = [scan(head, SHAPE, AFFINE, rigid(p, CENTRE), noise=8, rng=rng) for p in motion]
    return int16_image(np.stack(data, axis=-1), AFFINE, tmp_path / "bold.nii.gz"), motion


def test_read_volumes_gives_the_scaled_data_in_order(tmp_path):
    img, _ = moving_run(tmp_path)
    assert img.dataobj.slope != 1
    np.testing.assert_allclose(np.stack(list(read_volumes(img)), -1), img.get_fdata(), rtol=1e-6)


def test_realign_brings_a_run_back_to_its_first_volume(tmp_path):
    img, motion = moving_run(tmp_path)
    corrected, parameters = realign(img)
    np.testing.assert_allclose(parameters, motion, atol=0.03)
    assert corrected.shape == img.shape
    assert corrected.header.get_zooms() == pytest.approx((4, 4, 4, 2))
    assert corrected.get_data_dtype() == np.float32
    np.testing.assert_array_equal(corrected.affine, img.affine)
    before, after = img.get_fdata(), corrected.get_fdata()
    seen = (after != 0).all(axis=3)
    assert seen.mean() > 0.8
    gap_before = rms((before[..., 3] - before[..., 0])[seen])
    gap_after = rms((after[..., 3] - after[..., 0])[seen])
    assert gap_after < 0.2 * gap_before
    assert np.isfinite(after).all()


def test_realign_to_a_reference_on_another_grid(tmp_path):
    img, motion = moving_run(tmp_path)
    shape = (30, 30, 18)
    affine = oblique_affine(shape, (4.5, 4.5, 4.5), (0, 0, 0))
    reference = nib.Nifti1Image(scan(head, shape, affine), affine)
    corrected, parameters = realign(img, reference)
    assert corrected.shape == (*shape, 4)
    np.testing.assert_allclose(corrected.affine, affine, atol=1e-5)
    for found, true in zip(parameters, motion, strict=True):
        found = motion_matrix(found, grid_centre(shape, affine))
        assert displacement(found, rigid(true, CENTRE)) < 0.1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[..., 0], "shape .* expected a run with four dimensions"),
        (lambda data: data[:, :, :1], "volume 0: shape .* >= 3 voxels"),
        (lambda data: np.where(np.arange(4) == 2, np.nan, data), "volume 2: holds NaN"),
        (lambda data: np.where(np.arange(4) == 3, np.inf, data), "volume 3: holds NaN or inf"),
        (lambda data: np.where(np.arange(4) == 1, 7, data), "volume 1: holds 7 everywhere"),
    ],
)
def test_realign_refuses_what_it_cannot_register(tmp_path, spoil, message):
    data = np.stack([scan(head, (12, 12, 8), np.diag([12.0, 12, 14, 1]))] * 4, axis=-1)
    path = tmp_path / "spoilt.nii"
    nib.save(nib.Nifti1Image(spoil(data).astype(np.float32), np.eye(4)), path)
    with pytest.raises(InputError, match=f"{path.name}.*{message}"):
        realign(nib.load(path))


def test_estimate_motion_names_the_odd_volume():
    volume = scan(head, SHAPE, AFFINE)
    with pytest.raises(InputError, match=r"volume 1: shape \(36, 40, 19\), expected"):
        estimate_motion([volume, volume[..., 1:]], volume, AFFINE)
    with pytest.raises(InputError, match="volume 1: holds NaN"):
        estimate_motion([volume, volume * np.nan], volume, AFFINE)
    with pytest.raises(InputError, match="reference: holds 0 everywhere"):
        estimate_motion([volume], volume * 0, AFFINE)


def test_real_run_of_three_slices_hardly_moves():
    img = nib.load(REAL / "functional.nii")
    corrected, parameters = realign(img)
    np.testing.assert_allclose(parameters[0], 0, atol=1e-4)
    assert np.abs(parameters[:, :3]).max() < 0.3  # mm, voxels of 4 x 4 x 8
    assert np.rad2deg(np.abs(parameters[:, 3:]).max()) < 0.7
    before, after = img.get_fdata(), corrected.get_fdata()
    seen = (after != 0).all(axis=3)
    gaps = [rms((run - run[..., :1])[seen]) for run in (before, after)]
    assert gaps[1] < 1.01 * gaps[0]


def moved_copy(volume, affine, true):
    """A real volume after a rigid movement about the centre of its grid, 0 outside."""
    moved = rigid(true, grid_centre(volume.shape, affine))
    source = np.linalg.inv(affine) @ np.linalg.inv(moved) @ affine
    grid = np.indices(volume.shape).reshape(3, -1).T
    return np.nan_to_num(resample_at(volume, apply_affine(source, grid))).reshape(volume.shape)


def test_known_shift_of_a_real_volume_is_recovered_and_undone():
    img = nib.load(REAL / "example4d.nii.gz")
    volume = np.asarray(img.dataobj[..., 0], np.float32)
    true = np.array([2.0, -1.5, 1.0, 0.03, 0.02, -0.04])
    moved = moved_copy(volume, img.affine, true)
    run = nib.Nifti1Image(np.stack([volume, moved], axis=-1), img.affine)
    corrected, parameters = realign(run)
    np.testing.assert_allclose(parameters[1, :3], true[:3], atol=0.03)
    np.testing.assert_allclose(parameters[1, 3:], true[3:], atol=np.deg2rad(0.03))
    after = corrected.get_fdata()[..., 1]
    seen = after != 0
    assert rms((after - volume)[seen]) < 0.35 * rms((moved - volume)[seen])


def test_an_offset_that_needs_the_coarse_level():
    img = nib.load(REAL / "anatomical.nii")
    volume = np.asarray(img.dataobj, np.float32)
    true = [15, -15, 10, 0.2, 0.2, 0.2]  # 23 mm in a volume of 66 x 82 x 50 mm
    motion = estimate_motion([moved_copy(volume, img.affine, true)], volume, img.affine)
    np.testing.assert_allclose(motion[0, :3], true[:3], atol=0.1)
    np.testing.assert_allclose(motion[0, 3:], true[3:], atol=0.01)


def test_run_reference_is_sharp_and_leaves_a_spoilt_volume_out():
    """Volumes 4-9 of a moving head: realigned to one of them before the median."""
    rng = np.random.default_rng(5)
    motion = rng.normal(0, [1.5] * 3 + [0.02] * 3, (10, 6))
    still = np.stack([scan(head, SHAPE, AFFINE, rigid(m, CENTRE)) for m in motion], axis=-1)
    noisy = still + rng.normal(0, 0.02 * still.max(), still.shape)
    noisy[:, :, ::3, 4] *= 0.2
    found = run_reference(nib.Nifti1Image(noisy.astype(np.float32), AFFINE), n_volumes=6)
    inside = (slice(4, -4),) * 2 + (slice(5, -5),)

    def error(volume, i):
        return rms(np.asarray(volume)[inside] - still[..., i][inside])

    taken = min(range(5, 10), key=lambda i: error(found.dataobj, i))
    assert error(found.dataobj, taken) < 0.75 * error(noisy[..., taken], taken)
    assert error(found.dataobj, taken) < 0.5 * error(noisy[..., 4:].mean(axis=3), taken)


def test_run_reference_needs_enough_volumes():
    short = nib.Nifti1Image(np.ones((*SHAPE, 9), np.float32), AFFINE)
    with pytest.raises(InputError, match=r"shape .*, expected 14 volumes or more"):
        run_reference(short, n_volumes=10)


@pytest.mark.parametrize("content", [None, b"", b"not an image"])
def test_unreadable_image_is_named(tmp_path, content):
    path = tmp_path / "bold.nii.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"bold.nii.gz: cannot be read as an image"):
        load_image(path)
