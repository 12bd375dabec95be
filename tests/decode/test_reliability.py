"""Repetitions: averages, correlation between them, and the ceiling that follows."""

import numpy as np
import pytest

from deeprecon.decode.layer import LayerDecoder, TrainingVoxels, average_trials
from deeprecon.decode.reliability import (
    accuracy_by_repetitions,
    averages,
    repeat_correlation,
    stack_repetitions,
    voxel_reliability,
)
from deeprecon.decode.ridge import TopKRidge
from deeprecon.stats.correlation import noise_ceiling

RNG = np.random.default_rng(0)


def test_repetitions_are_stacked_in_order_and_surplus_is_left_out():
    ids = ["b", "a", "b", "a", "b"]
    stacked, stimuli = stack_repetitions(np.arange(5.0)[:, None], ids)
    assert stimuli == ["b", "a"]
    assert stacked[:, :, 0].tolist() == [[0, 1], [2, 3]]


def test_averages_share_no_repetition():
    stacked = RNG.normal(size=(7, 2, 3))
    parts = list(averages(stacked, 3))
    assert len(parts) == 2
    np.testing.assert_allclose(parts[1], stacked[3:6].mean(axis=0))


def test_repeat_correlation_is_the_mean_over_pairs():
    stacked = RNG.normal(size=(4, 12, 3)) + RNG.normal(size=(12, 3))
    stacked[:, :, 2] = 5.0
    for column in range(2):
        r = np.corrcoef(stacked[:, :, column])
        expected = r[np.triu_indices(4, 1)].mean()
        assert repeat_correlation(stacked)[column] == pytest.approx(expected)
    assert np.isnan(repeat_correlation(stacked)[2])
    assert np.isnan(repeat_correlation(stacked[:1])).all()


@pytest.mark.parametrize("n", [1, 4, 24])
def test_ceiling_is_the_correlation_with_the_signal_itself(n):
    """Many stimuli, signal and noise of known variance: r with the signal is what is foretold."""
    signal = RNG.normal(size=(4000, 3)) * [0.5, 1, 2]
    trials = signal + RNG.normal(size=(24, 4000, 3))
    found = noise_ceiling(repeat_correlation(trials), n)
    average = trials[:n].mean(axis=0)
    true = [np.corrcoef(average[:, i], signal[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(found, true, atol=0.03)


def test_accuracy_rises_with_repetitions_and_stays_below_its_ceiling():
    true = RNG.normal(size=(40, 60))
    decoded = true + 3 * RNG.normal(size=(8, 40, 60))
    training = RNG.normal(size=(100, 60))
    rows = accuracy_by_repetitions(decoded, true, np.zeros(60), np.ones(60), training, used=3)
    profile = {row["n_repetitions"]: row for row in rows if row["metric"] == "profile_correlation"}
    assert list(profile) == [1, 2, 3, 4, 8]
    assert [row["n_subsets"] for row in profile.values()] == [8, 4, 2, 2, 1]
    assert [row["used"] for row in profile.values()] == [False, False, True, False, False]
    values = [row["value"] for row in profile.values()]
    assert values == sorted(values)
    for n, row in profile.items():
        assert row["ceiling"] == pytest.approx(np.sqrt(n / (n + 9)), abs=0.06)
        assert row["value"] == pytest.approx(row["ceiling"], abs=0.06)
    last = {row["metric"]: row["value"] for row in rows if row["n_repetitions"] == 8}
    assert last["top1_among_all"] <= last["top10_among_all"]
    assert last["identification_among_all"] > 0.95
    chance = accuracy_by_repetitions(
        RNG.normal(size=(1, 40, 60)), true, np.zeros(60), np.ones(60), training
    )
    found = {row["metric"]: row for row in chance}
    assert found["identification_among_all"]["value"] == pytest.approx(0.5, abs=0.12)
    assert np.isnan(found["profile_correlation"]["ceiling"])


def test_reliability_of_voxels_over_stimuli_and_of_stimuli_over_voxels():
    signal = RNG.normal(size=(300, 200))
    X = np.concatenate([signal + 2 * RNG.normal(size=signal.shape) for _ in range(4)])
    profile, pattern = voxel_reliability(X, [f"s{i}" for i in range(300)] * 4)
    for row in (profile, pattern):
        assert row["n_repetitions"] == 4
        assert row["correlation"] == pytest.approx(1 / 5, abs=0.01)
        assert row["ceiling_single"] == pytest.approx(np.sqrt(1 / 5), abs=0.01)
        assert row["ceiling_average"] == pytest.approx(np.sqrt(4 / 8), abs=0.01)
    assert (profile["measure"], pattern["measure"]) == ("profile", "pattern")
    once = voxel_reliability(signal, [f"s{i}" for i in range(300)])
    assert all(np.isnan(row["ceiling_average"]) for row in once)


def test_averaging_what_is_decoded_is_decoding_the_average():
    X, ids = RNG.normal(size=(30, 12)), [f"i{i % 15}" for i in range(30)]
    features = RNG.normal(size=(15, 4)).astype(np.float32)
    names = [f"i{i}" for i in range(15)]
    decoder = LayerDecoder(TrainingVoxels.of(X, ids), TopKRidge(n_voxels=5))
    test, shown = RNG.normal(size=(12, 12)), ["a", "b", "c"] * 4
    single, stimuli = stack_repetitions(decoder.decode(features, names, test), shown)
    average, order = average_trials(test, shown)
    assert stimuli == order
    whole = decoder.decode(features, names, average)
    np.testing.assert_allclose(single.mean(axis=0), whole, rtol=1e-5, atol=1e-6)
