import numpy as np
import pytest
from scipy import stats

from deeprecon.errors import InputError
from deeprecon.stats.permutation import paired_permutation


@pytest.mark.parametrize("n", [2, 6, 14])
def test_sign_flips_equal_scipys(n):
    a, b = np.random.default_rng(n).normal(0.3, 1, (2, n)).round(1)  # rounded: some tie
    expected = stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    found = paired_permutation(a, b)
    assert found.n_permutations == min(2**n, 9999)
    assert found.difference == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0 if 2**n < 9999 else 0.02)


def test_random_signs_are_counted_with_the_observed_ones():
    found = paired_permutation(np.ones(40), np.zeros(40), 199)
    assert (found.difference, found.p_value, found.n_permutations) == (1, 1 / 200, 199)


def test_equal_methods_never_differ():
    values = np.random.default_rng(0).normal(size=30)
    assert paired_permutation(values, values, 99).p_value == 1


def test_the_order_of_methods_only_turns_the_sign():
    a, b = np.random.default_rng(3).normal(size=(2, 30))
    one, other = paired_permutation(a, b, 499), paired_permutation(b, a, 499)
    assert one.difference == -other.difference
    assert one.p_value == other.p_value < 1


def test_a_scale_changes_no_p():
    # Differences of accuracies are multiples of 1 / (n - 1), so that many patterns tie.
    d = np.random.default_rng(0).integers(-6, 7, 12)
    p = [paired_permutation(d / scale, np.zeros(12)).p_value for scale in (1, 49, 4900)]
    assert p[0] == p[1] == p[2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired_permutation([1, 2], [1]), r"\(2,\) and \(1,\)"),
        (lambda: paired_permutation([], []), r"\(0,\)"),
        (lambda: paired_permutation([1, np.nan], [1, 2]), "1 of 2 are NaN"),
        (lambda: paired_permutation([1, 2], [1, 3], 0), "n_permutations is 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
