import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from deeprecon.errors import InputError
from deeprecon.stats.bootstrap import bootstrap_ci, bootstrap_identification_ci
from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import two_way_identification
from deeprecon.stats.permutation import permutation_test


def make_similarity(n: int, strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Correlations of Gaussian features with noisy copies of them; strength 0 is the null."""
    true = rng.normal(size=(n, 30))
    return similarity_matrix(true, strength * true + rng.normal(size=(n, 30)))


def accuracy_under(similarity, pairing, fixed):
    """Mean two-way accuracy after reordering the competing side by a pairing."""
    pairing = list(pairing)
    reordered = similarity[pairing] if fixed == "recon" else similarity[:, pairing]
    return two_way_identification(reordered, fixed).mean()


@pytest.mark.parametrize("fixed", ["recon", "true"])
def test_small_sets_are_enumerated(fixed):
    similarity = make_similarity(5, 0.3, np.random.default_rng(0))
    null = [
        accuracy_under(similarity, pairing, fixed) for pairing in itertools.permutations(range(5))
    ]
    result = permutation_test(similarity, fixed=fixed)
    observed = two_way_identification(similarity, fixed).mean()
    assert result.n_permutations == 120
    assert result.statistic == pytest.approx(observed)
    assert result.p_value == pytest.approx(np.mean(np.array(null) >= observed - 1e-9))
    assert result.null_mean == pytest.approx(np.mean(null))
    assert result.null_sd == pytest.approx(np.std(null))


def test_random_pairings_approach_the_enumeration():
    similarity = make_similarity(7, 0.1, np.random.default_rng(5))
    exact = permutation_test(similarity, n_permutations=5040)
    random = permutation_test(similarity, n_permutations=5039, seed=1)
    assert (exact.n_permutations, random.n_permutations) == (5040, 5039)
    assert 0.02 < exact.p_value < 0.5
    assert random.p_value == pytest.approx(exact.p_value, abs=0.03)
    assert random.null_sd == pytest.approx(exact.null_sd, rel=0.05)


def test_perfect_identification_has_the_smallest_p():
    result = permutation_test(np.eye(30) + 0.01 * make_similarity(30, 0, np.random.default_rng(0)))
    assert result.statistic == 1
    assert result.p_value == 1 / 10_000
    assert result.null_mean == pytest.approx(0.5, abs=0.005)


def test_an_image_that_suits_every_reconstruction_is_no_evidence():
    # The best image is the best match of all reconstructions: every pairing has accuracy 0.5.
    similarity = np.tile(np.arange(10.0)[:, None], (1, 10))
    result = permutation_test(similarity, n_permutations=99)
    assert (result.statistic, result.null_sd, result.p_value) == pytest.approx((0.5, 0, 1))


def test_undefined_similarities_are_never_significant():
    result = permutation_test(np.full((20, 20), np.nan), n_permutations=99)
    assert (result.statistic, result.p_value) == (0, 1)


def test_false_positive_rate_is_the_nominal_one():
    rng = np.random.default_rng(0)
    false_positives = sum(
        permutation_test(make_similarity(12, 0, rng), 199, seed=run).p_value <= 0.05
        for run in range(200)
    )
    low, high = stats.binom.ppf([0.001, 0.999], 200, 0.05)
    assert low <= false_positives <= high


def test_same_seed_same_result():
    similarity = make_similarity(12, 0.2, np.random.default_rng(0))
    assert permutation_test(similarity, 199, 5) == permutation_test(similarity, 199, 5)
    assert permutation_test(similarity, 199, 5) != permutation_test(similarity, 199, 6)
    assert bootstrap_identification_ci(similarity, 199, seed=5) != bootstrap_identification_ci(
        similarity, 199, seed=6
    )


def test_interval_of_a_mean_equals_scipys():
    values = np.random.default_rng(1).exponential(size=15)  # skewed, so that BCa corrects
    expected = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=20_000,
        confidence_level=0.95,
        method="BCa",
        rng=np.random.default_rng(2),
    ).confidence_interval
    found = bootstrap_ci(values, 20_000, seed=3)
    width = expected.high - expected.low
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(expected.low, abs=0.02 * width)
    assert found.high == pytest.approx(expected.high, abs=0.02 * width)


@pytest.mark.parametrize("fixed", ["recon", "true"])
def test_interval_of_identification_equals_scipys_over_images(fixed):
    similarity = make_similarity(10, 0.4, np.random.default_rng(5))

    def accuracy(images):
        """Compare every drawn image with every other one that is not a copy of it."""
        pairs = [(i, j) for i in images for j in images if i != j]
        rivals = [similarity[i, j] if fixed == "recon" else similarity[j, i] for i, j in pairs]
        return np.mean([r < similarity[j, j] for r, (_, j) in zip(rivals, pairs, strict=True)])

    expected = stats.bootstrap(
        (np.arange(10),),
        accuracy,
        n_resamples=3000,
        method="BCa",
        vectorized=False,
        rng=np.random.default_rng(2),
    ).confidence_interval
    found = bootstrap_identification_ci(similarity, 20_000, seed=3, fixed=fixed)
    assert found.estimate == pytest.approx(two_way_identification(similarity, fixed).mean())
    assert found.low == pytest.approx(expected.low, abs=0.02)
    assert found.high == pytest.approx(expected.high, abs=0.02)


def test_identification_interval_covers_the_true_accuracy():
    rng = np.random.default_rng(0)
    accuracy = np.mean(
        [two_way_identification(make_similarity(300, 0.3, rng)).mean() for _ in range(10)]
    )
    covered = 0
    for run in range(200):
        interval = bootstrap_identification_ci(make_similarity(20, 0.3, rng), 500, seed=run)
        covered += interval.low <= accuracy <= interval.high
    low, high = stats.binom.ppf([0.001, 0.999], 200, 0.95)
    assert low <= covered <= high


def test_equal_values_give_no_width_and_few_images_no_interval():
    equal = bootstrap_ci([0.3] * 7)
    assert equal.estimate == equal.low == equal.high == 0.3
    perfect = bootstrap_identification_ci(np.eye(5))
    assert perfect.estimate == perfect.low == perfect.high == 1
    for interval, estimate in [
        (bootstrap_ci([0.3]), 0.3),
        (bootstrap_ci([0.3, np.nan, 0.4]), np.nan),
        (bootstrap_identification_ci(np.eye(2)), 1),
    ]:
        assert interval.estimate == pytest.approx(estimate, nan_ok=True)
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)


def test_holm_of_hand_worked_values():
    np.testing.assert_allclose(holm([0.01, 0.02, 0.03, 0.04, 0.05]), [0.05, 0.08, 0.09, 0.09, 0.09])
    np.testing.assert_allclose(holm([0.5, np.nan, 0.02, 0.9]), [1, np.nan, 0.06, 1])
    assert holm([]).shape == (0,)


def test_holm_is_the_closed_test_of_bonferroni():
    p = np.random.default_rng(0).uniform(0, 0.4, 6)
    subsets = [s for k in range(1, 7) for s in itertools.combinations(range(6), k)]
    expected = [
        max(min(1, len(s) * min(p[k] for k in s)) for s in subsets if i in s) for i in range(6)
    ]
    np.testing.assert_allclose(holm(p), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: permutation_test(np.eye(3), n_permutations=0), "n_permutations is 0"),
        (lambda: permutation_test(np.eye(1)), "at least two images"),
        (lambda: permutation_test(np.ones((2, 3))), r"\(2, 3\)"),
        (lambda: bootstrap_ci([0.1, 0.2], n_resamples=0), "n_resamples is 0"),
        (lambda: bootstrap_ci([]), r"\(0,\)"),
        (lambda: bootstrap_ci([[0.1, 0.2]]), r"\(1, 2\)"),
        (lambda: bootstrap_identification_ci(np.eye(1)), "at least two images"),
        (lambda: holm([0.2, 1.2]), "0.2 to 1.2"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
