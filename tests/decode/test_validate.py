import numpy as np
import pytest

from deeprecon.decode.validate import (
    cross_validated_accuracy,
    read_accuracy,
    score_layer,
    write_accuracy,
)
from deeprecon.errors import InputError
from deeprecon.features.statistics import LayerStatistics

RNG = np.random.default_rng(0)
IDS = [f"image{i}" for i in range(60)]
ALONE = {name: name for name in IDS}


def accuracy(X, stimuli, features, groups=ALONE, **settings):
    defaults = {"n_voxels": 10, "alpha": 1.0}
    return cross_validated_accuracy(X, stimuli, features, IDS, groups, **(defaults | settings))


def test_features_that_voxels_carry_are_decoded_and_others_are_not():
    features = RNG.normal(size=(60, 4, 3)).astype(np.float32)
    voxels = np.hstack([features.reshape(60, 12), RNG.normal(size=(60, 20))])
    assert accuracy(voxels, IDS, features) > 0.9
    assert abs(accuracy(RNG.normal(size=(60, 32)), IDS, features)) < 0.15


def test_repeats_of_an_image_do_not_leak():
    """Voxels that name the image and nothing else decode repeats, never a new image."""
    features = RNG.normal(size=(60, 8)).astype(np.float32)
    barcode = np.tile(RNG.normal(size=(60, 300)), (3, 1))
    assert abs(accuracy(barcode, IDS * 3, features, n_voxels=200)) < 0.2


def test_a_group_is_held_out_as_a_whole():
    """Two versions of each picture: held out apart they leak, together they do not."""
    pictures = RNG.normal(size=(30, 8))
    features = np.repeat(pictures, 2, axis=0).astype(np.float32)
    barcode = np.repeat(RNG.normal(size=(30, 300)), 2, axis=0)
    pairs = {name: f"picture{i // 2}" for i, name in enumerate(IDS)}
    assert accuracy(barcode, IDS, features, n_voxels=200) > 0.5
    assert abs(accuracy(barcode, IDS, features, pairs, n_voxels=200)) < 0.25


def test_seeded_sample_of_units():
    features = RNG.normal(size=(60, 50)).astype(np.float32)
    X = features + RNG.normal(size=(60, 50))
    first, again = (accuracy(X, IDS, features, n_units=20, seed=1) for _ in range(2))
    assert first == again != accuracy(X, IDS, features, n_units=20, seed=2)


def test_constant_units_and_too_few_groups():
    X = RNG.normal(size=(60, 12))
    assert np.isnan(accuracy(X, IDS, np.ones((60, 3), np.float32)))
    with pytest.raises(InputError, match="2 groups of training images, expected 5"):
        accuracy(X, IDS, RNG.normal(size=(60, 3)), {name: name[-1] > "4" for name in IDS})


def test_scores_of_a_layer(tmp_path):
    true = RNG.normal(size=(10, 30))
    scores = score_layer(true, true, LayerStatistics.of(true))
    assert scores == {
        "profile_correlation": pytest.approx(1),
        "pattern_correlation": pytest.approx(1),
        "pairwise_identification": 1,
    }
    write_accuracy(tmp_path / "a.tsv", {"layer": "b2", "accuracy": 0.123456789})
    assert read_accuracy(tmp_path / "a.tsv") == 0.123456789
