"""The scores against loops over scipy and numpy, and against known answers."""

import numpy as np
import pytest
from scipy.stats import pearsonr

from deeprecon.decode import scores
from deeprecon.decode.scores import (
    identification_rank,
    pairwise_identification,
    pattern_correlation,
    profile_correlation,
)
from deeprecon.errors import InputError

ALL = [profile_correlation, pattern_correlation, pairwise_identification]


@pytest.fixture(params=["float64", "float32"])
def pair(request):
    """Decoded and true features of 12 stimuli: related, of unlike scale per unit."""
    rng = np.random.default_rng(0)
    scale, mean = rng.uniform(0.1, 50, (3, 4)), rng.normal(0, 30, (3, 4))
    true = rng.standard_normal((12, 3, 4))
    predicted = 0.3 * true + 0.4 * rng.standard_normal(true.shape)
    return (predicted * scale + mean).astype(request.param), (true * scale + mean).astype(
        request.param
    )


@pytest.fixture(params=[None, 5])
def small_blocks(request, monkeypatch):
    """Also with blocks of fewer units than there are."""
    if request.param:
        monkeypatch.setattr(scores, "BLOCK_VALUES", 12 * request.param)


@pytest.mark.usefixtures("small_blocks")
def test_profile_correlation_equals_scipy(pair):
    predicted, true = pair
    r = profile_correlation(predicted, true)
    assert r.shape == (3, 4)
    for unit in np.ndindex(3, 4):
        x, y = (a[(slice(None), *unit)].astype(float) for a in pair)
        assert r[unit] == pytest.approx(pearsonr(x, y).statistic, abs=1e-12)


def test_pattern_correlation_equals_scipy(pair):
    predicted, true = pair
    r = pattern_correlation(predicted, true)
    assert r.shape == (12,)
    for i in range(12):
        x, y = (a[i].ravel().astype(float) for a in pair)
        assert r[i] == pytest.approx(pearsonr(x, y).statistic, abs=1e-12)


def test_pattern_correlation_standardises_by_training_statistics(pair):
    predicted, true = pair
    rng = np.random.default_rng(1)
    mean, sd = rng.normal(0, 30, (3, 4)), rng.uniform(0.5, 50, (3, 4))
    r = pattern_correlation(predicted, true, mean, sd)
    for i in range(12):
        x, y = (((a[i].astype(float) - mean) / sd).ravel() for a in pair)
        assert r[i] == pytest.approx(pearsonr(x, y).statistic, abs=1e-12)
    assert not np.allclose(r, pattern_correlation(predicted, true), atol=0.05)


@pytest.mark.usefixtures("small_blocks")
def test_identification_equals_a_loop(pair):
    predicted, true = pair
    share = pairwise_identification(predicted, true)
    flat = [a.reshape(12, -1).astype(float) for a in pair]
    r = np.corrcoef(*flat)[:12, 12:]
    for i in range(12):
        assert share[i] == sum(r[i, i] > r[i, j] for j in range(12) if j != i) / 11
    assert 0.5 < share.mean() < 1


@pytest.mark.parametrize("score", ALL)
def test_perfect_decoding_scores_one(pair, score):
    _, true = pair
    np.testing.assert_allclose(score(true, true), 1, atol=1e-12)
    np.testing.assert_allclose(score(2 * true + 1, true), 1, atol=1e-6)


def test_opposite_decoding(pair):
    _, true = pair
    true = true - true.mean(axis=0)
    np.testing.assert_allclose(profile_correlation(-true, true), -1, atol=1e-12)
    np.testing.assert_allclose(pattern_correlation(-true, true), -1, atol=1e-12)
    assert (pairwise_identification(-true, true) == 0).all()


def test_identification_of_unrelated_features_is_chance():
    rng = np.random.default_rng(0)
    means = [pairwise_identification(*rng.standard_normal((2, 30, 20))).mean() for _ in range(200)]
    assert np.mean(means) == pytest.approx(0.5, abs=4 * np.std(means) / np.sqrt(200))
    assert np.std(means) < 0.06


def test_samples_of_one_stimulus_are_one_candidate():
    """Single samples, identified among the four stimuli: by hand for each of them."""
    rng = np.random.default_rng(8)
    true = rng.standard_normal((4, 30))
    rows = [2, 0, 0, 3, 1, 2, 2]
    predicted = true[rows] + 2 * rng.standard_normal((7, 30))
    found = pairwise_identification(predicted, true[rows], [f"s{i}" for i in rows])
    for row, stimulus, value in zip(predicted, rows, found, strict=True):
        r = [np.corrcoef(row, candidate)[0, 1] for candidate in true]
        others = [r[i] for i in range(4) if i != stimulus]
        assert value == pytest.approx(np.mean([r[stimulus] > other for other in others]))
    assert pairwise_identification(true[rows], true[rows], rows).tolist() == [1.0] * 7


def test_rank_among_more_candidates():
    rng = np.random.default_rng(9)
    candidates = rng.standard_normal((60, 20))
    correct = np.array([3, 59, 0])
    predicted = candidates[correct] + 1.5 * rng.standard_normal((3, 20))
    for row, place, rank in zip(
        predicted, correct, identification_rank(predicted, candidates, correct), strict=True
    ):
        r = [np.corrcoef(row, candidate)[0, 1] for candidate in candidates]
        assert rank == 1 + sum(other > r[place] for other in r)
    with pytest.raises(InputError, match="2 or more candidates"):
        identification_rank(predicted, candidates[:1], correct)
    with pytest.raises(InputError, match="of the same units"):
        identification_rank(predicted, candidates[:, 1:], correct)
    with pytest.raises(InputError, match="every unit has NaN"):
        identification_rank(predicted, np.full((5, 20), np.nan), np.zeros(3, int))


def test_a_tie_is_a_miss():
    """Stimuli 0 and 1 have one true pattern, however a matrix product rounds it."""
    rng = np.random.default_rng(0)
    true = rng.standard_normal((7, 1001))
    true[[1, 4]] = true[0]
    share = pairwise_identification(true + 0.1 * rng.standard_normal(true.shape), true)
    expected = np.where(np.isin(np.arange(7), [0, 1, 4]), 4 / 6, 1)
    np.testing.assert_allclose(share, expected)
    assert (pairwise_identification(true, np.repeat(true[:1], 7, axis=0)) == 0).all()


def test_constant_predictions():
    true = np.random.default_rng(0).standard_normal((6, 9))
    for value in (0.0, 0.1, 1e9):
        flat = np.full_like(true, value)
        assert np.isnan(profile_correlation(flat, true)).all()
        assert np.isnan(pattern_correlation(flat, true)).all()
        assert (pairwise_identification(flat, true) == 0).all()
    by_unit = np.tile(true[:1], (6, 1))  # the same picture for every stimulus
    assert np.isnan(profile_correlation(by_unit, true)).all()
    assert pairwise_identification(by_unit, true).tolist()[0] == 1
    assert pairwise_identification(by_unit, true).mean() == pytest.approx(0.5)


def test_units_with_nan_or_without_variance_are_left_out(pair):
    predicted, true = (a.copy() for a in pair)
    mean, sd = true.mean(axis=0), true.std(axis=0, ddof=1)
    keep = np.ones((3, 4), bool)
    keep[0, 1] = keep[2, 2] = keep[1, 0] = False
    without = [a[:, keep] for a in (predicted, true)]
    predicted[3, 0, 1] = true[5, 2, 2] = true[6, 1, 0] = np.nan
    assert np.isnan(profile_correlation(predicted, true)).tolist() == (~keep).tolist()
    np.testing.assert_allclose(
        pattern_correlation(predicted, true), pattern_correlation(*without), atol=1e-12
    )
    assert np.array_equal(
        pairwise_identification(predicted, true), pairwise_identification(*without)
    )
    sd[~keep] = 0
    np.testing.assert_allclose(
        pattern_correlation(*pair, mean, sd),
        pattern_correlation(*without, mean[keep], sd[keep]),
        atol=1e-12,
    )


def test_large_offset_does_not_spoil_the_correlation():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 8, 50))
    for score in ALL:
        np.testing.assert_allclose(score(a + 1e6, b - 1e6), score(a, b), atol=1e-8)


@pytest.mark.parametrize("score", ALL)
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 3), (4, 2)), "expected \\(4, 2\\), that of true"),
        (((0, 3), (0, 3)), "1 or more stimuli"),
        (((4,), (4,)), "expected \\(n_stimuli, \\*unit_shape\\)"),
        (((4, 0), (4, 0)), "1 or more units"),
    ],
)
def test_bad_shapes(score, shapes, message):
    with pytest.raises(InputError, match=message):
        score(*(np.zeros(shape) for shape in shapes))


def test_bad_statistics():
    a, b = np.random.default_rng(0).standard_normal((2, 4, 3))
    with pytest.raises(InputError, match="only one of them"):
        pattern_correlation(a, b, mean=np.zeros(3))
    with pytest.raises(InputError, match=r"shapes \(3,\), \(2,\), expected \(3,\)"):
        pattern_correlation(a, b, np.zeros(3), np.ones(2))
    with pytest.raises(InputError, match="every unit has NaN or SD 0"):
        pattern_correlation(a, b, np.zeros(3), np.zeros(3))
    with pytest.raises(InputError, match="every unit has NaN"):
        pairwise_identification(a * np.nan, b)


def test_one_stimulus_has_its_pattern_alone():
    """Nothing varies over stimuli, and nothing competes, however often it was shown."""
    predicted, true = np.random.default_rng(0).standard_normal((2, 1, 20))
    mean, sd = np.zeros(20), np.full(20, 2.0)
    assert np.isnan(profile_correlation(predicted, true)).all()
    expected = np.corrcoef(predicted[0], true[0])[0, 1]
    assert pattern_correlation(predicted, true, mean, sd) == pytest.approx(expected)
    assert np.isnan(pairwise_identification(predicted, true)).all()
    twice = [np.repeat(part, 2, axis=0) for part in (predicted, true)]
    assert np.isnan(pairwise_identification(*twice, ["a", "a"])).tolist() == [True, True]
