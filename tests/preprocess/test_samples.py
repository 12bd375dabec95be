import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.preprocess.samples import block_average, preprocess_run

TR = 2.0


def by_bdpy(data, onsets, durations, n_shift):
    """Shift the labels by whole volumes and average those of one block, as bdpy does."""
    labels = np.full(len(data), -1)
    for block, (onset, duration) in enumerate(zip(onsets, durations, strict=True)):
        labels[int(onset / TR) : int((onset + duration) / TR)] = block
    shifted, labels = data[n_shift:], labels[:-n_shift]
    return np.stack([shifted[labels == block].mean(axis=0) for block in range(len(onsets))])


@pytest.mark.parametrize("duration", [8, 12])
def test_block_average_is_shift_sample_then_average_sample(duration):
    data = np.random.default_rng(0).normal(size=(60, 5))
    onsets = 32 + duration * np.arange(5)
    durations = np.full(5, duration)
    found = block_average(data, TR * np.arange(60), onsets, durations, delay=4)
    np.testing.assert_allclose(found, by_bdpy(data, onsets, durations, 2), rtol=1e-12)


@pytest.mark.parametrize(
    ("tr", "onset", "duration", "delay", "volumes"),
    [
        (2.0, 32.0, 8.0, 4.0, [18, 19, 20, 21]),
        (2.0, 32.0, 8.0, 5.0, [19, 20, 21, 22]),
        (2.0, 31.0, 7.0, 4.0, [18, 19, 20]),
        (0.8, 4.8, 2.4, 4.0, [11, 12, 13]),
        (2.0, 32.0004, 8.0, 4.0, [18, 19, 20, 21]),
    ],
)
def test_which_volumes_a_block_averages(tr, onset, duration, delay, volumes):
    data = 2.0 ** np.arange(25)[:, None]  # a sum of powers names its volumes
    found = block_average(data, tr * np.arange(25), [onset], [duration], delay)
    assert found * len(volumes) == sum(2.0**v for v in volumes)


def test_blocks_that_the_volumes_do_not_cover():
    data, times = np.ones((20, 2)), TR * np.arange(4, 24)  # 8 to 46 s
    assert block_average(data, times, [36], [8], delay=4).shape == (1, 2)
    assert block_average(data, times, [4], [8], delay=4).shape == (1, 2)
    with pytest.raises(InputError, match=r"block 1 \(onset 38 s.*from 8 to 46 s"):
        block_average(data, times, [20, 38], [8, 8], delay=4)
    with pytest.raises(InputError, match=r"block 0 \(onset 2 s"):
        block_average(data, times, [2], [8], delay=4)
    with pytest.raises(InputError, match=r"block 0 .*holds none of the volumes"):
        block_average(data, times, [20.5], [1], delay=4)


def test_arrays_that_do_not_fit():
    with pytest.raises(InputError, match="frame_times"):
        block_average(np.ones((5, 2)), np.arange(4), [1], [1], 0)
    with pytest.raises(InputError, match="onsets"):
        block_average(np.ones((5, 2)), np.arange(5), [1, 2], [1], 0)


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
    found = preprocess_run(series, motion, TR, onsets, durations, rest_end=32)
    assert found.shape == (55, 9)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_settings_of_preprocess_run_matter():
    series, motion, onsets, durations = run()
    default = preprocess_run(series, motion, TR, onsets[:-1], durations[:-1], rest_end=32)
    for setting in ({"lead_in": 4.0}, {"delay": 6.0}, {"n_sd": 2.0}):
        other = preprocess_run(
            series, motion, TR, onsets[:-1], durations[:-1], rest_end=32, **setting
        )
        assert np.abs(other - default).max() > 1e-3


def test_the_lead_in_leaves_no_trace():
    series, motion, onsets, durations = run()
    expected = preprocess_run(series, motion, TR, onsets, durations, rest_end=32)
    series[:4] *= 3
    motion[:4] += 2
    found = preprocess_run(series, motion, TR, onsets, durations, rest_end=32)
    np.testing.assert_array_equal(found, expected)


def test_a_voxel_lost_from_view_is_zero():
    series, motion, onsets, durations = run()
    expected = preprocess_run(series, motion, TR, onsets, durations, rest_end=32)
    series[50, 4] = np.nan
    found = preprocess_run(series, motion, TR, onsets, durations, rest_end=32)
    assert (found[:, 4] == 0).all()
    kept = np.arange(9) != 4
    np.testing.assert_allclose(found[:, kept], expected[:, kept], atol=1e-10)


def test_runs_that_do_not_fit():
    series, motion, onsets, durations = run()
    with pytest.raises(InputError, match="238 rows of motion parameters, but 239 volumes"):
        preprocess_run(series, motion[1:], TR, onsets, durations, rest_end=32)
    with pytest.raises(InputError, match="it ends at 8 s, and the first 8 s are dropped"):
        preprocess_run(series, motion, TR, onsets, durations, rest_end=8)
    with pytest.raises(InputError, match=r"block 54 \(onset 464 s.*to 474 s"):
        preprocess_run(series[:-1], motion[:-1], TR, onsets, durations, rest_end=32, delay=6)
