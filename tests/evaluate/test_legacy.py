import numpy as np
import pytest
from scipy import stats

from deeprecon.errors import InputError
from deeprecon.evaluate.legacy import binomial_legacy, wilcoxon_legacy


def test_wilcoxon_by_enumeration_of_signs():
    d = np.array([0.4, -0.1, 0.3, 0.2, -0.25])
    ranks = np.argsort(np.argsort(np.abs(d))) + 1
    signs = (np.arange(32)[:, None] >> np.arange(5)) & 1
    expected = np.mean(signs @ ranks >= ranks[d > 0].sum())
    assert wilcoxon_legacy(0.5 + d) == pytest.approx(expected)


def test_wilcoxon_leaves_out_zeros_and_undefined_images():
    accuracy = [0.9, 0.8, 0.35, 0.7, 0.6]
    assert wilcoxon_legacy([0.5, *accuracy, np.nan, 0.5]) == wilcoxon_legacy(accuracy)
    assert np.isnan(wilcoxon_legacy([0.5, 0.5]))
    assert np.isnan(wilcoxon_legacy([np.nan]))
    assert np.isnan(wilcoxon_legacy([]))


def test_wilcoxon_is_one_sided():
    accuracy = 0.5 + 0.4 * np.random.default_rng(0).uniform(0, 1, 20)
    assert wilcoxon_legacy(accuracy) == pytest.approx(2.0**-20)
    assert wilcoxon_legacy(1 - accuracy) == 1


def test_wilcoxon_ties_are_those_of_counts():
    # 0.7 - 0.5 and 0.5 - 0.3 differ in their last bit; both are two comparisons of ten.
    counts = np.array([7, 3, 8, 9, 6, 10, 7])
    assert wilcoxon_legacy(counts / 10) == pytest.approx(
        stats.wilcoxon(counts - 5, alternative="greater").pvalue
    )


@pytest.mark.parametrize("accuracy", [[0.5, 1.0, 0.5], [0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
def test_binomial_counts_every_comparison(accuracy):
    trials = len(accuracy) * (len(accuracy) - 1)
    won = round(sum(accuracy) * (len(accuracy) - 1))
    assert binomial_legacy(accuracy) == pytest.approx(stats.binom.sf(won - 1, trials, 0.5))


@pytest.mark.parametrize("accuracy", [[], [0.5], [0.5, np.nan], [[0.5, 0.6]]])
def test_binomial_refuses_what_is_no_set_of_accuracies(accuracy):
    with pytest.raises(InputError, match="two or more accuracies"):
        binomial_legacy(accuracy)
