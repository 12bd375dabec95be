"""The ridge against fastl2lir's own answers, scikit-learn, and plain linear algebra."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from deeprecon.decode import design
from deeprecon.decode.design import sum_rows
from deeprecon.decode.ridge import TopKRidge, TopKSolution, solve_topk_ridge
from deeprecon.errors import InputError

GOLDEN = Path(__file__).parent / "data" / "fastl2lir.npz"
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


def dense(solution, n_features):
    """Weights as fastl2lir keeps them: (n_features, n_units)."""
    weights = np.zeros((len(solution.weights), n_features), solution.weights.dtype)
    if solution.selected is None:
        weights[:] = solution.weights
    else:
        np.put_along_axis(weights, solution.selected, solution.weights, axis=1)
    return weights.T


def case(name):
    """Columns of X, and the settings, of a stored answer."""
    kind, alpha = name.split("_alpha")
    n_voxels = int(kind.removeprefix("top")) if kind.startswith("top") else None
    return (40 if kind == "tall" else 90), n_voxels, float(alpha)


@pytest.fixture(params=["few voxels", "many voxels"])
def as_few_or_many(request, monkeypatch):
    """Few voxels are worked on in float64, many in the precision of the samples."""
    if request.param == "many voxels":
        monkeypatch.setattr(design, "FEW_VOXELS", 0)
    return request.param


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "top20_alpha1",
        "top20_alpha100",
        "top70_alpha1",
        "top70_alpha100",
        "wide_alpha1",
        "wide_alpha100",
        "tall_alpha100",
    ],
)
def test_equals_fastl2lir(golden, name, repeated, dtype, as_few_or_many):
    if (name, dtype, as_few_or_many) == ("top70_alpha1", "float32", "many voxels"):
        pytest.skip("nearly all voxels, of which there are more than samples, and a small penalty")
    columns, n_voxels, alpha = case(name)
    X = golden["X"][:, :columns].astype(dtype)
    F, index = golden["F"].astype(dtype), golden["index"]
    if repeated:
        solution = solve_topk_ridge(X, F, n_voxels, alpha, stimulus_index=index)
    else:
        solution = solve_topk_ridge(X, F[index], n_voxels, alpha)
    W, b = golden[f"{name}_W"], golden[f"{name}_b"]
    assert solution.weights.dtype == solution.intercept.dtype == dtype
    assert (solution.selected is None) == (n_voxels is None)
    np.testing.assert_allclose(dense(solution, columns), W, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(solution.intercept, b, rtol=0, atol=TOLERANCE[dtype])
    if solution.selected is not None:
        for unit, voxels in enumerate(solution.selected):
            assert voxels.tolist() == np.flatnonzero(W[:, unit]).tolist()


def test_a_voxel_below_the_variance_threshold_is_not_selected(golden):
    X, y = golden["X"].astype(float), golden["F"][golden["index"], :1].astype(float)
    assert all(abs(np.corrcoef(X[:, v], y[:, 0])[0, 1]) > 0.9999 for v in (11, 13))
    assert solve_topk_ridge(X, y, 1, 1.0).selected.tolist() == [[13]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_constant_unit_on_all_voxels_equals_fastl2lir(golden, dtype):
    X = golden["X"].astype(dtype)
    solution = solve_topk_ridge(X, np.full((60, 1), 2.5, dtype), None, 100.0)
    np.testing.assert_allclose(
        solution.weights.T, golden["constant_alpha100_W"], rtol=0, atol=TOLERANCE[dtype]
    )
    np.testing.assert_allclose(
        solution.intercept, golden["constant_alpha100_b"], rtol=0, atol=TOLERANCE[dtype]
    )


@pytest.mark.parametrize("n_voxels", [3, None])
@pytest.mark.parametrize("value", [0.1, -7.0, 0.0])
def test_constant_unit_of_centred_voxels_is_its_shrunken_mean(n_voxels, value):
    X = np.random.default_rng(0).standard_normal((30, 8))
    X -= X.mean(axis=0)
    solution = solve_topk_ridge(X, np.full((30, 1), value), n_voxels, 20.0)
    np.testing.assert_allclose(solution.weights, 0, atol=1e-12)
    np.testing.assert_allclose(solution.intercept, value * 30 / 50, rtol=1e-12)


def test_equally_good_voxels_are_taken_in_order():
    rng = np.random.default_rng(0)
    X = np.ones((20, 9))
    X[:, [6, 2]] = rng.standard_normal((20, 2))  # all others are constant: correlation 0
    solution = solve_topk_ridge(X, rng.standard_normal((20, 3)), 5, 1.0)
    assert solution.selected.tolist() == [[0, 1, 2, 3, 6]] * 3
    constant = solve_topk_ridge(rng.standard_normal((20, 9)), np.full((20, 1), 0.1), 4, 1.0)
    assert constant.selected.tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("n_voxels", [1, 7, 39, 40, 500, None])
@pytest.mark.parametrize("n", [25, 80])
def test_equals_plain_algebra_on_the_best_correlated_voxels(n, n_voxels):
    rng = np.random.default_rng(n)
    X = rng.normal(rng.normal(0, 3, 40), rng.uniform(0.5, 2, 40), (n, 40))
    Y = X[:, :5] @ rng.standard_normal((5, 6)) + rng.normal(4, 2, (n, 6))
    solution = solve_topk_ridge(X, Y, n_voxels, 3.0)
    weights = dense(solution, 40)
    for unit in range(6):
        r = np.array([np.corrcoef(x, Y[:, unit])[0, 1] for x in X.T])
        best = np.sort(np.argsort(-abs(r))[: n_voxels or 40])
        with_bias = np.column_stack([X[:, best], np.ones(n)])
        ridge = Ridge(alpha=3.0, fit_intercept=False, solver="cholesky").fit(with_bias, Y[:, unit])
        expected = np.zeros(40)
        expected[best] = ridge.coef_[:-1]
        np.testing.assert_allclose(weights[:, unit], expected, atol=1e-10)
        np.testing.assert_allclose(solution.intercept[unit], ridge.coef_[-1], atol=1e-10)


def test_repeats_equal_replicated_rows_in_any_order():
    rng = np.random.default_rng(3)
    index = rng.permutation(np.repeat(np.arange(12), rng.integers(1, 6, 12)))
    X, F = rng.normal(1, 1, (len(index), 15)), rng.standard_normal((12, 7))
    for n_voxels in (4, None):
        folded = solve_topk_ridge(X, F, n_voxels, 2.0, stimulus_index=index)
        plain = solve_topk_ridge(X, F[index], n_voxels, 2.0)
        np.testing.assert_allclose(dense(folded, 15), dense(plain, 15), atol=1e-12)
        np.testing.assert_allclose(folded.intercept, plain.intercept, atol=1e-12)


def test_float32_survives_means_that_the_plain_gram_matrix_does_not():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((50, 12)).astype(np.float32) + np.float32(100)
    Y = (X[:, :3] - 100) @ rng.standard_normal((3, 4)).astype(np.float32)
    exact = solve_topk_ridge(X.astype(float), Y.astype(float), 6, 1.0)
    single = solve_topk_ridge(X, Y, 6, 1.0)
    assert np.array_equal(single.selected, exact.selected)
    np.testing.assert_allclose(single.weights, exact.weights, atol=3e-4)


def test_many_units_and_many_processes_change_nothing():
    """More units than one block; data large enough that processes share it as read-only files."""
    rng = np.random.default_rng(7)
    X, Y = rng.standard_normal((60, 420)), rng.standard_normal((60, 600))
    one = solve_topk_ridge(X, Y, 10, 5.0)
    two = solve_topk_ridge(X, Y, 10, 5.0, n_jobs=2)
    for alone, shared in zip(one, two, strict=True):
        assert np.array_equal(alone, shared)
    last = solve_topk_ridge(X, Y[:, 590:], 10, 5.0)
    assert np.array_equal(one.selected[590:], last.selected)
    np.testing.assert_allclose(one.weights[590:], last.weights, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_voxels": 0}, "n_voxels: 0"),
        ({"alpha": 0.0}, "alpha: 0.0"),
        ({"alpha": float("nan")}, "alpha: nan"),
        ({"Y": np.zeros((5, 2))}, "Y: 5 rows, expected 6"),
        ({"stimulus_index": [0, 1, 2]}, "expected one integer for each of the 6 rows"),
        ({"stimulus_index": [0.0] * 6}, "float64"),
        ({"stimulus_index": [0, 1, 2, 3, 4, 6]}, "0 to 6, expected 0 to 5"),
        ({"stimulus_index": [-1, 1, 2, 3, 4, 5]}, "-1 to 5"),
        ({"stimulus_index": [0, 1, 2, 4, 4, 5]}, "row 3 of Y belongs to no row of X"),
    ],
)
def test_bad_settings_are_named(change, message):
    rng = np.random.default_rng(0)
    settings = {"X": rng.standard_normal((6, 4)), "Y": rng.standard_normal((6, 2)), "alpha": 1.0}
    with pytest.raises(InputError, match=message):
        solve_topk_ridge(**{**settings, **change})


def test_sum_rows():
    values = np.random.default_rng(0).standard_normal((7, 3))
    index = np.array([2, 0, 2, 2, 3, 0, 3])
    expected = np.zeros((4, 3))
    np.add.at(expected, index, values)
    np.testing.assert_allclose(sum_rows(values, index, 4), expected, atol=1e-15)


# -- the estimator ----------------------------------------------------------------------------


@parametrize_with_checks([TopKRidge(), TopKRidge(n_voxels=1), TopKRidge(n_voxels=None, alpha=0.1)])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_voxels", [4, None])
@pytest.mark.parametrize("unit_shape", [(), (1,), (7,), (2, 3, 5), (300, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_keep_their_shape_in_c_order(n_voxels, unit_shape, dtype):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 9)).astype(dtype), rng.standard_normal((30, *unit_shape))
    model = TopKRidge(n_voxels=n_voxels, alpha=2.0).fit(X, Y)
    new = rng.standard_normal((11, 9)).astype(dtype)
    predicted = model.predict(new)
    assert predicted.shape == (11, *unit_shape)
    assert predicted.dtype == dtype
    assert model.unit_shape_ == unit_shape
    solution = solve_topk_ridge(X, Y.reshape(30, -1), n_voxels, 2.0)
    expected = new @ dense(solution, 9) + solution.intercept
    np.testing.assert_allclose(
        predicted.reshape(11, -1), expected, rtol=0, atol=20 * np.finfo(dtype).eps
    )


def test_fitted_attributes(golden):
    X, F, index = golden["X"].astype(float), golden["F"].reshape(20, 4, 6), golden["index"]
    model = TopKRidge(n_voxels=20, alpha=100.0).fit(X, F, stimulus_index=index)
    assert model.selected_.shape == model.weights_.shape == (24, 20)
    assert model.selected_.dtype == np.int32
    assert model.intercept_.shape == (24,)
    assert model.n_features_in_ == 90
    assert (np.diff(model.selected_, axis=1) > 0).all()
    np.testing.assert_allclose(
        model.coef_.toarray().T, golden["top20_alpha100_W"], rtol=0, atol=1e-10
    )
    everything = TopKRidge(n_voxels=None).fit(X, F, stimulus_index=index)
    assert everything.selected_ is None
    np.testing.assert_allclose(
        everything.coef_.toarray().T, golden["wide_alpha100_W"], rtol=0, atol=1e-10
    )
    assert isinstance(solve_topk_ridge(X, F.reshape(20, -1), 2, stimulus_index=index), TopKSolution)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(bad):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 3)), rng.standard_normal((8, 2, 2))
    broken_x, broken_y = X.copy(), Y.copy()
    broken_x[3, 1] = broken_y[5, 0, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        TopKRidge().fit(broken_x, Y)
    with pytest.raises(ValueError, match=r"Input [yY] contains"):
        TopKRidge().fit(X, broken_y)
    with pytest.raises(ValueError, match="Input X contains"):
        TopKRidge().fit(X, Y).predict(broken_x)


def test_one_sample_and_no_fit_are_refused():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        TopKRidge().fit(np.ones((1, 3)), np.ones((1, 2)))
    with pytest.raises(NotFittedError):
        TopKRidge().predict(np.ones((2, 3)))
    with pytest.raises(NotFittedError):
        _ = TopKRidge().coef_
