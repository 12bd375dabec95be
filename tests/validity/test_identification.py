"""Checks of what identification means, with category-only reconstructions as the fault."""

import numpy as np
import pytest

from deeprecon.validity.identification import (
    among_training,
    colour_and_shape,
    expected_by_category,
    within_categories,
)

CATEGORIES = [name for name in "abcdefgh" for _ in range(4)]


def similarity(category=1.0, image=0.0, seed=0):
    """(32, 32): what each reconstruction shares with originals of its category, and its own."""
    n = len(CATEGORIES)
    same = np.equal.outer(CATEGORIES, CATEGORIES)
    noise = 0.1 * np.random.default_rng(seed).standard_normal((n, n))
    return category * same + image * np.eye(n) + noise


def test_images_known_within_their_category_pass():
    assert within_categories(similarity(image=0.5), CATEGORIES).status == "PASS"


def test_category_only_reconstructions_fail_though_pairs_are_nearly_all_right():
    only = similarity()
    pairs = [(only[:, j] < only[j, j]).sum() / 31 for j in range(32)]
    assert np.mean(pairs) > 0.93
    check = within_categories(only, CATEGORIES)
    assert check.status == "FAIL"
    assert check.value == pytest.approx(0.5, abs=0.12)


def test_too_few_images_to_tell_warn():
    check = within_categories(similarity()[:8, :8], CATEGORIES[:8])
    assert check.status == "WARN"


def test_without_repeated_categories_there_is_nothing_to_check():
    assert within_categories(np.eye(4), ["a", "b", "c", "d"]).status == "NOT RUN"
    assert within_categories(np.eye(4), ["", "", "", ""]).status == "NOT RUN"


def test_expected_accuracy_of_a_perfect_category_is_that_of_a_simulation():
    values = []
    for seed in range(20):
        s = similarity(seed=seed)
        values.append(np.mean([(s[:, j] < s[j, j]).sum() / 31 for j in range(32)]))
    within = 3 / 31 * 0.5 + 28 / 31  # without the image itself among its category
    assert np.mean(values) == pytest.approx(within, abs=0.01)
    assert expected_by_category(8, 0.5) == pytest.approx(1 / 16 + 7 / 8)


def test_true_images_found_among_all_training_images_pass_and_a_guess_fails():
    assert among_training(np.array([1, 3, 2, 90, 1, 4]), 1000).status == "PASS"
    guess = np.random.default_rng(0).integers(1, 1001, 40)
    assert among_training(guess, 1000).status == "FAIL"
    assert among_training(guess[:5], 1000).status == "WARN"
    assert among_training(np.array([1, 2]), 8).status == "NOT RUN"


def test_colour_and_shape_must_be_told_apart():
    rng = np.random.default_rng(0)
    good, guess = rng.uniform(0.7, 1, 40), rng.choice([0.0, 1.0], 40)
    guess[:20], guess[20:] = 0, 1
    assert colour_and_shape(good, good).status == "PASS"
    assert colour_and_shape(good, guess).status == "WARN"
    assert colour_and_shape(guess, guess).status == "FAIL"
    assert colour_and_shape(np.full(4, np.nan), good).status == "NOT RUN"
