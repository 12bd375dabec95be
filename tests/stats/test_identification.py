from itertools import combinations

import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.stats import identification as module
from deeprecon.stats.identification import (
    n_way,
    ranks,
    ranks_among_training,
    top_k,
    two_way_identification,
)


def similarities(n: int = 8, seed: int = 0) -> np.ndarray:
    """Rounded, so that there are ties; own ones are a bit higher; one is undefined."""
    found = np.random.default_rng(seed).normal(size=(n, n)).round(1) + np.eye(n)
    found[2, 5] = np.nan
    return found


def by_enumeration(similarity, n, fixed):
    """Share of the draws of n - 1 competitors in which the own image beats each of them."""
    columns = similarity if fixed == "recon" else similarity.T
    shares = []
    for j in range(len(columns)):
        rivals = [i for i in range(len(columns)) if i != j]
        draws = list(combinations(rivals, n - 1))
        won = [all(columns[i, j] < columns[j, j] for i in draw) for draw in draws]
        shares.append(np.mean(won) if draws else np.nan)
    return shares


@pytest.mark.parametrize("fixed", ["recon", "true"])
@pytest.mark.parametrize("n", [2, 3, 5, 7, 8, 9])
def test_n_way_is_the_mean_over_all_draws(n, fixed):
    similarity = similarities()
    expected = by_enumeration(similarity, n, fixed)
    np.testing.assert_allclose(n_way(similarity, n, fixed), expected)


def test_the_enumeration_has_ties_and_undefined_values():
    """That the test above can tell."""
    similarity = similarities()
    assert (similarity == np.diagonal(similarity)).sum() > 8
    assert np.isnan(similarity).any()


@pytest.mark.parametrize("fixed", ["recon", "true"])
def test_two_of_n_way_is_two_way_identification(fixed):
    similarity = similarities(seed=1)
    expected = two_way_identification(similarity, fixed)
    np.testing.assert_allclose(n_way(similarity, 2, fixed), expected)


def test_n_way_by_hand():
    similarity = np.zeros((5, 5))
    similarity[:, 0] = [0.5, 0.1, 0.2, 0.5, 0.4]  # beats three of four, ties with one
    similarity[:, 1] = [0.1, np.nan, 0.1, 0.1, 0.1]
    similarity[:, 2] = [0.9, 0.9, 0.1, 0.0, 0.9]  # beats one of four
    found = [n_way(similarity, n) for n in (2, 3, 4, 5)]
    np.testing.assert_allclose([row[0] for row in found], [3 / 4, 3 / 6, 1 / 4, 0])
    np.testing.assert_array_equal([row[1] for row in found], 0)
    np.testing.assert_allclose([row[2] for row in found], [1 / 4, 0, 0, 0])
    np.testing.assert_array_equal(n_way(np.eye(5), 6), np.nan)


def test_chance_of_n_way_and_of_top_k():
    similarity = np.random.default_rng(0).normal(size=(400, 400))
    for n in (2, 10, 50):
        assert n_way(similarity, n).mean() == pytest.approx(1 / n, abs=0.03)
    own, others = np.diagonal(similarity), similarity[:, :99]
    place = ranks(own[200:], others[200:])  # rows of images that are not among the others
    for k in (1, 10, 50):
        assert top_k(place, k).mean() == pytest.approx(k / 100, abs=0.08)


def test_n_way_of_many_among_many():
    """C(1199, 599) is larger than the largest float."""
    similarity = np.zeros((1200, 1200))
    np.fill_diagonal(similarity, 1)
    similarity[1, 0] = 2  # beats the own image wherever it is drawn: in 599 of 1199 cases
    expected = np.ones(1200)
    expected[0] = 600 / 1199
    np.testing.assert_allclose(n_way(similarity, 600), expected)


@pytest.mark.parametrize("n", [0, 1])
def test_n_way_of_fewer_than_two_is_refused(n):
    with pytest.raises(InputError, match="at least 2"):
        n_way(np.eye(3), n)


def test_n_way_of_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(InputError, match=r"\(2, 3\)"):
        n_way(np.ones((2, 3)), 2)


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (0.9, [0.1, 0.5, 0.8], 1),
        (0.5, [0.1, 0.6, 0.8], 3),
        (0.5, [0.5, 0.1, 0.5], 3),  # ties
        (0.0, [0.1, 0.2, 0.3], 4),
        (np.nan, [0.1, 0.2, 0.3], 4),
        (0.5, [np.nan, 0.2, 0.3], 2),
        (np.nan, [np.nan] * 3, 4),
        (0.5, [], 1),
    ],
)
def test_places_by_hand(own, others, expected):
    np.testing.assert_array_equal(ranks([own], np.array([others])), [expected])


@pytest.mark.parametrize("others", [np.ones(2), np.ones((3, 4)), np.ones((2, 3, 4))])
def test_ranks_of_other_shapes_are_refused(others):
    with pytest.raises(InputError, match=r"own has shape \(2,\)"):
        ranks([1, 2], others)


def test_top_k_at_its_ends():
    place = np.array([1, 2, 10, 11])
    np.testing.assert_array_equal(top_k(place, 1), [1, 0, 0, 0])
    np.testing.assert_array_equal(top_k(place, 10), [1, 1, 1, 0])
    with pytest.raises(InputError, match="at least 1"):
        top_k(place, 0)


def test_places_among_training_images_are_those_of_corrcoef():
    rng = np.random.default_rng(0)
    true, training = rng.normal(size=(6, 4, 4, 3)), rng.normal(size=(40, 4, 4, 3))
    recon = true + 8 * rng.normal(size=true.shape)
    expected = []
    for a, b in zip(true, recon, strict=True):
        r = [np.corrcoef(x.ravel(), b.ravel())[0, 1] for x in (a, *training)]
        expected.append(1 + sum(x >= r[0] for x in r[1:]))
    assert len(set(expected)) > 3
    np.testing.assert_array_equal(ranks_among_training(recon, true, training), expected)


def test_parts_of_the_training_images_do_not_show(monkeypatch):
    rng = np.random.default_rng(3)
    true, training = rng.normal(size=(6, 30)), rng.normal(size=(20, 30))
    recon = true + 4 * rng.normal(size=true.shape)
    whole = ranks_among_training(recon, true, training)
    monkeypatch.setattr(module, "CHUNK", 7)
    assert len(set(whole)) > 2
    np.testing.assert_array_equal(ranks_among_training(recon, true, training), whole)


def test_a_method_that_gives_back_training_images_is_found_out():
    rng = np.random.default_rng(1)
    true, training = (rng.integers(0, 256, (n, 6, 6, 3)).astype(np.uint8) for n in (4, 30))
    nothing = np.full((1, 6, 6, 3), 7, np.uint8)  # without any contrast: the worst place
    recon = np.concatenate([true[:1], training[5:6], training[6:7], nothing])
    place = ranks_among_training(recon, true, training)
    assert place[0] == 1 and (place[1:3] > 1).all() and place[3] == 31


def test_a_true_image_that_is_a_training_image_ties_with_it():
    rng = np.random.default_rng(2)
    training = rng.normal(size=(20, 300))
    true = training[[3, 8]]
    recon = true + 0.01 * rng.normal(size=true.shape)
    np.testing.assert_array_equal(ranks_among_training(recon, true, training), [2, 2])
