"""Intervals, strengths and agreement, compared with formulas, other packages and simulations."""

import itertools

import choix
import krippendorff as reference
import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from deeprecon.errors import InputError
from deeprecon.judge.analysis.agreement import agreement_interval
from deeprecon.judge.analysis.statistics import (
    against_chance,
    pigeonhole_counts,
    two_way_interval,
    two_way_variance,
)
from deeprecon.judge.analysis.strengths import bradley_terry, bradley_terry_intervals
from deeprecon.judge.power import ability_for

# Krippendorff (2011), the example with missing data: four observers, twelve units.
_ = np.nan
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]


def study(rng, n_raters, n_images, each, ability):
    raters = np.repeat(np.arange(n_raters), each)
    order = [rng.permutation(n_images) for _ in range(-(-len(raters) // n_images))]
    images = np.concatenate(order)[: len(raters)]
    logits = ability + rng.normal(0, 0.5, n_raters)[raters]
    logits += rng.normal(0, 1, n_images)[images]
    return (rng.random(len(raters)) < expit(logits)).astype(float), raters, images


def naive(right):
    half = norm.ppf(0.975) * np.sqrt(right.mean() * (1 - right.mean()) / len(right))
    return right.mean() - half, right.mean() + half


@pytest.mark.parametrize(
    ("design", "accuracy", "naive_below"),
    [((12, 50, 50), 0.7, 0.75), ((13, 40, 20), 0.9, 0.9), ((20, 50, 8), 0.7, 0.9)],
)
def test_intervals_have_nominal_coverage_and_binomial_ones_do_not(design, accuracy, naive_below):
    rng = np.random.default_rng(1)
    ability = ability_for(accuracy, np.hypot(0.5, 1))
    held, naively = [], []
    for number in range(500):
        right, raters, images = study(rng, *design, ability)
        interval = two_way_interval(right, raters, images, 200, seed=number)
        held.append(interval.low <= accuracy <= interval.high)
        low, high = naive(right)
        naively.append(low <= accuracy <= high)
    assert 0.92 <= np.mean(held) <= 0.98  # three standard errors around .95
    assert np.mean(naively) < naive_below


def test_coverage_near_ceiling_with_few_raters():
    rng = np.random.default_rng(0)
    ability = ability_for(0.97, np.hypot(0.5, 1))
    held, resampled_held = [], []
    for number in range(150):
        right, raters, images = study(rng, 4, 20, 10, ability)
        interval = two_way_interval(right, raters, images, 200, seed=number)
        held.append(interval.low <= 0.97 <= interval.high)
        of_raters, of_images = pigeonhole_counts(4, 20, 200, number)
        weights = of_raters[:, raters] * of_images[:, images]
        low, high = np.quantile(weights @ right / weights.sum(axis=1), [0.025, 0.975])
        resampled_held.append(low <= 0.97 <= high)
    assert np.mean(held) > 0.95
    assert np.mean(resampled_held) < 0.9


def test_interval_is_near_its_formula_for_complete_designs():
    rng = np.random.default_rng(1)
    right, raters, images = study(rng, 20, 60, 60, 1.0)
    table = np.zeros((20, 60))
    table[raters, images] = right
    # Analysis of variance: both main effects, less the rest that both hold.
    row = table.mean(axis=1).var(ddof=1) / 20
    column = table.mean(axis=0).var(ddof=1) / 60
    cells = table.var(ddof=1) / table.size
    influence = (right - right.mean())[:, None] / len(right)
    assert two_way_variance(influence, raters, images)[0][0] == pytest.approx(row + column - cells)
    interval = two_way_interval(right, raters, images)
    half = 1.96 * np.sqrt(row + column - cells)
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.15)
    assert interval.estimate == pytest.approx(right.mean())


def test_order_and_type_of_labels_do_not_matter():
    right = np.tile([1, 1, 0, 1, 1, 0], 4)
    raters, images = np.repeat(list("abcd"), 6), np.tile(list("uvwxyz"), 4)
    interval = two_way_interval(right, raters, images)
    assert interval.low < interval.estimate < interval.high
    shuffled = np.random.default_rng(0).permutation(24)
    assert two_way_interval(right[shuffled], raters[shuffled], images[shuffled]) == interval
    assert two_way_interval(right, np.repeat(range(4), 6), np.tile(range(6), 4)) == interval


def test_one_rater_is_resampled_over_images_and_one_image_over_raters():
    right = np.array([1, 0, 1, 1, 1, 0, 1, 1])
    alone, many = np.zeros(8), np.arange(8)
    one_rater = two_way_interval(right, alone, many)
    assert one_rater == two_way_interval(right, many, alone)
    assert 0.2 < one_rater.low < 0.75 < one_rater.high <= 1
    single = two_way_interval([1, 0, 1], [0, 0, 0], [5, 5, 5])
    assert single.estimate == pytest.approx(2 / 3)
    assert np.isnan([single.low, single.high]).all()


def test_interval_has_width_if_all_answers_are_right():
    interval = two_way_interval(np.ones(40), np.repeat(np.arange(4), 10), np.tile(np.arange(10), 4))
    assert interval.estimate == interval.high == 1
    assert 0.7 < interval.low < 0.95
    wrong = two_way_interval(np.zeros(40), np.repeat(np.arange(4), 10), np.tile(np.arange(10), 4))
    assert (wrong.low, wrong.high) == (0, pytest.approx(1 - interval.low))


def test_fractional_outcomes_and_no_answers():
    interval = two_way_interval([0.5] * 4, list("aabb"), list("xyxy"))
    assert interval.low < 0.5 < interval.high
    assert np.isnan(two_way_interval([], [], []).estimate)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0], ["a"], ["x", "y"]), r"shapes \(2,\), \(1,\) and \(2,\)"),
        (([1, 2], ["a", "b"], ["x", "y"]), "outcomes from 1 to 2, expected 0 to 1"),
        (([1, np.nan], ["a", "b"], ["x", "y"]), "outcomes from"),
        (([1, 0], ["a", "b"], ["x", "y"], 0), "n_resamples is 0"),
    ],
)
def test_bad_outcomes_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        two_way_interval(*arguments)


def test_against_chance_counts_images_not_answers():
    # Four images, each judged by ten raters alike: 40 answers, but 4 images decide.
    right = np.repeat([1, 1, 1, 1], 10)
    result = against_chance(right, np.repeat(list("abcd"), 10))
    assert (result.difference, result.p_value) == (0.5, 2 / 16)
    assert against_chance([1, 0, 1, 0], list("aabb")).p_value == 1


@pytest.mark.parametrize("k", [2, 3, 6])
def test_strengths_agree_with_choix(k):
    rng = np.random.default_rng(k)
    wins = rng.integers(1, 20, (k, k))
    np.fill_diagonal(wins, 0)
    data = [pair for pair in itertools.permutations(range(k), 2) for _ in range(wins[pair])]
    ours = bradley_terry(wins, prior=0)
    for theirs in (choix.mm_pairwise, choix.ilsr_pairwise, choix.opt_pairwise):
        assert ours == pytest.approx(theirs(k, data), abs=1e-5)


def test_strengths_of_exact_shares_are_known():
    strengths = np.array([1.2, 0.3, -0.5, -1.0])
    shares = expit(strengths[:, None] - strengths)
    assert bradley_terry(1000 * shares, prior=0) == pytest.approx(strengths, abs=1e-8)


def test_the_prior_keeps_undefeated_conditions_finite_and_ordered():
    strengths = bradley_terry([[0, 10, 10], [0, 0, 10], [0, 0, 0]])
    assert np.isfinite(strengths).all()
    assert strengths.argsort().tolist() == [2, 1, 0]
    assert strengths.sum() == pytest.approx(0)
    two = bradley_terry([[0, 12], [4, 0]])
    assert two[0] - two[1] == pytest.approx(np.log(12.5 / 4.5))


@pytest.mark.parametrize(
    ("wins", "prior", "message"),
    [
        ([[0, 1], [0, 0]], 0, "never lost"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], 0.5, "not all compared"),
        ([[0, 1], [-1, 0]], 0.5, "negative or undefined"),
        ([[0, np.nan], [1, 0]], 0.5, "negative or undefined"),
        ([[0, 1, 2]], 0.5, r"shape \(1, 3\), expected \(k, k\)"),
    ],
)
def test_strengths_that_are_not_defined_are_refused(wins, prior, message):
    with pytest.raises(InputError, match=message):
        bradley_terry(wins, prior)


def test_intervals_of_strengths_have_nominal_coverage():
    strengths = np.array([0.6, 0.0, -0.6])
    pairs = np.array(list(itertools.combinations(range(3), 2)))
    rng = np.random.default_rng(2)
    held, narrow = [], []
    for _ in range(300):
        raters, images = np.repeat(np.arange(10), 30), np.tile(np.arange(30), 10)
        a, b = pairs[(raters + images) % 3].T
        # An image favours one of the three, the same for all raters.
        worth = strengths + rng.normal(0, 0.5, (30, 3))[images]
        rows = np.arange(300)
        first = rng.random(300) < expit(worth[rows, a] - worth[rows, b])
        found = bradley_terry_intervals(
            np.where(first, a, b), np.where(first, b, a), raters, images, 3
        )
        held.append((found.low <= strengths) & (strengths <= found.high))
        assert (found.low < found.estimate).all()
        narrow.append((found.high - found.low).mean())
    # What images add shrinks mean strengths by less than a tenth of the interval.
    assert 0.9 <= np.mean(held) <= 0.99
    assert np.mean(narrow) < 1


def test_an_undefeated_condition_has_a_finite_interval():
    winners, losers = np.zeros(20, int), np.ones(20, int)
    raters, images = np.repeat(np.arange(4), 5), np.tile(np.arange(5), 4)
    found = bradley_terry_intervals(winners, losers, raters, images, 2)
    assert np.isfinite([*found.low, *found.high]).all()
    assert found.low[0] < found.estimate[0] < found.high[0]
    assert found.low[0] > 0 > found.high[1]
    alone = bradley_terry_intervals(winners[:1], losers[:1], ["a"], ["x"], 2)
    assert np.isnan([*alone.low, *alone.high]).all()
    assert np.isfinite(alone.estimate).all()


def item_counts(codes, n_categories=1):
    """Number of raters who gave each item each code, from (raters, items) codes or NaN."""
    codes = np.asarray(codes, dtype=float)
    n_categories = max(n_categories, int(np.nanmax(codes)) + 1)
    return (codes[:, :, None] == np.arange(n_categories)).sum(axis=0).astype(float)


def krippendorff_alpha(codes):
    return agreement_interval("krippendorff_alpha", item_counts(codes), 1).estimate


def gwet_ac1(codes):
    return agreement_interval("gwet_ac1", item_counts(codes, 2), 1).estimate


def test_alpha_of_published_examples():
    assert krippendorff_alpha(KRIPPENDORFF) == pytest.approx(0.743, abs=5e-4)
    two = [["a", "a", "b", "b", "d", "c", "c", "c", "e", "d", "d", "a"]]
    two += [["b", "a", "b", "b", "b", "c", "c", "c", "e", "d", "d", "d"]]
    codes = np.vectorize("abcde".index)(two)
    assert krippendorff_alpha(codes) == pytest.approx(0.692, abs=5e-4)


def test_ac1_of_published_examples():
    # The same data in irrCAC, the package of Gwet's book: AC1 = 0.77544.
    codes = np.array(KRIPPENDORFF) - 1
    assert gwet_ac1(codes) == pytest.approx(0.77544, abs=5e-6)
    # Both raters say "no" in nearly all cases: alpha is about zero, AC1 is not.
    first, second = [0] * 118 + [0] * 5 + [1] * 2, [0] * 118 + [1] * 5 + [0] * 2
    assert gwet_ac1([first, second]) == pytest.approx(0.9408, abs=5e-5)
    assert krippendorff_alpha([first, second]) < 0


@pytest.mark.parametrize("missing", [0, 0.5, 0.8])
def test_alpha_agrees_with_the_package_krippendorff(missing):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 40)
    codes = np.where(rng.random((5, 40)) < 0.3, rng.integers(0, 3, (5, 40)), truth).astype(float)
    codes[rng.random((5, 40)) < missing] = np.nan
    expected = reference.alpha(reliability_data=codes, level_of_measurement="nominal")
    assert krippendorff_alpha(codes) == pytest.approx(expected, abs=1e-12)


def test_agreement_is_undefined_without_pairs_or_variance():
    apart = [[0, 1, np.nan, np.nan], [np.nan, np.nan, 0, 1]]
    assert np.isnan(krippendorff_alpha(apart)) and np.isnan(gwet_ac1(apart))
    same = np.ones((3, 5))
    assert np.isnan(krippendorff_alpha(same))
    assert gwet_ac1(same) == 1


@pytest.mark.parametrize("name", ["krippendorff_alpha", "gwet_ac1", "agreement"])
def test_intervals_of_agreement_have_nominal_coverage(name):
    def raters(rng, n_items):
        truth = rng.integers(0, 2, n_items)
        return np.where(rng.random((4, n_items)) < 0.8, truth, 1 - truth)

    rng = np.random.default_rng(5)
    true = agreement_interval(name, item_counts(raters(rng, 100_000), 2), 1).estimate
    held = []
    for number in range(200):
        found = agreement_interval(name, item_counts(raters(rng, 40), 2), 200, seed=number)
        held.append(found.low <= true <= found.high)
    assert 0.88 <= np.mean(held) <= 0.99


def test_an_interval_of_agreement_needs_two_items():
    counts = np.array([[2, 0], [1, 0]])
    found = agreement_interval("agreement", counts)
    assert found.estimate == 1 and np.isnan(found.low)
