import logging

import numpy as np
import pytest
from scipy.signal import detrend

from deeprecon.errors import InputError
from deeprecon.preprocess.clean import clip_outliers, percent_signal_change, regress_out


def run(seed=0, n_volumes=60, n_voxels=7):
    """A run with trends and traces of motion, and the motion."""
    rng = np.random.default_rng(seed)
    motion = np.cumsum(rng.normal(0, [0.05] * 3 + [0.0005] * 3, (n_volumes, 6)), axis=0)
    data = 800 + rng.normal(0, 10, (n_volumes, n_voxels))
    data += np.outer(np.arange(n_volumes), rng.normal(0, 1, n_voxels))
    data += (motion / motion.std(axis=0)) @ rng.normal(0, 15, (6, n_voxels))
    return data, motion


def test_regress_out_is_least_squares_on_constant_trend_and_regressors():
    data, motion = run()
    n = len(data)
    design = np.column_stack([np.ones(n), (np.arange(n) + 1) / n, motion])
    residual = data - design @ np.linalg.lstsq(design, data, rcond=None)[0]
    np.testing.assert_allclose(regress_out(data, motion), residual + data.mean(axis=0), atol=1e-8)


def test_regress_out_agrees_with_nilearn():
    signal = pytest.importorskip("nilearn.signal")
    data, motion = run()
    expected = signal.clean(data, confounds=motion, detrend=True, standardize=None)
    np.testing.assert_allclose(regress_out(data, motion) - data.mean(axis=0), expected, atol=1e-6)


def test_without_regressors_only_the_trend_goes():
    data, _ = run()
    expected = detrend(data, axis=0) + data.mean(axis=0)
    np.testing.assert_allclose(regress_out(data, np.empty((60, 0))), expected, atol=1e-9)


def test_dependent_and_constant_regressors_change_nothing():
    data, motion = run()
    redundant = np.column_stack(
        [motion, motion[:, 0] * 1e6 - motion[:, 3], np.zeros(60), np.full(60, 3.0)]
    )
    np.testing.assert_allclose(regress_out(data, redundant), regress_out(data, motion), atol=1e-7)


def test_a_voxel_with_nan_does_not_spoil_the_others():
    data, motion = run()
    clean = regress_out(data, motion)
    data[5, 2] = np.nan
    spoilt = regress_out(data, motion)
    assert np.isnan(spoilt[:, 2]).all()
    others = np.arange(7) != 2
    np.testing.assert_allclose(spoilt[:, others], clean[:, others], rtol=1e-12)


def test_regressors_that_do_not_fit():
    data, motion = run()
    with pytest.raises(InputError, match=r"regressors: shape \(59, 6\), expected \(60, any\)"):
        regress_out(data, motion[1:])
    motion[3, 2] = np.nan
    with pytest.raises(InputError, match="regressors: row 3 holds NaN"):
        regress_out(data, motion)
    with pytest.raises(InputError, match="8 volumes, expected more than 8"):
        regress_out(data[:8], motion[10:18])


@pytest.mark.parametrize("baseline", [slice(2, 4), np.array([False, False, True, True, False])])
def test_percent_signal_change_of_the_baseline_mean(baseline):
    data = np.array([[90.0, 1], [110, 2], [95, 3], [105, 5], [150, 8]])
    expected = [[-10.0, -75], [10, -50], [-5, -25], [5, 25], [50, 100]]
    np.testing.assert_allclose(percent_signal_change(data, baseline), expected)


def test_voxels_without_baseline_are_zero_and_counted(caplog):
    data = np.full((6, 5), 100.0)
    data[:, 1] = 0
    data[:, 2] = -5
    data[4, 3] = np.nan
    data[5] += 10
    with caplog.at_level(logging.WARNING):
        change = percent_signal_change(data, slice(0, 3))
    assert "3 of 5 voxels" in caplog.text
    np.testing.assert_allclose(change[:5], 0, atol=1e-12)
    np.testing.assert_allclose(change[5], [10, 0, 0, 0, 10])


def test_no_baseline_volume():
    with pytest.raises(InputError, match="no baseline volume among 4"):
        percent_signal_change(np.ones((4, 2)), np.zeros(4, bool))


def test_clip_outliers_once_per_voxel():
    rng = np.random.default_rng(0)
    data = rng.normal(50, 2, (100, 3))
    data[10, 0], data[20, 1] = 500, -400
    clipped = clip_outliers(data, n_sd=3)
    for voxel in range(3):
        column = data[:, voxel]
        low, high = (column.mean() + sign * 3 * np.std(column) for sign in (-1, 1))
        expected = [min(max(value, low), high) for value in column]
        np.testing.assert_allclose(clipped[:, voxel], expected)
    assert clipped[10, 0] < 250
    assert clipped[20, 1] > -150
    np.testing.assert_array_equal(
        clipped[:, 2][abs(data[:, 2] - 50) < 4], data[:, 2][abs(data[:, 2] - 50) < 4]
    )
