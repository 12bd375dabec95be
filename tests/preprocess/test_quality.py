from dataclasses import fields

import h5py
import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from deeprecon.errors import InputError
from deeprecon.preprocess.quality import (
    HeadGrid,
    RunQuality,
    dvars,
    framewise_displacement,
    head_positions,
    read_quality,
    rms_displacement,
    run_quality,
    temporal_snr,
    write_quality,
)
from tests.preprocess.phantom import AXES, head, oblique_affine, rigid, scan


def test_framewise_displacement_adds_translations_and_arcs():
    motion = np.zeros((4, 6)) + 0.5
    motion[1] += [0.1, -0.2, 0.3, 0.001, -0.002, 0.003]
    motion[2] = motion[1]
    motion[3] += [0.1, -0.2, 0.8, 0.001, -0.002, -0.001]
    np.testing.assert_allclose(framewise_displacement(motion), [0, 0.9, 0, 0.7])
    np.testing.assert_allclose(framewise_displacement(motion, radius=80), [0, 1.08, 0, 0.82])


def test_rms_displacement_is_that_of_points_all_over_a_ball():
    rng = np.random.default_rng(0)
    points = rng.uniform(-80, 80, (400_000, 3))
    points = points[np.linalg.norm(points, axis=1) < 80]
    motion = rng.normal(0, 1, (5, 6)) * [3, 3, 3, 0.1, 0.1, 0.1]
    for parameters, found in zip(motion, rms_displacement(motion), strict=True):
        moved = apply_affine(rigid(parameters), points) - points
        assert found == pytest.approx(np.sqrt((moved**2).sum(axis=1).mean()), rel=5e-3)


def test_dvars_by_hand():
    """Means over time 200 and 400, so the scale is 300; changes of (3, 4) and of (-6, -8)."""
    found = dvars([[200, 400], [203, 404], [197, 396]])
    np.testing.assert_allclose(found, [np.nan, 100 * 12.5**0.5 / 300, 200 * 12.5**0.5 / 300])


def test_dvars_is_in_percent_of_the_signal_after_the_dummy_scans():
    rng = np.random.default_rng(0)
    series = 400 + rng.normal(0, 3, (9, 50))
    series[:2] += 300
    steps = np.sqrt(((series[1:] - series[:-1]) ** 2).mean(axis=1))
    found = dvars(series, n_dummy_scans=2)
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], 100 * steps / np.median(series[2:].mean(axis=0)))


def test_temporal_snr_of_known_noise():
    rng = np.random.default_rng(0)
    data = np.column_stack([500 + 10 * rng.normal(size=20_000), 80 + 4 * rng.normal(size=20_000)])
    np.testing.assert_allclose(temporal_snr(data), [50, 20], rtol=0.03)


def test_temporal_snr_is_mean_over_population_deviation():
    assert temporal_snr([[1.0], [3.0]]) == 2
    np.testing.assert_array_equal(temporal_snr(np.full((7, 2), 0.1)), 0)


@pytest.mark.parametrize("zooms", [(4, 4, 4), (2, 2, 4), (3, 3, 7)])
def test_points_lie_all_over_the_head_and_nowhere_else(zooms):
    shape = tuple(int(180 / zoom) for zoom in zooms)
    affine = oblique_affine(shape, zooms, (8, -3, 2))
    found = head_positions(nib.Nifti1Image(scan(head, shape, affine), affine), spacing=4.0)
    steps = np.maximum(1, np.rint(4.0 / np.array(zooms)))
    np.testing.assert_allclose(nib.affines.voxel_sizes(found.affine), steps * zooms, rtol=1e-6)
    assert found.mask.sum() == len(found.xyz)
    everywhere = apply_affine(found.affine, np.indices(found.shape).reshape(3, -1).T)
    np.testing.assert_allclose(found.xyz, everywhere[found.mask.ravel()])
    true = head(everywhere) > 300
    assert (true == found.mask.ravel()).mean() > 0.97
    np.testing.assert_allclose(found.xyz.mean(axis=0), everywhere[true].mean(axis=0), atol=1.5)


def ellipsoid(xyz, axes=AXES):
    return np.linalg.norm(xyz / axes, axis=-1) < 1


def with_hole_and_coil(xyz):
    """A head of one brightness, dark in its middle, and something bright beside it."""
    beside = np.linalg.norm(xyz - [0, 0, 72], axis=-1) < 9
    return 800.0 * (ellipsoid(xyz) & ~ellipsoid(xyz, AXES / 3) | beside)


@pytest.mark.parametrize("zooms", [(4, 4, 4), (3, 3, 7)])
def test_head_is_the_largest_part_with_its_holes_filled(zooms):
    shape = tuple(int(180 / zoom) for zoom in zooms)
    affine = oblique_affine(shape, zooms, (8, -3, 2))
    found = head_positions(nib.Nifti1Image(scan(with_hole_and_coil, shape, affine), affine))
    everywhere = apply_affine(found.affine, np.indices(found.shape).reshape(3, -1).T)
    mask = found.mask.ravel()
    assert mask[ellipsoid(everywhere, AXES - max(zooms))].all()
    assert not mask[~ellipsoid(everywhere, AXES + max(zooms))].any()


@pytest.mark.parametrize("n", [20, 21, 22, 23])
def test_grid_has_equal_margins(n):
    shape, zooms = (n, 20, 20), (2.0, 8.0, 9.0)
    affine = np.diag([*zooms, 1.0])
    found = head_positions(nib.Nifti1Image(scan(head, shape, affine), affine), spacing=8.0)
    assert found.shape[1:] == (20, 20)
    assert found.affine[1:, 3].tolist() == [0, 0, 1]
    before = found.affine[0, 3] / 2
    after = n - 1 - before - 4 * (found.shape[0] - 1)
    assert 0 <= before <= after <= before + 1
    assert before + after < 4


def test_no_head_is_refused():
    with pytest.raises(InputError, match="all values are 7, expected a head"):
        head_positions(nib.Nifti1Image(np.full((8, 8, 8), 7, np.float32), np.eye(4)))
    with pytest.raises(InputError, match=r"shape \(8, 8, 8, 2\), expected three dimensions"):
        head_positions(nib.Nifti1Image(np.ones((8, 8, 8, 2), np.float32), np.eye(4)))


def grid(n_points):
    """Points one above the other, 4 mm apart."""
    affine = np.diag([4.0, 4, 4, 1])
    xyz = np.column_stack([np.zeros((n_points, 2)), 4.0 * np.arange(n_points)])
    return HeadGrid(affine, (1, 1, n_points), np.ones((1, 1, n_points), bool), xyz)


def signal(n_volumes=60, n_points=40, seed=0):
    rng = np.random.default_rng(seed)
    return (500 + rng.normal(0, 5, (n_volumes, n_points))).astype(np.float32)


STILL = np.zeros((60, 6))


def test_quality_leaves_dummy_scans_trend_and_points_outside_out():
    series = signal()
    series += np.linspace(0, 50, 60)[:, None]
    series[:4] *= 3
    series[30, 5] = series[1, 9] = np.nan
    found = run_quality(series, STILL, repetition_time=2.0, dummy_scan_duration=8.0, head=grid(40))
    assert found.n_dummy_scans == 4
    assert np.flatnonzero(np.isnan(found.mean)).tolist() == [5, 9]
    assert np.flatnonzero(np.isnan(found.temporal_snr)).tolist() == [5, 9]
    assert np.nanmedian(found.temporal_snr) == pytest.approx(525 / 5, rel=0.1)
    np.testing.assert_allclose(found.mean[[0, 39]], series[4:, [0, 39]].mean(axis=0), rtol=1e-5)
    inside = np.delete(series, [5, 9], axis=1)
    np.testing.assert_allclose(found.global_signal, inside.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.dvars, dvars(inside, n_dummy_scans=4))


def test_carpet_leaves_dark_points_out_and_spreads_over_the_others():
    n_points = 2000
    series = np.full((60, n_points), 500, np.float32)
    series[30:] *= (1 + np.linspace(-0.02, 0.02, n_points)).astype(np.float32)
    series[:, 1500:] = 40
    found = run_quality(series, STILL, 2.0, 0.0, grid(n_points)).carpet[59].astype(int)
    assert len(found) == 800
    assert (np.diff(found) <= 0).all()
    assert found[0] == pytest.approx(100 * 0.01 / 2 / 0.05, abs=1)
    assert found[-1] == pytest.approx(-100 * 0.02 / 2 / 0.05, abs=1)


def test_carpet_goes_from_the_top_down_in_twentieths_of_a_percent():
    series = np.full((60, 40), 500, np.float32) + signal() * 1e-6
    series[20:, 39] *= 1.03  # the highest point
    found = run_quality(series, STILL, 2.0, 0.0, grid(40))
    assert found.carpet.shape == (60, 40)
    mean = 500 * (20 + 40 * 1.03) / 60
    change = 100 * (500 * 1.03 / mean - 1)
    assert found.carpet[30, 0] == pytest.approx(change / 0.05, abs=1)
    assert np.abs(found.carpet[:, 1:]).max() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"series": signal(n_points=39)}, r"series: shape \(60, 39\), expected \(any, 40\)"),
        ({"motion": STILL[1:]}, r"motion: shape \(59, 6\), expected \(60, 6\)"),
        ({"motion": np.where(np.arange(60)[:, None] == 7, np.nan, STILL)}, "motion: row 7 holds"),
        ({"dummy_scan_duration": 114.0}, "60 volumes, expected at least 4 after 57 dummy scans"),
        ({"series": np.full((60, 40), np.nan)}, "none of 40 points of the head is inside all"),
        ({"series": -signal()}, "median signal of the head -.*, expected more than 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    given = {"series": signal(), "motion": STILL, "dummy_scan_duration": 8.0} | changes
    with pytest.raises(InputError, match=message):
        run_quality(repetition_time=2.0, head=grid(40), **given)


def test_quality_comes_back_from_the_file(tmp_path):
    written = run_quality(signal(), STILL, 2.0, 8.0, grid(40))
    write_quality(tmp_path / "q.h5", written, {"study": "x"})
    found = read_quality(tmp_path / "q.h5")
    for name, value in vars(written).items():
        np.testing.assert_array_equal(getattr(found, name), value)
        assert type(getattr(found, name)) is type(value)
    with h5py.File(tmp_path / "q.h5", "a") as file:
        assert file.attrs["study"] == "x"


@pytest.mark.parametrize("name", [field.name for field in fields(RunQuality)])
def test_a_missing_field_is_named(name, tmp_path):
    write_quality(tmp_path / "q.h5", run_quality(signal(), STILL, 2.0, 8.0, grid(40)), {})
    with h5py.File(tmp_path / "q.h5", "a") as file:
        del (file if name in file else file.attrs)[name]
    with pytest.raises(InputError, match=f"q.h5: no '{name}', expected the quality of a run"):
        read_quality(tmp_path / "q.h5")


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path):
    quality = run_quality(signal(), STILL, 2.0, 8.0, grid(40))
    with pytest.raises(TypeError):
        write_quality(tmp_path / "q.h5", quality, {"study": object()})
    assert list(tmp_path.iterdir()) == []
