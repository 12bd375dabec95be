import h5py
import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.features.statistics import (
    LayerStatistics,
    channel_sd,
    read_statistics,
    write_statistics,
)
from deeprecon.features.store import MAX_CHUNK_UNITS, read_features, write_features

FEATURES = np.random.default_rng(0).normal(size=(3, 4, 5, 5)).astype(np.float32)
IDS = ["1.000010", "2", "10"]


def test_round_trip_keeps_ids_as_strings_and_reorders(tmp_path):
    path = tmp_path / "b2.h5"
    write_features(path, FEATURES, IDS, {"network": "n"})
    features, ids = read_features(path)
    assert ids == IDS
    np.testing.assert_array_equal(features, FEATURES)
    some, _ = read_features(path, ["10", "1.000010"])
    np.testing.assert_array_equal(some, FEATURES[[2, 0]])


def test_bytes_are_the_same_each_time(tmp_path):
    for name in "ab":
        write_features(tmp_path / name, FEATURES, IDS, {"network": "n"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_chunks_hold_one_stimulus_and_a_bounded_number_of_units(tmp_path):
    big = np.zeros((2, 64, 80, 80), np.float32)
    write_features(tmp_path / "big.h5", big, ["1", "2"], {})
    with h5py.File(tmp_path / "big.h5") as file:
        chunks = file["features"].chunks
    assert chunks[0] == 1
    assert np.prod(chunks) <= MAX_CHUNK_UNITS


def test_missing_stimulus_is_named(tmp_path):
    write_features(tmp_path / "b2.h5", FEATURES, IDS, {})
    with pytest.raises(InputError, match="no features of 1 of 2 stimuli, such as '7'"):
        read_features(tmp_path / "b2.h5", ["2", "7"])


def test_ids_must_match_rows(tmp_path):
    with pytest.raises(InputError, match="3 feature rows but 2 stimuli"):
        write_features(tmp_path / "b2.h5", FEATURES, IDS[:2], {})
    assert not list(tmp_path.iterdir())


def test_statistics(tmp_path):
    statistics = LayerStatistics.of(FEATURES)
    np.testing.assert_allclose(statistics.sd, np.std(FEATURES, axis=0, ddof=1), rtol=1e-5)
    by_hand = [
        np.mean([np.std(channel) for channel in image - FEATURES.mean(0)]) for image in FEATURES
    ]
    assert statistics.contrast == pytest.approx(np.mean(by_hand), rel=1e-5)
    write_statistics(tmp_path / "s.h5", {"b2": statistics}, {})
    np.testing.assert_array_equal(read_statistics(tmp_path / "s.h5")["b2"].mean, statistics.mean)


def test_channel_sd_of_vectors():
    vectors = np.random.default_rng(1).normal(size=(4, 30))
    np.testing.assert_allclose(channel_sd(vectors), [row.std() for row in vectors])
