"""Layers in blocks: the same features as at once, whole files or none, weights that predict."""

import h5py
import numpy as np
import pytest

from deeprecon.decode.layer import LayerDecoder, TrainingVoxels
from deeprecon.decode.region import DecoderInput, Region
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.stream import decode_layer, permuted
from deeprecon.decode.weights import predict_from_weights
from deeprecon.errors import InputError
from deeprecon.features import store
from deeprecon.features.sampled import sample_features, sample_units
from deeprecon.features.statistics import LayerStatistics
from deeprecon.features.store import FeatureFile, read_features, read_units, write_features

RNG = np.random.default_rng(0)
IDS = [f"image{i}" for i in range(20)]
SHAPE = (12, 3, 4)
X = RNG.normal(5, 2, (60, 15)).astype(np.float32)
SHOWN = IDS * 3


@pytest.fixture
def features(tmp_path, monkeypatch):
    """A file in chunks of two channels, which is read four channels at a time."""
    monkeypatch.setattr(store, "MAX_CHUNK_UNITS", 24)
    monkeypatch.setattr(store, "MAX_BLOCK_VALUES", 20 * 48)
    values = RNG.normal(2, 3, (20, *SHAPE)).astype(np.float32)
    write_features(tmp_path / "train.h5", values, IDS, {})
    assert len(FeatureFile.of(tmp_path / "train.h5").blocks()) == 3
    return tmp_path / "train.h5", values


def decoder(n_voxels=5, n_jobs=1):
    return LayerDecoder(TrainingVoxels.of(X, SHOWN), TopKRidge(n_voxels=n_voxels), n_jobs)


@pytest.mark.parametrize(
    ("limit", "n_more", "expected"),
    [
        (20 * 12 * 5, 0, [(0, 4), (4, 8), (8, 12)]),  # five rows fit, in chunks of two
        (20 * 12 * 5, 20, [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12)]),
        (20 * 12, 0, [(i, i + 1) for i in range(12)]),
        (1, 0, [(i, i + 1) for i in range(12)]),  # less than a row is not read
        (10**9, 0, [(0, 12)]),
    ],
)
def test_blocks_are_of_whole_chunks_if_they_fit(features, monkeypatch, limit, n_more, expected):
    monkeypatch.setattr(store, "MAX_BLOCK_VALUES", limit)
    found = FeatureFile.of(features[0]).blocks(n_more)
    assert [(rows.start, rows.stop) for rows in found] == expected


def test_blocks_decode_as_one(features, tmp_path):
    path, values = features
    wanted = {
        tmp_path / "a.h5": DecoderInput(X[:4], ["k", "l", "m", "n"]),
        tmp_path / "b.h5": DecoderInput(X[7:9], ["x", "x"], np.array([1, 2])),
    }
    decode_layer(decoder(), path, wanted, {"study": "s"})
    whole = decoder().decode(values, IDS, np.concatenate([X[:4], X[7:9]]))
    for name, rows in (("a", slice(0, 4)), ("b", slice(4, 6))):
        found, ids = read_features(tmp_path / f"{name}.h5")
        np.testing.assert_allclose(found, whole[rows], rtol=2e-5, atol=1e-5)
    assert ids == ["x", "x"]
    with h5py.File(tmp_path / "b.h5") as file:
        assert file["repetition"][:].tolist() == [1, 2]
        assert file.attrs["study"] == "s"


@pytest.mark.parametrize("n_voxels", [5, None])
def test_saved_weights_predict_the_same(features, tmp_path, n_voxels):
    path, _ = features
    wanted = {tmp_path / "a.h5": DecoderInput(X[:4], list("klmn"))}
    decode_layer(decoder(n_voxels, n_jobs=2), path, wanted, {}, weights=tmp_path / "w.h5")
    predicted = predict_from_weights(tmp_path / "w.h5", X[:4])
    np.testing.assert_allclose(predicted, read_features(tmp_path / "a.h5")[0], rtol=1e-4, atol=1e-4)
    with h5py.File(tmp_path / "w.h5") as file:
        assert ("selected" in file) == (n_voxels is not None)
    with pytest.raises(InputError, match=r"w.h5: samples of shape \(4, 14\), expected \(n, 15\)"):
        predict_from_weights(tmp_path / "w.h5", X[:4, 1:])


def test_some_units_are_decoded_as_among_all(features, tmp_path):
    path, values = features
    units = sample_units(SHAPE, 30, "conv", seed=3)
    wanted = {tmp_path / "a.h5": DecoderInput(X[:4], list("klmn"))}
    decode_layer(decoder(), path, wanted, {}, units=units, weights=tmp_path / "w.h5")
    found, _ = read_features(tmp_path / "a.h5")
    whole = decoder().decode(values, IDS, X[:4]).reshape(4, -1)
    np.testing.assert_allclose(found, whole[:, units], rtol=2e-5, atol=1e-5)
    assert np.array_equal(read_units(tmp_path / "a.h5"), units)
    assert read_units(path) is None
    np.testing.assert_allclose(predict_from_weights(tmp_path / "w.h5", X[:4]), found, rtol=1e-4)
    true, _ = read_features(path, IDS[3:5], units)
    assert np.array_equal(true, values[3:5].reshape(2, -1)[:, units])


def test_permuted_training_decodes_something_else(features, tmp_path):
    path, values = features
    order = permuted(IDS, 4)
    assert sorted(order) == sorted(IDS)
    assert order == permuted(IDS, 4) != permuted(IDS, 5)
    wanted = {tmp_path / "a.h5": DecoderInput(X[:4], list("klmn"))}
    decode_layer(decoder(), path, wanted, {}, permutation_seed=4)
    expected = decoder().decode(values, order, X[:4])
    found, _ = read_features(tmp_path / "a.h5")
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("mistake", ["nan in the last block", "stimulus without features"])
def test_nothing_is_left_of_a_layer_that_fails(features, tmp_path, mistake):
    path, values = features
    if mistake == "nan in the last block":
        values[7, 11, 2, 2] = np.nan
        write_features(path, values, IDS, {})
        message = r"train.h5: features: row 7 \(image7\) has NaN"
    else:
        write_features(path, values[1:], IDS[1:], {})
        message = "train.h5: features: no row for 1 of 20 stimuli that were shown, .* 'image0'"
    wanted = {tmp_path / f"{name}.h5": DecoderInput(X[:4], list("klmn")) for name in "ab"}
    with pytest.raises(InputError, match=message):
        decode_layer(decoder(), path, wanted, {}, weights=tmp_path / "w.h5")
    assert [file.name for file in tmp_path.iterdir()] == ["train.h5"]


def test_sampled_units_and_statistics_of_a_file_in_blocks(features):
    path, values = features
    sampled, which = sample_features(path, 30, "conv", seed=3)
    units = sample_units(SHAPE, 30, "conv", seed=3)
    assert np.array_equal(sampled, values.reshape(20, -1)[:, units])
    assert which.shape == SHAPE
    assert np.array_equal(which.index, units)
    assert not np.array_equal(units, sample_units(SHAPE, 30, "other", seed=3))
    assert sample_units(SHAPE, 1000, "conv", seed=3).tolist() == list(range(144))
    found, whole = LayerStatistics.of_file(path), LayerStatistics.of(values)
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(found.sd, whole.sd, rtol=1e-6)
    assert found.contrast == pytest.approx(whole.contrast)


def test_region_comes_back_from_its_file(tmp_path):
    sets = ["train"] * 60 + ["natural"] * 6 + ["other"] * 2
    ids = SHOWN + ["p", "q", "p", "q", "p", "q"] + ["z"] * 2
    voxels = np.concatenate([X, RNG.normal(5, 2, (8, 15)).astype(np.float32)])
    region = Region.of(voxels, ids, sets, ["natural"])
    region.save(tmp_path / "r.h5", {})
    back = Region.load(tmp_path / "r.h5")
    assert list(back.tests) == ["natural"]
    assert back.training.stimulus_id == IDS
    assert np.array_equal(back.training.design.gram, region.training.design.gram)
    test = back.tests["natural"]
    average, names, repetition = test.averaged("all")
    assert names == ["p", "q"]
    assert repetition is None
    np.testing.assert_allclose(average[0], voxels[[60, 62, 64]].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(test.averaged(2)[0][1], voxels[[61, 63]].mean(axis=0), rtol=1e-6)
    single, names, repetition = test.averaged("single")
    assert np.array_equal(single, voxels[60:66])
    assert (names, repetition.tolist()) == (["p", "q"] * 3, [1, 1, 2, 2, 3, 3])


def test_a_subject_without_a_set_is_refused():
    with pytest.raises(InputError, match="none of the set 'imagery', found sets: train"):
        Region.of(X, SHOWN, ["train"] * 60, ["imagery"])
