import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.features.statistics import LayerStatistics, channel_sd
from deeprecon.reconstruct.registry import SCALINGS
from deeprecon.reconstruct.scaling import (
    match_contrast,
    match_sd,
    match_sd_around_mean,
    scaled,
)

RNG = np.random.default_rng(0)
TRUE = RNG.normal(3, 2, (6, 4, 8, 8)).astype(np.float32)
STATISTICS = LayerStatistics.of(TRUE)


def test_sd_by_hand():
    """Script 1 of KamitaniLab/DeepImageReconstruction: per channel, then averaged."""
    decoded = RNG.normal(1, 0.2, TRUE.shape).astype(np.float32)
    sd = np.mean([np.std(decoded[2, c]) for c in range(4)])
    expected = decoded[2] / sd * STATISTICS.scale
    np.testing.assert_allclose(match_sd(decoded, STATISTICS)[2], expected, rtol=1e-5)


def test_sd_around_the_training_mean_by_hand():
    """`ScaleFeatures` of KamitaniLab/spurious_reconstruction, with its ddof of 1 on both sides."""
    decoded = RNG.normal(1, 0.2, TRUE.shape).astype(np.float32)
    sd = decoded[2].std(axis=(1, 2), ddof=1).mean()
    goal = STATISTICS.scale * np.sqrt(64 / 63)
    expected = (decoded[2] - STATISTICS.mean) / sd * goal + STATISTICS.mean
    found = match_sd_around_mean(decoded, STATISTICS)[2]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_contrast_undoes_shrinkage():
    """Features shrunk towards the training mean get back the SD, keep their own mean level."""
    mean = STATISTICS.mean
    matched = match_contrast(mean + 0.1 * (TRUE - mean), STATISTICS)
    np.testing.assert_allclose(channel_sd(matched - mean), STATISTICS.contrast, rtol=1e-4)
    np.testing.assert_allclose(
        (matched - mean).mean(axis=(1, 2, 3)), 0.1 * (TRUE - mean).mean(axis=(1, 2, 3)), atol=1e-5
    )


@pytest.mark.parametrize("name", SCALINGS)
def test_true_features_of_average_contrast_stay_as_they_are(name):
    """A single true image has its own contrast: scaled by it, nothing changes."""
    own = channel_sd(TRUE[:1] - STATISTICS.mean)[0], channel_sd(TRUE[:1])[0]
    statistics = LayerStatistics(STATISTICS.mean, STATISTICS.sd, float(own[0]), float(own[1]))
    np.testing.assert_allclose(
        scaled(name, "fc", TRUE[:1], statistics), TRUE[:1], rtol=1e-4, atol=1e-4
    )


def test_vectors():
    decoded = RNG.normal(0, 0.1, (3, 50)).astype(np.float32)
    statistics = LayerStatistics.of(RNG.normal(0, 2, (9, 50)).astype(np.float32))
    np.testing.assert_allclose(
        match_sd(decoded, statistics).std(axis=1), statistics.scale, rtol=1e-4
    )


@pytest.mark.parametrize("name", ["sd", "train_mean", "centred"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "layer b1: decoded features of image 2 are not finite"),
        (None, "layer b1: decoded features of image 2 do not vary"),
    ],
)
def test_a_layer_without_variance_is_refused(name, value, message):
    decoded = TRUE.copy()
    decoded[1] = STATISTICS.mean if value is None and name == "centred" else (value or 5.0)
    with pytest.raises(InputError, match=message):
        scaled(name, "b1", decoded, STATISTICS)
