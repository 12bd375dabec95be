import logging

import numpy as np
import pytest
from scipy.signal import detrend
from scipy.stats import zscore

from deeprecon.errors import InputError
from deeprecon.preprocess.clean import (
    NORMALIZATIONS,
    clip_outliers,
    cosines,
    percent_signal_change,
    regress_out,
    z_score,
)


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


def test_without_the_trend_only_regressors_go():
    data, motion = run()
    design = np.column_stack([np.ones(len(data)), motion])
    residual = data - design @ np.linalg.lstsq(design, data, rcond=None)[0]
    found = regress_out(data, motion, trend=False)
    np.testing.assert_allclose(found, residual + data.mean(axis=0), atol=1e-8)
    np.testing.assert_array_equal(regress_out(data, np.empty((60, 0)), trend=False), data)


def test_dependent_and_constant_regressors_change_nothing():
    data, motion = run()
    redundant = np.column_stack(
        [motion, motion[:, 0] * 1e6 - motion[:, 3], np.zeros(60), np.full(60, 3.0)]
    )
    np.testing.assert_allclose(regress_out(data, redundant), regress_out(data, motion), atol=1e-7)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, -7.7e-5, 1e9 + 0.1])
def test_a_constant_that_rounding_spoils_does_not_take_the_mean(constant):
    """As the motion of a still head: 0.1 summed 60 times is not 6."""
    data, _ = run()
    spoilt = np.full((60, 6), constant) * (1 + 1e-16 * np.arange(60)[:, None])
    np.testing.assert_allclose(regress_out(data, spoilt).mean(axis=0), data.mean(axis=0))
    np.testing.assert_allclose(regress_out(data, spoilt), regress_out(data, spoilt[:, :0]))


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


def test_clipping_again_and_again_takes_the_statistics_of_what_is_clipped():
    rng = np.random.default_rng(1)
    data = rng.normal(0, 1, (80, 4))
    data[3] += 60
    expected = data.copy()
    for _ in range(10):
        mean, sd = expected.mean(axis=0), expected.std(axis=0)
        expected = np.minimum(np.maximum(expected, mean - 3 * sd), mean + 3 * sd)
    found = clip_outliers(data, 3, n_iterations=10)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found[3] < clip_outliers(data, 3)[3] - 5).all()


def test_z_score_agrees_with_scipy():
    data, _ = run()
    np.testing.assert_allclose(z_score(data, slice(None)), zscore(data, axis=0), atol=1e-12)
    rest = np.arange(60) < 12
    found = z_score(data, rest)
    np.testing.assert_allclose(found[rest].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found[rest].std(axis=0), 1)


@pytest.mark.parametrize("method", NORMALIZATIONS)
def test_every_normalization_leaves_neither_nan_nor_silence(method, caplog):
    data, _ = run()
    data[4, 3] = np.nan
    data[:, 5] = 250.0
    with caplog.at_level(logging.WARNING):
        found = NORMALIZATIONS[method](data, slice(0, 12))
    assert np.isfinite(found).all()
    assert (found[:, 3] == 0).all()
    assert ("2 of 7" if method == "zscore" else "1 of 7") in caplog.text


def test_cosines_span_those_of_nilearn():
    design = pytest.importorskip("nilearn.glm.first_level")
    times = np.arange(235) * 2.0
    table = design.make_first_level_design_matrix(times, drift_model="cosine", high_pass=1 / 128)
    theirs = table.drop(columns="constant").to_numpy()
    ours = cosines(235, 2.0, 128.0)
    assert ours.shape == theirs.shape
    scale = np.linalg.norm(theirs, axis=0) / np.linalg.norm(ours, axis=0)
    np.testing.assert_allclose(ours * scale, theirs, atol=1e-6)
    assert cosines(20, 2.0, 128.0).shape == (20, 0)
