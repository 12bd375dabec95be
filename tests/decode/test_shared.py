"""The shared operator against scikit-learn's ridge on weighted voxels, and by its conventions."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from deeprecon.decode.design import Design
from deeprecon.decode.layer import LayerDecoder, TrainingVoxels
from deeprecon.decode.shared import SharedRidge, solve_shared
from deeprecon.errors import InputError
from deeprecon.features.units import Units

RNG = np.random.default_rng(0)
INDEX = RNG.permutation(np.repeat(np.arange(20), RNG.integers(1, 5, 20)))
F = RNG.normal(2, 1, (20, 6))
X = np.hstack([F[INDEX] @ RNG.normal(size=(6, 9)), np.ones((len(INDEX), 1))])
X[:, :9] += RNG.normal(3, 2, (len(INDEX), 9))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 2e-4)])
@pytest.mark.parametrize("power", [0.0, 1.0, 2.5])
def test_equals_ridge_on_weighted_averages(dtype, tolerance, power):
    """scikit-learn's ridge, samples weighted, on averages of repetitions times the weights."""
    alpha = 0.3
    design = Design.of(X.astype(dtype), INDEX, 20)
    found = solve_shared(design, F.astype(dtype), power, alpha).predict(X[:7].astype(dtype))
    count = np.bincount(INDEX)
    mean = np.array([X[i == INDEX].mean(axis=0) for i in range(20)])
    with np.errstate(invalid="ignore"):
        r = np.abs(np.corrcoef(X.T, F[INDEX].T)[:10, 10:])
    weight = np.nan_to_num(r).mean(axis=1)
    weight = np.where(weight > 0, (weight / weight.max()) ** power, 0 if power else 1)
    centre, middle = X.mean(axis=0), F[INDEX].mean(axis=0)
    rows = (mean - centre) * weight
    penalty = alpha * (count * (rows**2).sum(axis=1)).mean()
    ridge = Ridge(alpha=penalty, fit_intercept=False)
    ridge.fit(rows, F - middle, sample_weight=count)
    expected = ridge.predict((X[:7] - centre) * weight) + middle
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_each_tile_is_solved_by_itself():
    Y = RNG.normal(size=(20, 3, 4, 5))
    model = SharedRidge(tiles=2, power=1.0, alpha=0.5).fit(X, Y, INDEX)
    predicted = model.predict(X[:4])
    design = Design.of(X, INDEX, 20)
    for rows, columns in ((slice(0, 2), slice(0, 3)), (slice(2, 4), slice(3, 5))):
        tile = Y[:, :, rows, columns].reshape(20, -1)
        expected = solve_shared(design, tile, 1.0, 0.5).predict(X[:4])
        np.testing.assert_allclose(
            predicted[:, :, rows, columns].reshape(4, -1), expected, atol=1e-10
        )


def test_tiles_share_out_all_units_and_know_sampled_ones():
    units = Units.every((3, 4, 5))
    tiles = units.tiles(3)
    assert sorted(np.concatenate(tiles)) == list(range(60))
    assert len(tiles) == 9
    some = Units((3, 4, 5), np.array([0, 19, 20, 59]))  # first and last place of three channels
    assert [tile.tolist() for tile in some.tiles(2)] == [[0, 2], [1, 3]]
    assert [tile.tolist() for tile in Units.every((7,)).tiles(4)] == [list(range(7))]
    assert len(Units.every((2, 3, 3)).tiles(50)) == 9


def test_layer_decoder_uses_the_tiles():
    Y = RNG.normal(size=(20, 2, 4, 4)).astype(np.float32)
    names = [f"i{i}" for i in range(20)]
    training = TrainingVoxels.of(X, [names[i] for i in INDEX])
    model = SharedRidge(tiles=2)
    whole = LayerDecoder(training, model, n_jobs=2).decode(Y, names, X[:3])
    place = np.array([0, 1, 16, 17, 4, 5, 20, 21])  # the units of one tile
    part = LayerDecoder(training, model).decode(
        Y.reshape(20, -1)[:, place], names, X[:3], Units((2, 4, 4), place)
    )
    np.testing.assert_allclose(whole.reshape(3, -1)[:, place], part, rtol=1e-5, atol=1e-6)


def test_constant_units_and_voxels_without_any_relation():
    Y = np.full((20, 3), 4.0)
    found = SharedRidge().fit(X, Y, INDEX).predict(X[:5])
    np.testing.assert_allclose(found, 4.0)
    assert np.isfinite(SharedRidge().fit(np.ones_like(X), F, INDEX).predict(X[:5])).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tiles": 0}, "tiles: 0, expected at least 1"),
        ({"power": -1.0}, "power: -1.0"),
        ({"alpha": 0.0}, "alpha: 0.0"),
        ({"alpha": np.inf}, "alpha: inf"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        SharedRidge(**settings).fit(X, F, INDEX)


@parametrize_with_checks([SharedRidge(), SharedRidge(tiles=1, power=0, alpha=0.1)])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
