import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.preprocess.slices import correct_slice_times

TR = 2.0


def signal(t):
    """Slow for a TR of 2 s: cubic splines follow it."""
    return 500 + 20 * np.sin(2 * np.pi * t / 16) + 9 * np.cos(2 * np.pi * t / 11)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_all_slices_tell_of_the_middle_of_their_volume(axis):
    times = np.array([0.0, 1.1, 0.3, 1.9, 0.7])
    shape = [3, 3, 3]
    shape[axis] = 5
    acquired = np.arange(40) * TR + times[:, None]  # (slice, volume)
    place = [1, 1, 1, 40]
    place[axis] = 5
    run = np.empty((*shape, 40), np.float32)
    run[...] = signal(acquired).reshape(place)
    uncorrected = run.copy()
    corrected = correct_slice_times(run, times, TR, axis)
    expected = np.broadcast_to(signal((np.arange(40) + 0.5) * TR), run.shape)
    inner = np.s_[..., 3:-3]
    np.testing.assert_allclose(corrected[inner], expected[inner], atol=0.3)
    assert np.abs(uncorrected[inner] - expected[inner]).max() > 5


def test_the_ends_take_the_nearest_acquisition():
    run = np.arange(6, dtype=np.float32) * np.ones((3, 3, 2, 1), np.float32)
    corrected = correct_slice_times(run.copy(), [0.0, 1.9], TR)
    np.testing.assert_allclose(corrected[0, 0, 0], [0.5, 1.5, 2.5, 3.5, 4.5, 5.0], atol=1e-5)
    np.testing.assert_allclose(corrected[0, 0, 1, [0, 5]], [0.0, 4.55], atol=1e-5)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0], "1 slice times for 2 slices"),
        ([0.0, 2.0], "slice times from 0 to 2 s, expected"),
        ([-0.1, 1.0], "slice times from -0.1"),
    ],
)
def test_times_that_do_not_fit(times, message):
    with pytest.raises(InputError, match=message):
        correct_slice_times(np.ones((3, 3, 2, 8), np.float32), times, TR)


def test_a_run_too_short():
    with pytest.raises(InputError, match="3 volumes, expected 4"):
        correct_slice_times(np.ones((3, 3, 2, 3), np.float32), [0, 1], TR)
