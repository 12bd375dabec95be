"""The sparse regression against scikit-learn's ARDRegression on voxels selected by hand."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import ARDRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from deeprecon.decode.design import Design
from deeprecon.decode.ridge import TopKRidge, TopKSolution
from deeprecon.decode.sparse import SparseRegression, solve_ard
from deeprecon.errors import InputError


class DirectARD(ARDRegression):
    """ARDRegression that inverts the matrix over voxels also where samples are fewer.

    Its other way loses digits as the noise goes to 0: at 40 samples of 150 voxels, its weights
    were 1e-2 off those of 50-digit arithmetic, these 1e-10.
    """

    _update_sigma_woodbury = ARDRegression._update_sigma


def problem(n_samples, n_voxels, kind="independent", seed=0):
    """Voxels (n_samples, n_voxels) with means, and one unit that depends on a third of them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_voxels))
    if kind == "correlated":
        X = 0.3 * X + rng.standard_normal((n_samples, 5)) @ rng.standard_normal((5, n_voxels))
    if kind == "duplicated":
        X[:, 1::2] = X[:, : n_voxels // 2 * 2 : 2]
    X = X * rng.uniform(0.5, 2, n_voxels) + rng.normal(0, 3, n_voxels)
    y = X @ np.where(rng.random(n_voxels) < 0.3, rng.standard_normal(n_voxels), 0)
    y += 4 + (0 if kind == "noiseless" else rng.standard_normal(n_samples))
    scale = {"tiny": 1e-5, "large": 1e3}.get(kind, 1.0)
    return X, scale * y


def solve(X, y, **settings):
    x, t = X - X.mean(axis=0), y - y.mean()
    return solve_ard(x.T @ x, x.T @ t, t @ t, len(x), **settings)


def assert_same(solution, model, rtol=1e-6):
    """Weights within rtol of the largest, and the same ones exactly 0."""
    assert solution.n_iter == model.n_iter_
    assert np.array_equal(solution.weights == 0, model.coef_ == 0)
    np.testing.assert_allclose(
        solution.weights, model.coef_, rtol=0, atol=rtol * abs(model.coef_).max()
    )
    np.testing.assert_allclose(solution.noise_precision, model.alpha_, rtol=1e-4)


# -- the solver -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["independent", "correlated", "duplicated", "noiseless", "tiny", "large"]
)
@pytest.mark.parametrize(("n_samples", "n_voxels"), [(200, 30), (60, 30), (90, 90), (300, 140)])
def test_equals_scikit_learn(n_samples, n_voxels, kind):
    X, y = problem(n_samples, n_voxels, kind)
    solution = solve(X, y, max_iter=100)
    assert_same(solution, ARDRegression(max_iter=100).fit(X, y))
    n_pruned = (solution.weights == 0).sum()
    if kind in ("independent", "noiseless"):
        assert 0 < n_pruned < n_voxels  # that pruning was compared, too
    if kind == "tiny":
        assert n_pruned == n_voxels
        assert solution.n_iter == 1


@pytest.mark.parametrize("kind", ["independent", "correlated", "noiseless"])
@pytest.mark.parametrize(("n_samples", "n_voxels"), [(40, 60), (40, 150)])
def test_equals_scikit_learn_with_fewer_samples_than_voxels(n_samples, n_voxels, kind):
    X, y = problem(n_samples, n_voxels, kind)
    assert_same(solve(X, y), DirectARD().fit(X, y))
    # scikit-learn as it is, while the noise is not yet near 0.
    assert_same(solve(X, y, max_iter=4), ARDRegression(max_iter=4).fit(X, y))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_iter": 1},
        {"max_iter": 7, "tol": 0.0},
        {"tol": 0.1},
        {"tol": 1e9},
        {"threshold_lambda": 50.0},
        {"alpha_1": 20.0},
        {"alpha_2": 20.0},
        {"lambda_1": 0.2},
        {"lambda_2": 0.2},
    ],
)
def test_settings_mean_what_they_mean_in_scikit_learn(settings):
    X, y = problem(80, 30, "correlated")
    solution = solve(X, y, **settings)
    assert_same(solution, ARDRegression(**settings).fit(X, y))
    assert not np.array_equal(solution.weights, solve(X, y).weights)


def test_precisions_of_weights_equal_those_of_scikit_learn():
    X, y = problem(200, 30)
    solution, model = solve(X, y), ARDRegression().fit(X, y)
    np.testing.assert_allclose(solution.precision, model.lambda_, rtol=1e-8)
    assert np.array_equal(solution.precision >= 1e4, solution.weights == 0)


def test_rounding_below_zero_does_not_stop_a_unit():
    """A constant unit's noise precision is 4.5e15, at which a singular X'X is not positive."""
    X, _ = problem(20, 30)
    x = X - X.mean(axis=0)
    assert np.linalg.matrix_rank(x) < 30
    constant = solve_ard(x.T @ x, np.zeros(30), 0.0, 20)
    assert not constant.weights.any()
    assert np.isfinite(constant.precision).all()
    equal = solve_ard(np.full((3, 3), 50.0), np.full(3, 50.0), 50.0, 50)  # y is each voxel
    assert equal.weights.sum() == pytest.approx(1, abs=1e-4)
    # y'y too small by the rounding of float32, so that the squared error comes out below 0.
    rounded = solve_ard(np.diag([100.0, 100.0]), np.array([200.0, 1.0]), 400 * (1 - 1e-6), 100)
    assert rounded.weights == pytest.approx([2, 0], abs=1e-3)


def test_single_precision_is_worked_on_in_double():
    X, y = problem(50, 20)
    x = (X - X.mean(axis=0)).astype(np.float32)
    gram, xty = x.T @ x, x.T @ (y - y.mean()).astype(np.float32)
    single = solve_ard(gram, xty, 50 * y.var(), 50)
    double = solve_ard(gram.astype(float), xty.astype(float), 50 * y.var(), 50)
    assert np.array_equal(single.weights, double.weights)


# -- the estimator ----------------------------------------------------------------------------


def best_voxels(X, y, k):
    r = np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    return np.sort(np.argsort(-abs(r))[:k])


@pytest.mark.parametrize("n_voxels", [1, 12, 39, 40, 500, None])
def test_equals_scikit_learn_on_the_best_correlated_voxels(n_voxels):
    rng = np.random.default_rng(1)
    X = rng.normal(rng.normal(0, 3, 40), rng.uniform(0.5, 2, 40), (90, 40))
    Y = X[:, :5] @ rng.standard_normal((5, 6)) + rng.normal(4, 2, (90, 6))
    model = SparseRegression(n_voxels=n_voxels).fit(X, Y)
    new = rng.standard_normal((7, 40))
    predicted = model.predict(new)
    assert model.selected_.dtype == np.int32
    assert predicted.dtype == model.weights_.dtype == np.float64
    for unit in range(6):
        best = best_voxels(X, Y[:, unit], n_voxels or 40)
        expected = ARDRegression().fit(X[:, best], Y[:, unit])
        assert model.selected_[unit].tolist() == best.tolist()
        np.testing.assert_allclose(model.weights_[unit], expected.coef_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(model.intercept_[unit], expected.intercept_, rtol=1e-8)
        np.testing.assert_allclose(predicted[:, unit], expected.predict(new[:, best]), rtol=1e-8)
        assert model.n_iter_[unit] == expected.n_iter_


def test_repeats_equal_replicated_rows_in_any_order():
    rng = np.random.default_rng(3)
    index = rng.permutation(np.repeat(np.arange(20), rng.integers(1, 6, 20)))
    X, F = rng.normal(1, 1, (len(index), 15)), rng.standard_normal((20, 3, 2))
    X[:, :6] += F.reshape(20, 6)[index]
    folded = SparseRegression(n_voxels=8).fit(X, F, stimulus_index=index)
    plain = SparseRegression(n_voxels=8).fit(X, F[index])
    assert np.array_equal(folded.selected_, plain.selected_)
    assert np.array_equal(folded.n_iter_, plain.n_iter_)
    np.testing.assert_allclose(folded.weights_, plain.weights_, atol=1e-9)
    np.testing.assert_allclose(folded.intercept_, plain.intercept_, atol=1e-9)
    assert abs(folded.weights_).max() > 0.1


def test_irrelevant_voxels_are_left_out_and_new_samples_are_predicted_better_than_by_ridge():
    rng = np.random.default_rng(4)
    X, new = rng.standard_normal((2, 150, 100))
    used = [7, 30, 31, 88]
    weights = np.array([1.0, -0.8, 0.6, 1.2])
    y = X[:, used] @ weights + 0.5 * rng.standard_normal(150)
    model = SparseRegression(n_voxels=60).fit(X, y)
    kept = model.selected_[0, model.weights_[0] != 0]
    assert set(used) <= set(kept)
    assert len(kept) < 40  # of 60, at the seeds 4 to 9 between 22 and 31
    truth = new[:, used] @ weights

    def error(fitted):
        return np.mean((fitted.predict(new) - truth) ** 2)

    ridges = [TopKRidge(60, alpha).fit(X, y) for alpha in (1.0, 3.0, 10.0, 30.0, 100.0)]
    assert error(model) < 0.6 * min(error(ridge) for ridge in ridges)


@pytest.mark.parametrize(("n_samples", "n_voxels"), [(50, 8), (20, 30)])
@pytest.mark.parametrize("value", [0.1, -7.0, 0.0])
def test_constant_unit_is_predicted_by_its_constant(n_samples, n_voxels, value):
    rng = np.random.default_rng(0)
    X = rng.normal(3, 1, (n_samples, n_voxels))
    Y = np.column_stack([np.full(n_samples, value), X[:, 0]])
    model = SparseRegression(n_voxels=25).fit(X, Y)
    assert not model.weights_[0].any()
    assert model.weights_[1].any()
    assert model.predict(rng.normal(9, 9, (4, n_voxels)))[:, 0].tolist() == [value] * 4


def test_constant_voxels_get_no_weight():
    X, y = problem(60, 10)
    X[:, [2, 5]] = 0.1
    model = SparseRegression(n_voxels=None).fit(X, y)
    np.testing.assert_allclose(model.weights_[0, [2, 5]], 0, atol=1e-9)
    assert model.weights_[0].any()


def test_settings_reach_the_solver():
    X, y = problem(80, 30, "correlated")
    assert SparseRegression().fit(X, y).n_iter_[0] > 7
    assert SparseRegression(max_iter=7).fit(X, y).n_iter_.tolist() == [7]
    assert SparseRegression(tol=1e9).fit(X, y).n_iter_.tolist() == [2]


def test_float32_is_worked_on_as_float64():
    X, y = problem(80, 30)
    X = X.astype(np.float32)
    model = SparseRegression().fit(X, y)
    double = SparseRegression().fit(X.astype(np.float64), y)
    assert np.array_equal(model.weights_, double.weights_)
    assert np.array_equal(model.predict(X), double.predict(X.astype(np.float64)))


def test_threads_change_nothing():
    rng = np.random.default_rng(7)
    X = rng.standard_normal((200, 150))
    Y = X[:, :6] + rng.standard_normal((200, 6))
    one = SparseRegression(n_voxels=140, max_iter=5).fit(X, Y)
    for n_jobs in (2, -1):
        several = SparseRegression(n_voxels=140, max_iter=5, n_jobs=n_jobs).fit(X, Y)
        assert np.array_equal(one.weights_, several.weights_)
        assert np.array_equal(one.intercept_, several.intercept_)
    assert one.n_iter_.tolist() == [5] * 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_of_a_shared_design_equal_those_of_fit(dtype):
    rng = np.random.default_rng(8)
    X, Y = rng.normal(1, 1, (60, 20)).astype(dtype), rng.standard_normal((60, 4)).astype(dtype)
    Y += X[:, :4]
    model = SparseRegression(n_voxels=10)
    solution = model.solver(Design.of(X, np.arange(60), 60)).solve(Y)
    assert isinstance(solution, TopKSolution)
    model.fit(X, Y)
    assert np.array_equal(solution.selected, model.selected_)
    np.testing.assert_allclose(
        solution.predict(X), model.predict(X), atol={"float32": 1e-4, "float64": 1e-12}[dtype]
    )


@pytest.mark.parametrize("unit_shape", [(), (1,), (2, 3)])
def test_units_keep_their_shape_in_c_order(unit_shape):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 9)), rng.standard_normal((30, *unit_shape))
    flat = Y.reshape(30, -1)
    flat += X[:, : flat.shape[1]]
    model = SparseRegression(n_voxels=4).fit(X, flat.reshape(30, *unit_shape))
    assert model.unit_shape_ == unit_shape
    assert model.selected_.shape == model.weights_.shape == (flat.shape[1], 4)
    assert (np.diff(model.selected_, axis=1) > 0).all()
    expected = SparseRegression(n_voxels=4).fit(X, flat).predict(X).reshape(30, *unit_shape)
    np.testing.assert_array_equal(model.predict(X), expected)


@parametrize_with_checks([SparseRegression(), SparseRegression(n_voxels=1, n_jobs=2)])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_voxels": 0}, "n_voxels: 0, expected a whole number, at least 1"),
        ({"n_voxels": 2.5}, "n_voxels: 2.5"),
        ({"max_iter": 0}, "max_iter: 0"),
        ({"max_iter": None}, "max_iter: None"),
        ({"tol": -1.0}, "tol: -1.0"),
        ({"tol": float("nan")}, "tol: nan"),
        ({"tol": float("inf")}, "tol: inf"),
        ({"n_jobs": 0}, "n_jobs: 0"),
        ({"Y": np.zeros((5, 2))}, "Y: 5 rows, expected 6"),
        ({"stimulus_index": [0, 1, 2]}, "expected one integer for each of the 6 rows"),
        ({"stimulus_index": [0, 1, 2, 4, 4, 5]}, "row 3 of Y belongs to no row of X"),
    ],
)
def test_bad_settings_are_named(change, message):
    rng = np.random.default_rng(0)
    data = {"X": rng.standard_normal((6, 4)), "Y": rng.standard_normal((6, 2))}
    settings = {key: value for key, value in change.items() if hasattr(SparseRegression(), key)}
    data |= {key: value for key, value in change.items() if key not in settings}
    with pytest.raises(InputError, match=message) as caught:
        SparseRegression(**settings).fit(**data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(bad):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 3)), rng.standard_normal((8, 2, 2))
    broken_x, broken_y = X.copy(), Y.copy()
    broken_x[3, 1] = broken_y[5, 0, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        SparseRegression().fit(broken_x, Y)
    with pytest.raises(ValueError, match=r"Input [yY] contains"):
        SparseRegression().fit(X, broken_y)
    with pytest.raises(ValueError, match="Input X contains"):
        SparseRegression().fit(X, Y).predict(broken_x)


def test_one_sample_and_no_fit_are_refused():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        SparseRegression().fit(np.ones((1, 3)), np.ones((1, 2)))
    with pytest.raises(NotFittedError):
        SparseRegression().predict(np.ones((2, 3)))
