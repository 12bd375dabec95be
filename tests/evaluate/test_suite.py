import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.evaluate.suite import feature_scores, pixel_scores
from deeprecon.features.sampled import SampledUnits
from deeprecon.features.units import Units
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import two_way_within

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 256, (12, 20, 20, 3), dtype=np.uint8)
TRAINING = RNG.integers(0, 256, (60, 20, 20, 3), dtype=np.uint8)
NOISE = RNG.integers(0, 256, (12, 20, 20, 3), dtype=np.uint8)
SHAPES = [f"{colour}_{shape}" for colour in ("red", "blue", "green") for shape in
          ("square", "+", "X", "smallring")]  # fmt: skip


def scores(true=TRUE, recon=TRUE, **options):
    found = list(pixel_scores(true, recon, **options))
    return {(one.metric, one.direction): one for one in found}


def test_an_image_is_perfectly_like_itself():
    found = scores(training=TRAINING, categories=SHAPES)
    controls = {"histogram_identification", "luminance_identification"}
    for (metric, _), one in found.items():
        assert one.values.shape == (12,)
        if metric not in controls:  # in which two images may be alike
            np.testing.assert_allclose(one.values, 1, atol=1e-5, err_msg=metric)


def test_noise_is_at_chance():
    found = scores(recon=NOISE, training=TRAINING, categories=SHAPES)
    for (metric, _), one in found.items():
        if not np.isnan(one.chance):
            assert abs(one.values.mean() - one.chance) < 0.25, metric
    assert abs(found["pixel_correlation", "own"].values.mean()) < 0.05


def test_each_score_says_what_it_compares():
    found = scores(training=TRAINING)
    assert found["ssim", "own"].colour == "grey"
    assert found["ssim_425", "own"].size == 425
    assert found["ssim", "own"].size == 20
    assert found["pixel_identification_10way", "recon"].chance == 0.1
    assert found["pixel_top10", "recon"].chance == pytest.approx(10 / 61)
    assert ("pixel_top50", "recon") in found
    assert ("pixel_identification_50way", "recon") not in found  # of 12 images


def test_top_k_that_all_training_images_are_in_is_left_out():
    assert ("pixel_top50", "recon") not in scores(training=TRAINING[:40])


def test_colour_and_shape_are_scored_apart():
    found = scores(recon=NOISE, categories=SHAPES)
    similarity = similarity_matrix(TRUE, NOISE)
    shapes, colours = ([name.split("_")[i] for name in SHAPES] for i in (1, 0))
    for what, same in (("colour", shapes), ("shape", colours)):
        np.testing.assert_array_equal(
            found[f"pixel_identification_of_{what}", "recon"].values,
            two_way_within(similarity, same),
        )
    assert not any("_of_" in metric for metric, _ in scores(categories=["dog"] * 12))


def test_a_picture_of_the_right_colour_and_the_wrong_shape():
    """Flat pictures of the right colour: colours are told apart, shapes are not."""
    rng = np.random.default_rng(1)
    palette = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0)}
    masks = {shape: rng.random((20, 20)) < 0.4 for shape in ("square", "+", "X", "smallring")}
    true = np.full((12, 20, 20, 3), 128, np.uint8)
    for i, name in enumerate(SHAPES):
        colour, shape = name.split("_")
        true[i, masks[shape]] = palette[colour]
    blurred = np.stack([np.broadcast_to(x.mean(axis=(0, 1)), x.shape) for x in true])
    blurred = (blurred + rng.normal(0, 2, true.shape)).clip(0, 255).astype(np.uint8)
    found = scores(true, blurred, categories=SHAPES)
    assert found["pixel_identification_of_colour", "recon"].values.mean() > 0.9
    assert abs(found["pixel_identification_of_shape", "recon"].values.mean() - 0.5) < 0.3


def test_one_image_has_scores_of_its_own_alone():
    assert {direction for _, direction in scores(TRUE[:1], NOISE[:1])} == {"own"}


def test_legacy_variants_can_be_left_out():
    assert ("ssim_425", "own") not in scores(legacy=False)


@pytest.mark.parametrize(
    ("true", "recon"),
    [(TRUE, TRUE[:5]), (TRUE, TRUE[:, :10]), (TRUE[:0], TRUE[:0]), (TRUE / 255, TRUE / 255)],
)
def test_images_that_do_not_fit_are_refused(true, recon):
    with pytest.raises(InputError):
        scores(true, recon)


def test_identification_in_layers_and_among_training_features():
    rng = np.random.default_rng(2)
    true = {"conv": rng.standard_normal((12, 3, 4, 4)), "fc": rng.standard_normal((12, 10))}
    place = np.arange(0, 48, 3)
    training = SampledUnits(
        [str(i) for i in range(70)],
        {"conv": rng.standard_normal((70, 16)), "fc": rng.standard_normal((70, 10))},
        {"conv": Units((3, 4, 4), place), "fc": Units.every((10,))},
    )
    found = {
        (one.metric, one.direction): one
        for one in feature_scores(true, true, training, network="net", size=20)
    }
    for layer in true:
        for metric in (f"identification_{layer}", f"identification_{layer}_10way", f"{layer}_top1"):
            assert (found[metric, "recon"].values == 1).all()
    assert found["conv_top1", "recon"].colour == "net conv, sampled"
    shuffled = {layer: values[::-1] for layer, values in true.items()}
    (worse,) = [
        one for one in feature_scores(true, shuffled, training, network="net", size=20)
        if one.metric == "fc_top1"
    ]  # fmt: skip
    assert worse.values.sum() == 0
