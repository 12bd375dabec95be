"""Each check of pictures passes on good reconstructions and finds a planted fault."""

import numpy as np
import pytest

from deeprecon.validity.images import (
    beyond_prior,
    colour_alone,
    gain_over_nearest,
    gain_over_shuffled,
    ignores_brain,
    recovery,
    sanity,
    scored_is_shown,
    stability,
    variety,
)

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)


def test_recovery_from_true_features():
    assert recovery(0.99).status == "PASS"
    assert recovery(0.9).status == "WARN"
    assert recovery(0.6).status == "FAIL"
    assert recovery(np.nan).status == "NOT RUN"


def test_pictures_no_better_than_those_of_other_images_fail():
    own = 0.5 + 0.1 * RNG.standard_normal(20)
    assert gain(gain_over_shuffled, own, own - 0.3 + 0.1 * RNG.standard_normal(20)).status == "PASS"
    check = gain(gain_over_shuffled, own, own + 0.1 * RNG.standard_normal(20))
    assert check.status == "FAIL"
    assert abs(check.value) < 0.1


def test_pictures_worse_than_the_nearest_training_image_fail():
    own = 0.5 + 0.1 * RNG.standard_normal(20)
    assert gain(gain_over_nearest, own, own - 0.3 + 0.05 * RNG.standard_normal(20)).status == "PASS"
    assert gain(gain_over_nearest, own, own + 0.2 + 0.05 * RNG.standard_normal(20)).status == "FAIL"
    noisy = own + np.tile([-0.4, 0.4], 10)
    assert gain(gain_over_nearest, own, noisy).status == "WARN"


def test_images_without_a_score_are_left_out_and_one_is_too_few():
    assert gain(gain_over_nearest, [0.5, np.nan, 0.6], [0.1, 0.2, np.nan]).status == "NOT RUN"


def test_a_generator_that_ignores_its_input_fails():
    same = np.repeat(TRUE[:1], 12, axis=0)
    same[:, 0, 0] = TRUE[:, 0, 0]  # all but alike
    assert variety(TRUE, TRUE // 2).status == "PASS"
    check = variety(TRUE, np.repeat(TRUE[:1], 12, axis=0))
    assert (check.status, check.value) == ("FAIL", 0)
    faint = (128 + 0.1 * (TRUE - 128.0)).astype(np.uint8)
    assert variety(TRUE, faint).status == "WARN"


def test_one_image_has_no_variety():
    assert variety(TRUE[:1], TRUE[:1]).status == "NOT RUN"


GREY = np.full_like(TRUE, 128)
MEAN_FEATURES = np.repeat(RNG.integers(0, 256, (1, 16, 16, 3), dtype=np.uint8), 12, axis=0)


def gain(check, own, other):
    """A check of pixel correlations (n,) of reconstructions and of a baseline."""
    name = "shuffled_features" if check is gain_over_shuffled else "nearest_training"
    return check({"reconstruction": own, name: other})


def near(prior, share):
    """Pictures on the way from a prior to the originals, with a little noise."""
    noise = RNG.normal(0, 2, TRUE.shape)
    return ((1 - share) * prior + share * TRUE + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("prior", [GREY, MEAN_FEATURES], ids=["grey", "picture"])
def test_the_prior_with_a_little_noise_fails(prior):
    assert beyond_prior(TRUE, near(prior, 0.8), {"prior_only": prior}).status == "PASS"
    assert beyond_prior(TRUE, near(prior, 0.2), {"prior_only": prior}).status == "WARN"
    check = beyond_prior(TRUE, near(prior, 0), {"prior_only": prior})
    assert check.status == "FAIL"
    assert check.value < 0.1
    assert beyond_prior(TRUE, prior, {"prior_only": prior}).value == 0


def test_pictures_near_any_of_the_priors_fail_though_they_differ_from_each_other():
    """From starts that differ by more than the originals do, none of which was left."""
    starts = RNG.integers(0, 256, TRUE.shape, dtype=np.uint8)
    recon = near(starts, 0)
    assert variety(TRUE, recon).status == "PASS"
    check = beyond_prior(TRUE, recon, {"mean_features": MEAN_FEATURES, "prior_only": starts})
    assert check.status == "FAIL"
    assert "image prior only" in check.sentence
    baselines = {"mean_features": MEAN_FEATURES, "prior_only": starts, "mean_training": recon}
    both = ignores_brain(TRUE, recon, baselines, "natural")
    assert [(one.id, one.status) for one in both] == [("V13", "PASS"), ("V13", "FAIL")]


def test_one_image_has_a_distance_from_the_prior_and_an_original_like_it_has_none():
    assert beyond_prior(TRUE[:1], TRUE[:1], {"prior_only": GREY[:1]}).value == 1
    assert beyond_prior(TRUE, TRUE, {}).status == "NOT RUN"
    assert beyond_prior(GREY, TRUE, {"prior_only": GREY}).status == "NOT RUN"
    some = TRUE.copy()
    some[:3] = 128
    assert beyond_prior(some, near(GREY, 0.8), {"prior_only": GREY}).status == "PASS"


def test_stability_over_seeds():
    images = RNG.normal(0.5, 0.2, 30)
    steady = images + 0.02 * RNG.standard_normal((5, 30))
    assert stability(steady).status == "PASS"
    assert stability(steady[:2]).status == "WARN"
    shaken = steady + np.array([[-1.0], [-0.5], [0.0], [0.5], [1.0]])
    assert stability(shaken).status == "FAIL"
    assert stability(RNG.standard_normal((5, 30))).status == "FAIL"  # nothing but the seed
    assert stability(steady[:1]).status == "NOT RUN"


def test_sane_originals_pass_and_equal_ones_warn():
    assert sanity(TRUE).status == "PASS"
    twice = TRUE.copy()
    twice[3] = twice[7]
    check = sanity(twice)
    assert check.status == "WARN"
    assert "1 pairs of equal originals" in check.sentence
    blank = TRUE.copy()
    blank[0] = 128
    assert "1 blank originals" in sanity(blank).sentence
    assert sanity(TRUE[:1]).status == "NOT RUN"


def test_scores_that_are_not_perfect_for_the_same_image_fail(monkeypatch):
    monkeypatch.setattr("deeprecon.validity.images.ssim_grey", lambda a, b: np.full(len(a), 0.9))
    assert sanity(TRUE).status == "FAIL"


def test_shuffled_originals_that_score_fail(monkeypatch):
    monkeypatch.setattr(
        "deeprecon.validity.images.two_way_identification", lambda s, **_: np.ones(len(s))
    )
    assert sanity(TRUE).status == "FAIL"


@pytest.mark.parametrize(
    ("pixels", "colour", "status"),
    [
        (0.95, 0.7, "PASS"),
        (0.8, 0.79, "WARN"),
        (0.8, 0.85, "FAIL"),
        (0.5, 0.49, "PASS"),
        (np.nan, 0.9, "NOT RUN"),
    ],
)
def test_a_colour_that_explains_all_of_the_accuracy(pixels, colour, status):
    assert colour_alone(pixels, colour).status == status


def test_pictures_that_are_not_those_scored_fail():
    assert scored_is_shown(TRUE, list(TRUE)).status == "PASS"
    blend = [*TRUE[:-1], (0.75 * TRUE[-1]).astype(np.uint8)]
    check = scored_is_shown(TRUE, blend)
    assert (check.status, check.value) == ("FAIL", 1)
    assert scored_is_shown(TRUE, [x[:8] for x in TRUE]).value == 12
