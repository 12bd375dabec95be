import numpy as np
import pytest
from scipy.stats import zscore

from deeprecon.errors import InputError
from deeprecon.preprocess.samples import block_weights, preprocess_run
from deeprecon.preprocess.settings import Cleaning

TR = 2.0


def by_bdpy(data, onsets, durations, n_shift):
    """Shift the labels by whole volumes and average those of one block, as bdpy does."""
    labels = np.full(len(data), -1)
    for block, (onset, duration) in enumerate(zip(onsets, durations, strict=True)):
        labels[int(onset / TR) : int((onset + duration) / TR)] = block
    shifted, labels = data[n_shift:], labels[:-n_shift]
    return np.stack([shifted[labels == block].mean(axis=0) for block in range(len(onsets))])


def average(data, tr, onsets, durations, delay, start=0.0):
    times = start + tr * np.arange(len(data))
    return block_weights(times, tr, onsets, durations, delay) @ data


@pytest.mark.parametrize("duration", [8, 12])
def test_block_average_is_shift_sample_then_average_sample(duration):
    data = np.random.default_rng(0).normal(size=(60, 5))
    onsets = 32 + duration * np.arange(5)
    durations = np.full(5, duration)
    found = average(data, TR, onsets, durations, delay=4)
    np.testing.assert_allclose(found, by_bdpy(data, onsets, durations, 2), rtol=1e-12)


@pytest.mark.parametrize(
    ("tr", "onset", "duration", "delay", "weights"),
    [
        (2.0, 32.0, 8.0, 4.0, {18: 1, 19: 1, 20: 1, 21: 1}),
        (2.0, 32.0, 8.0, 5.0, {18: 0.5, 19: 1, 20: 1, 21: 1, 22: 0.5}),
        (2.0, 32.0, 8.0, 4.5, {18: 0.75, 19: 1, 20: 1, 21: 1, 22: 0.25}),
        (2.0, 31.0, 7.0, 4.0, {17: 0.5, 18: 1, 19: 1, 20: 1}),
        (0.8, 4.8, 2.4, 4.0, {11: 1, 12: 1, 13: 1}),
        (2.0, 32.0004, 8.0, 4.0, {18: 1, 19: 1, 20: 1, 21: 1}),
        (3.0, 30.0, 1.0, 4.0, {11: 1}),
    ],
)
def test_how_much_of_each_volume_a_block_takes(tr, onset, duration, delay, weights):
    found = block_weights(tr * np.arange(25), tr, [onset], [duration], delay)[0]
    expected = np.zeros(25)
    for volume, weight in weights.items():
        expected[volume] = weight / sum(weights.values())
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_any_delay_integrates_the_signal_over_the_block():
    """Against numerical integration of a signal that is constant over each volume."""
    rng = np.random.default_rng(2)
    data = rng.normal(size=40)
    for _ in range(20):
        tr, delay = rng.uniform(0.7, 3), rng.uniform(0, 6)
        onset, duration = rng.uniform(1, 10), rng.uniform(3, 12)
        fine = np.linspace(onset + delay, onset + duration + delay, 200_001)
        expected = data[(fine / tr).astype(int)].mean()
        assert average(data, tr, [onset], [duration], delay) == pytest.approx(expected, abs=1e-3)


def test_blocks_that_the_volumes_do_not_cover():
    times = TR * np.arange(4, 24)  # 8 to 48 s
    assert block_weights(times, TR, [36], [8], delay=4).shape == (1, 20)
    assert block_weights(times, TR, [4], [8], delay=4)[0, :4].sum() == 1
    with pytest.raises(InputError, match=r"block 1 \(onset 38 s.*from 8 to 48 s"):
        block_weights(times, TR, [20, 38], [8, 8], delay=4)
    with pytest.raises(InputError, match=r"block 0 \(onset 2 s"):
        block_weights(times, TR, [2], [8], delay=4)
    with pytest.raises(InputError, match=r"block 0 \(onset 20 s, duration 0 s"):
        block_weights(times, TR, [20], [0], delay=4)
    with pytest.raises(InputError, match="onsets"):
        block_weights(times, TR, [1, 2], [1], 0)


def run(seed=0):
    """239 volumes as in ds001506: 32 s of rest, 55 blocks of 8 s, 6 s of rest."""
    rng = np.random.default_rng(seed)
    motion = np.cumsum(rng.normal(0, [0.03] * 3 + [0.0005] * 3, (239, 6)), axis=0)
    series = 700 + rng.normal(0, 12, (239, 9)) + (motion / motion.std(0)) @ rng.normal(0, 8, (6, 9))
    series += np.outer(np.arange(239), rng.normal(0, 0.3, 9))
    series[100, 3] += 400
    return series, motion, 32 + 8.0 * np.arange(55), np.full(55, 8.0)


def test_preprocess_run_is_the_chain_of_2019():
    series, motion, onsets, durations = run()
    data, regressors = series[4:], motion[4:]  # 8 s of 2-s volumes
    n = len(data)
    design = np.column_stack([np.ones(n), np.arange(n) / n, regressors])
    data = data - design @ np.linalg.lstsq(design, data, rcond=None)[0] + data.mean(axis=0)
    rest = data[:12].mean(axis=0)  # the 24 s that are left of the rest
    data = 100 * (data - rest) / rest
    low, high = data.mean(0) - 3 * data.std(0), data.mean(0) + 3 * data.std(0)
    assert (data > high).any()
    expected = by_bdpy(np.minimum(np.maximum(data, low), high), onsets - 8, durations, 2)
    found, block = preprocess_run(series, motion, TR, onsets, durations, 32, Cleaning())
    np.testing.assert_array_equal(block, np.arange(55))
    assert found.shape == (55, 9)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def samples(series, motion, onsets, durations, rest_end=32, start=0.0, **steps):
    cleaning = Cleaning(**steps)
    return preprocess_run(series, motion, TR, onsets, durations, rest_end, cleaning, start=start)[0]


@pytest.mark.parametrize(
    "step",
    [
        {"dummy_scan_duration": 4.0},
        {"trend": False},
        {"high_pass": 128.0},
        {"normalize": "zscore"},
        {"normalize": "none"},
        {"baseline": "run"},
        {"clip": 2.0},
        {"clip": None},
        {"clip_iterations": 10},
        {"delay": 5.0},
    ],
)
def test_every_step_can_be_switched(step):
    series, motion, onsets, durations = run()
    default = samples(series, motion, onsets[:-1], durations[:-1])
    other = samples(series, motion, onsets[:-1], durations[:-1], **step)
    assert np.abs(other - default).max() > 1e-3


def test_the_labs_variant_with_z_scores():
    """regressout, shift_sample, normalize_sample (Zscore), reduce_outlier, average_sample."""
    series, motion, onsets, durations = run()
    design = np.column_stack([np.ones(235), np.arange(235) / 235, motion[4:]])
    data = series[4:] - design @ np.linalg.lstsq(design, series[4:], rcond=None)[0]
    data = zscore(data, axis=0)
    for _ in range(10):
        data = np.clip(data, data.mean(0) - 3 * data.std(0), data.mean(0) + 3 * data.std(0))
    expected = by_bdpy(data, onsets - 8, durations, 2)
    steps = {"normalize": "zscore", "baseline": "run", "clip_iterations": 10}
    np.testing.assert_allclose(
        samples(series, motion, onsets, durations, **steps), expected, atol=1e-8
    )


def test_without_averaging_every_volume_of_a_block_is_a_sample():
    series, motion, onsets, durations = run()
    values, block = preprocess_run(
        series, motion, TR, onsets, durations, 32, Cleaning(average=False)
    )
    np.testing.assert_array_equal(block, np.repeat(np.arange(55), 4))
    means = values.reshape(55, 4, -1).mean(axis=1)
    np.testing.assert_allclose(means, samples(series, motion, onsets, durations), atol=1e-10)


def test_volumes_that_start_later_move_the_blocks():
    series, motion, onsets, durations = run()
    late = samples(series, motion, onsets[:-1] + 0.5, durations[:-1], 32.5, start=0.5)
    expected = samples(series, motion, onsets[:-1], durations[:-1])
    np.testing.assert_allclose(late, expected, atol=1e-9)


def test_the_dummy_scans_leave_no_trace():
    series, motion, onsets, durations = run()
    expected = samples(series, motion, onsets, durations)
    series[:4] *= 3
    motion[:4] += 2
    np.testing.assert_array_equal(samples(series, motion, onsets, durations), expected)


def test_a_voxel_lost_from_view_is_zero():
    series, motion, onsets, durations = run()
    expected = samples(series, motion, onsets, durations)
    series[50, 4] = np.nan
    found = samples(series, motion, onsets, durations)
    assert (found[:, 4] == 0).all()
    kept = np.arange(9) != 4
    np.testing.assert_allclose(found[:, kept], expected[:, kept], atol=1e-10)


def test_runs_that_do_not_fit():
    series, motion, onsets, durations = run()
    with pytest.raises(InputError, match="238 rows of confounds, but 239 volumes"):
        samples(series, motion[1:], onsets, durations)
    with pytest.raises(InputError, match="it ends at 8 s, and the first 8 s are dropped"):
        samples(series, motion, onsets, durations, rest_end=8)
    with pytest.raises(InputError, match="no volume is left without the first 500 s"):
        samples(series, motion, onsets, durations, dummy_scan_duration=500.0)
    with pytest.raises(InputError, match=r"block 54 \(onset 464 s.*to 476 s"):
        samples(series[:-1], motion[:-1], onsets, durations, delay=6.0)
