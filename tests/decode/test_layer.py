"""The layer decoder against the lab's steps written out, with scikit-learn's ridge inside."""

import h5py
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from deeprecon.decode.layer import LayerDecoder, TrainingVoxels, average_trials, repetition
from deeprecon.decode.ridge import TopKRidge
from deeprecon.errors import InputError

VOXELS, UNIT_SHAPE = 8, (2, 3)


@pytest.fixture
def data():
    """Unequal repeats in mixed order, features in another order, one stimulus never shown."""
    rng = np.random.default_rng(0)
    names = [f"image{i:02d}" for i in range(15)]
    features = rng.normal(5, 3, (15, *UNIT_SHAPE))
    shown = rng.permutation([n for n in names[:14] for _ in range(rng.integers(1, 5))]).tolist()
    rows = [names.index(name) for name in shown]
    X = features.reshape(15, -1)[rows] @ rng.standard_normal((6, VOXELS))
    X += rng.normal(20, 4, X.shape)
    return X, shown, features, names


def lab_prediction(X, shown, features, names, test_X, test_ids, alpha):
    """Train and predict as the lab's scripts do, on all voxels; predictions in order of np.unique.

    The penalised bias is a column of ones beside the voxels.
    """
    labels = np.unique(shown)
    F = features[[names.index(label) for label in labels]].reshape(len(labels), -1)
    y_mean, y_sd = F.mean(0), F.std(0, ddof=1)
    rows = [list(labels).index(name) for name in shown]
    x_mean, x_sd = X.mean(0), X.std(0, ddof=1)
    ones = np.ones((len(X), 1))
    ridge = Ridge(alpha=alpha, fit_intercept=False, solver="cholesky")
    ridge.fit(np.hstack([(X - x_mean) / x_sd, ones]), ((F - y_mean) / y_sd)[rows])
    test_labels = np.unique(test_ids)
    mean = np.array([test_X[np.array(test_ids) == label].mean(0) for label in test_labels])
    z = np.hstack([(mean - x_mean) / x_sd, ones[: len(mean)]])
    return (ridge.predict(z) * y_sd + y_mean).reshape(-1, *UNIT_SHAPE), test_labels.tolist()


def decode(X, shown, features, names, test_X, test_ids, model=None):
    """Train on X and decode the averages of the test samples; also their stimuli."""
    decoder = LayerDecoder(TrainingVoxels.of(X, shown), model or TopKRidge(n_voxels=3))
    test, stimuli = average_trials(test_X, test_ids)
    return decoder.decode(features, names, test), stimuli


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equals_the_labs_steps(data, dtype):
    X, shown, features, names = data
    rng = np.random.default_rng(1)
    test_ids = ["b", "a", "c", "a", "b", "a"]
    test_X = rng.normal(20, 5, (6, VOXELS))
    decoded, order = decode(
        X.astype(dtype), shown, features.astype(np.float32), names, test_X.astype(dtype), test_ids,
        TopKRidge(n_voxels=None, alpha=4.0),
    )  # fmt: skip
    expected, labels = lab_prediction(*data, test_X, test_ids, 4.0)
    assert order == ["b", "a", "c"]
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, expected[[labels.index(n) for n in order]], rtol=2e-5)


def test_training_statistics(data):
    X, shown, features, names = data
    training, kept = TrainingVoxels.of(X, shown), {}
    LayerDecoder(training, TopKRidge(n_voxels=3)).decode(
        features, names, X, None,
        lambda units, fitted: kept.update({(units.start, units.stop): fitted}),
    )  # fmt: skip
    np.testing.assert_allclose(training.x_mean, X.mean(0))
    np.testing.assert_allclose(training.x_sd, X.std(0, ddof=1))
    assert training.stimulus_id == list(dict.fromkeys(shown))
    fitted = kept.pop((0, 6))
    assert not kept
    np.testing.assert_allclose(fitted.mean, features[:14].reshape(14, -1).mean(0))
    np.testing.assert_allclose(fitted.sd, features[:14].reshape(14, -1).std(0, ddof=1))
    assert fitted.solution.selected.shape == (6, 3)


def test_order_of_rows_and_features_does_not_matter(data):
    X, shown, features, names = data
    rng = np.random.default_rng(2)
    rows, files = rng.permutation(len(X)), rng.permutation(len(names))
    plain, _ = decode(*data, X[:5], list("abcde"))
    mixed, _ = decode(
        X[rows], [shown[i] for i in rows], features[files], [names[i] for i in files],
        X[:5], list("abcde"),
    )  # fmt: skip
    np.testing.assert_allclose(plain, mixed, rtol=1e-6)


def test_threads_and_blocks_change_nothing(data):
    X, shown, _, names = data
    features = np.random.default_rng(3).standard_normal((15, 300, 2))
    training, model = TrainingVoxels.of(X, shown), TopKRidge(n_voxels=3)
    one = LayerDecoder(training, model).decode(features, names, X[:4])
    two = LayerDecoder(training, model, n_jobs=2).decode(features, names, X[:4])
    part = LayerDecoder(training, model).decode(features[:, 290:], names, X[:4])
    assert np.array_equal(one, two)
    np.testing.assert_allclose(one[:, 290:], part, rtol=1e-5)


def test_training_comes_back_from_its_file(data, tmp_path):
    X, shown, features, names = data
    training = TrainingVoxels.of(X.astype(np.float32), shown)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        training.write(file)
    with h5py.File(tmp_path / "t.h5") as file:
        back = TrainingVoxels.read(file)
    assert back.stimulus_id == training.stimulus_id
    model = TopKRidge(n_voxels=3)
    assert np.array_equal(
        LayerDecoder(back, model).decode(features, names, X),
        LayerDecoder(training, model).decode(features, names, X),
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_voxels", [3, None])
def test_constant_voxel_and_unit(data, dtype, n_voxels):
    """A voxel that did not vary in training changes nothing later; a constant unit stays so."""
    X, shown, features, names = data
    features = features.copy()
    features[:, 1, 2] = 0.1  # not exact in binary: its computed SD may differ from 0
    X = np.column_stack([X, np.full(len(X), 0.1)]).astype(dtype)
    training = TrainingVoxels.of(X, shown)
    assert training.x_sd[-1] == 0
    decoder = LayerDecoder(training, TopKRidge(n_voxels, 1.0))
    other = X[:4].copy()
    other[:, -1] = np.finfo(dtype).max
    decoded = decoder.decode(features, names, X[:4])
    assert np.array_equal(decoded, decoder.decode(features, names, other))
    assert np.isfinite(decoded).all()
    np.testing.assert_allclose(decoded[:, 1, 2], 0.1, rtol=1e-6)


def test_inputs_stay_as_they_are(data):
    X, shown, features, _ = data
    copies = X.copy(), features.copy()
    decode(*data, X, shown)
    assert np.array_equal(X, copies[0])
    assert np.array_equal(features, copies[1])


def test_recovers_a_noiseless_map():
    rng = np.random.default_rng(4)
    features = rng.normal(3, 2, (30, 5))
    names = [str(i) for i in range(30)]
    X = features @ rng.standard_normal((5, 40)) + 10
    decoded, _ = decode(X, names, features, names, X, names, TopKRidge(None, 1e-6))
    np.testing.assert_allclose(decoded, features, rtol=1e-4)


def test_first_repetitions_are_averaged():
    X, ids = np.arange(12.0).reshape(6, 2), ["a", "b", "b", "a", "b", "a"]
    assert repetition(ids).tolist() == [1, 1, 2, 2, 3, 3]
    for n, rows in ((1, ([0], [1])), (2, ([0, 3], [1, 2])), (None, ([0, 3, 5], [1, 2, 4]))):
        averages, stimuli = average_trials(X, ids, n)
        assert stimuli == ["a", "b"]
        np.testing.assert_allclose(averages, [X[r].mean(axis=0) for r in rows])
    with pytest.raises(InputError, match="3 of stimulus 'a', expected 4 or more"):
        average_trials(X, ids, 4)


def broken(data, what):
    """Arguments of fit with one thing wrong."""
    X, shown, features, names = data
    if what == "unknown":
        return X, ["stranger", *shown[1:]], features, names
    if what == "twice":
        return X, shown, features, [*names[:-1], names[3]]
    if what == "one":
        return X[:2], ["image00"] * 2, features, names
    if what == "ids":
        return X, shown[1:], features, names
    if what == "rows":
        return X, shown, features[1:], names
    if what == "flat":
        return X, shown, features[:, 0, 0], names
    if what == "vector":
        return X[:, 0], shown, features, names
    X, features = X.copy(), features.copy()
    if what == "nan voxel":
        X[4, 2] = np.nan
    elif what == "empty voxels":
        X[:, [2, 5]] = np.nan
    else:
        features[names.index(shown[4]), 1, 1] = np.inf
    return X, shown, features, names


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("unknown", "no row for 1 of .* such as 'stranger'"),
        ("twice", "stimulus 'image03' has two rows"),
        ("one", "samples: 1 stimulus, expected 2 or more"),
        ("ids", "samples: array of shape"),
        ("rows", r"features: array of shape \(14, 2, 3\).* 15 stimulus ids"),
        ("flat", r"features: array of shape \(15,\)"),
        ("vector", "samples: array of shape"),
        ("nan voxel", r"samples: row 4 \(image\d\d\) has NaN or infinity"),
        ("empty voxels", r"samples: 2 of 8 voxels have no number at all, .* column 2"),
        ("infinite unit", r"features: row \d+ \(image\d\d\) has NaN or infinity"),
    ],
)
def test_bad_training_data_are_named(data, what, message):
    with pytest.raises(InputError, match=message):
        decode(*broken(data, what), data[0], data[1])


def test_the_row_with_nan_is_the_one_that_is_named(data):
    _, shown, _, _ = data
    for what in ("nan voxel", "infinite unit"):
        with pytest.raises(InputError, match=rf"\({shown[4]}\)"):
            decode(*broken(data, what), data[0], data[1])


def test_bad_test_data_are_named(data):
    X, shown, _, _ = data
    with pytest.raises(InputError, match="7 voxels, expected 8"):
        decode(*data, X[:, 1:], shown)
    with pytest.raises(InputError, match="samples: array of shape"):
        decode(*data, X, shown[1:])
    with pytest.raises(InputError, match=r"samples: array of shape \(0, 8\)"):
        decode(*data, X[:0], [])
