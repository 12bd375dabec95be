"""Simulated studies: how often each test errs, and how often each interval holds the truth.

Every count is held to a band that a right program leaves with a probability that is stated, were
the seeds drawn anew; with the seeds fixed, the outcome is the same every time.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from deeprecon.evaluate.legacy import binomial_legacy, wilcoxon_legacy
from deeprecon.evaluate.subjects import joint_bootstrap_ci
from deeprecon.stats.bootstrap import bootstrap_ci, bootstrap_identification_ci
from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import two_way_identification
from deeprecon.stats.permutation import paired_permutation, permutation_test

STUDIES = 600
DRAWS = 199  # permutations, of tests; p can be exactly .05
RESAMPLES = 499
SIZES = (20, 30, 50)  # images of a study, in turn
UNITS = 20
FAILS = 0.01  # of right programs, for each band
# Of tests at .05: exact but for ties, which make p larger. Right if it is within.
LEVEL = 0.04, 0.05

Similarities = list[NDArray[np.float64]]


def study(
    n: int,
    rng: np.random.Generator,
    strengths: Sequence[float] = (0.0,),
    collapse: float = 0.0,
) -> Similarities:
    """Similarities of n images with the reconstructions of one or more methods or subjects.

    strengths: of the true image in each method's reconstructions. collapse: of one picture that
    all reconstructions of a method share. Some images are more easily reconstructed
    than others, by all methods.
    """
    true = rng.normal(size=(n, UNITS)) * rng.uniform(0.3, 1.7, size=(n, 1))
    return [
        similarity_matrix(
            true,
            strength * true + collapse * rng.normal(size=UNITS) + rng.normal(size=true.shape),
        )
        for strength in strengths
    ]


def rate(error: Callable[[int, np.random.Generator, int], bool], studies: int = STUDIES) -> int:
    """Studies in which something happens, of (number of images, generator, seed)."""
    rng = np.random.default_rng(20)
    return sum(error(SIZES[k % len(SIZES)], rng, k) for k in range(studies))


def most(probability: float, studies: int = STUDIES) -> int:
    """Count that an event of at most this probability exceeds in at most FAILS / 2 of cases."""
    return int(binom.ppf(1 - FAILS / 2, studies, probability))


def least(probability: float, studies: int = STUDIES) -> int:
    """Count that an event of at least this probability misses in at most FAILS / 2 of cases."""
    return int(binom.ppf(FAILS / 2, studies, probability))


def assert_level(errors: int) -> None:
    """The count of false positives is one of a level in `LEVEL`."""
    assert least(LEVEL[0]) <= errors <= most(LEVEL[1])


@pytest.mark.parametrize("fixed", ["recon", "true"])
def test_permutation_test_without_any_relation(fixed):
    found = rate(
        lambda n, rng, k: permutation_test(study(n, rng)[0], DRAWS, k, fixed).p_value <= 0.05
    )
    assert_level(found)


@pytest.mark.parametrize("fixed", ["recon", "true"])
def test_permutation_test_of_reconstructions_that_are_nearly_one(fixed):
    # Exact here too, but equal accuracies are many, and p is never too small.
    found = rate(
        lambda n, rng, k: (
            permutation_test(study(n, rng, collapse=100)[0], DRAWS, k, fixed).p_value <= 0.05
        )
    )
    assert found <= most(LEVEL[1])


def test_paired_permutation_of_equal_methods():
    def error(n: int, rng: np.random.Generator, k: int) -> bool:
        image = rng.normal(size=n)  # some images are hard for both
        a, b = image + rng.exponential(size=(2, n))
        return paired_permutation(a, b, DRAWS, k).p_value <= 0.05

    assert_level(rate(error))


@pytest.mark.parametrize("fixed", ["recon", "true"])
def test_binomial_over_comparisons_is_far_too_liberal(fixed):
    found = rate(
        lambda n, rng, k: binomial_legacy(two_way_identification(study(n, rng)[0], fixed)) <= 0.05
    )
    assert found > most(0.2)


def test_wilcoxon_without_any_relation():
    found = rate(
        lambda n, rng, k: wilcoxon_legacy(two_way_identification(study(n, rng)[0])) <= 0.05
    )
    assert least(LEVEL[0]) <= found <= most(0.07)  # 0.05 here; 0.07 has been reported


def test_wilcoxon_of_reconstructions_that_are_nearly_one_has_no_level():
    # Ranks among the same competitors sum to the same: accuracies are not independent.
    found = rate(
        lambda n, rng, k: (
            wilcoxon_legacy(two_way_identification(study(n, rng, collapse=100)[0])) <= 0.05
        )
    )
    assert found < least(LEVEL[0])


# Of 95 % intervals; what they cover with 20 images is not exactly .95. Right if it is within.
COVERAGE = 0.92, 0.98


def truth(strengths: Sequence[float], weights: Sequence[float], fixed: str) -> float:
    """Weighted sum of expected accuracies, to about .002: they do not depend on n."""
    rng = np.random.default_rng(0)
    means = [
        [two_way_identification(s, fixed).mean() for s in study(1000, rng, strengths)]
        for _ in range(10)
    ]
    return float(np.mean(means, axis=0) @ weights)


def assert_covered(covered: int) -> None:
    """The count of intervals that hold the truth is one of a coverage in `COVERAGE`."""
    assert least(COVERAGE[0]) <= covered <= most(COVERAGE[1])


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: rng.normal(size=shape),
        lambda rng, shape: rng.beta(8, 2, size=shape) - 0.8,  # as scores near their ceiling
    ],
)
def test_intervals_of_means(draw):
    def holds(n: int, rng: np.random.Generator, k: int) -> bool:
        interval = bootstrap_ci(draw(rng, n), RESAMPLES, seed=k)
        return interval.low <= 0 <= interval.high

    assert_covered(rate(holds))


def test_paired_and_joint_intervals_of_means():
    def drawn(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Three methods or subjects: images that are hard are hard for all."""
        return rng.normal(size=n) + 0.5 * rng.normal(size=(3, n))

    def paired(n: int, rng: np.random.Generator, k: int) -> bool:
        a, b, _ = drawn(n, rng)
        interval = bootstrap_ci(a - b, RESAMPLES, seed=k)
        return interval.low <= 0 <= interval.high

    def joint(n: int, rng: np.random.Generator, k: int) -> bool:
        interval = joint_bootstrap_ci(list(drawn(n, rng)), RESAMPLES, seed=k)
        return interval.low <= 0 <= interval.high

    def as_one_set(n: int, rng: np.random.Generator, k: int) -> bool:
        interval = bootstrap_ci(drawn(n, rng).ravel(), RESAMPLES, seed=k)
        return interval.low <= 0 <= interval.high

    assert_covered(rate(paired))
    assert_covered(rate(joint))
    assert rate(as_one_set) < least(COVERAGE[0])  # three subjects are not three times the images


@pytest.mark.parametrize("fixed", ["recon", "true"])
@pytest.mark.parametrize("strength", [0.3, 0.7])
def test_interval_of_identification(strength, fixed):
    accuracy = truth([strength], [1], fixed)

    def holds(n: int, rng: np.random.Generator, k: int) -> bool:
        (similarity,) = study(n, rng, [strength])
        interval = bootstrap_identification_ci(similarity, RESAMPLES, seed=k, fixed=fixed)
        return interval.low <= accuracy <= interval.high

    assert_covered(rate(holds))


def test_holm_keeps_the_level_of_a_family_of_ten():
    rng = np.random.default_rng(5)
    lowest = [holm(rng.uniform(size=10)).min() for _ in range(2000)]
    low, high = binom.interval(0.99, 2000, 0.05)
    assert low <= np.sum(np.array(lowest) <= 0.05) <= high
