"""Cross-validation that must not leak, and the table that it chooses settings in."""

import numpy as np
import pandas as pd
import pytest

from deeprecon.data.bdata import BData
from deeprecon.decode.folds import folds_of, image_sets, training_groups
from deeprecon.decode.layer import LayerDecoder, TrainingVoxels
from deeprecon.decode.models import build, candidates
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.tables import (
    read_accuracy,
    read_settings,
    score_rows,
    validation_table,
)
from deeprecon.decode.validate import (
    Scores,
    cross_validate,
    decode_held_out,
    score_layer,
)
from deeprecon.errors import InputError
from deeprecon.features.sampled import SampledUnits
from deeprecon.features.units import Units
from deeprecon.tables import write_table

RNG = np.random.default_rng(0)
IDS = [f"image{i}" for i in range(60)]
ALONE = {name: name for name in IDS}


def accuracy(X, stimuli, features, groups=ALONE, n_voxels=10):
    """Mean profile correlation on held-out images."""
    values = features.reshape(60, -1).astype(np.float32)
    sampled = SampledUnits(IDS, {"l": values}, {"l": Units.every(values.shape[1:])})
    models = [TopKRidge(n_voxels=n_voxels, alpha=1.0)]
    (scores,) = cross_validate(X, stimuli, sampled, folds_of(groups, 5, 0), models)
    return scores["l"].means()["profile_correlation"]


def test_features_that_voxels_carry_are_decoded_and_others_are_not():
    features = RNG.normal(size=(60, 12))
    voxels = np.hstack([features, RNG.normal(size=(60, 20))])
    assert accuracy(voxels, IDS, features) > 0.9
    assert abs(accuracy(RNG.normal(size=(60, 32)), IDS, features)) < 0.15


def test_repeats_of_an_image_do_not_leak():
    """Voxels that name the image and nothing else decode repeats, never a new image."""
    barcode = np.tile(RNG.normal(size=(60, 300)), (3, 1))
    assert abs(accuracy(barcode, IDS * 3, RNG.normal(size=(60, 8)), n_voxels=200)) < 0.2


def test_a_group_is_held_out_as_a_whole():
    """Two versions of each picture: held out apart they leak, together they do not."""
    features = np.repeat(RNG.normal(size=(30, 8)), 2, axis=0)
    barcode = np.repeat(RNG.normal(size=(30, 300)), 2, axis=0)
    pairs = {name: f"picture{i // 2}" for i, name in enumerate(IDS)}
    assert accuracy(barcode, IDS, features, n_voxels=200) > 0.5
    assert abs(accuracy(barcode, IDS, features, pairs, n_voxels=200)) < 0.25


def test_held_out_images_are_decoded_by_a_decoder_of_the_other_folds():
    """By hand: train on the other folds, decode the average of an image's samples."""
    X, ids = RNG.normal(size=(120, 9)), IDS * 2
    values = RNG.normal(size=(60, 4)).astype(np.float32)
    sampled = SampledUnits(IDS, {"l": values}, {"l": Units.every((4,))})
    model, folds = TopKRidge(n_voxels=3), folds_of(ALONE, 3, 1)
    images, (predicted,) = decode_held_out(X, ids, sampled, folds, [model])
    assert sorted(images) == sorted(IDS)
    image = images[25]
    (fold,) = [fold for fold in folds if image in fold]
    learn = [i for i, name in enumerate(ids) if name not in fold]
    training = TrainingVoxels.of(X[learn], [ids[i] for i in learn])
    average = X[[i for i, name in enumerate(ids) if name == image]].mean(axis=0, keepdims=True)
    expected = LayerDecoder(training, model).decode(sampled.features["l"], IDS, average)
    np.testing.assert_allclose(predicted["l"][25], expected[0], rtol=1e-5)


def test_folds_hold_every_image_once_and_need_enough_groups():
    pairs = {name: f"picture{i // 2}" for i, name in enumerate(IDS)}
    folds = folds_of(pairs, 5, 3)
    assert sorted(name for fold in folds for name in fold) == sorted(IDS)
    for fold in folds:
        assert len(fold) == 12
        assert len({pairs[name] for name in fold}) == 6
    assert folds_of(pairs, 5, 3) == folds != folds_of(pairs, 5, 4)
    with pytest.raises(InputError, match="2 groups of training images, expected 5"):
        folds_of({name: str(name[-1] > "4") for name in IDS}, 5, 0)


def test_image_sets_of_five_passes_over_the_same_runs():
    """As in ds001506: runs of a cycle have images of their own, the next cycle has them again."""
    sets = [[f"s{k}i{i}" for i in range(4)] for k in range(6)]
    shown, run = [], []
    for cycle in range(5):
        for k in RNG.permutation(6):
            shown += RNG.permutation(sets[k]).tolist()
            run += [f"{cycle}-{k}"] * 4
    found = image_sets(shown, run)
    assert len(set(found.values())) == 6
    for images in sets:
        assert len({found[name] for name in images}) == 1


@pytest.mark.parametrize(
    ("hold_out", "expected"),
    [
        ("category", {"a": "cat", "b": "cat", "c": "dog", "d": "d"}),
        ("image_set", {"a": "set 1", "b": "set 2", "c": "set 1", "d": "set 2"}),
    ],
)
def test_training_images_are_grouped_as_the_settings_say(hold_out, expected):
    shown = ["a", "b", "c", "a", "d", "b"]
    samples = BData.from_columns(
        np.zeros((7, 1)),
        {
            "stimulus_id": [*shown, "test"],
            "stimulus_set": ["train"] * 6 + ["natural"],
            "Session": np.array([1.0, 1, 1, 2, 1, 2, 1]),
            "Run": np.array([1.0, 2, 1, 1, 2, 2, 1]),
        },
        {"ROI_V": np.ones(1, bool)},
    )
    stimuli = pd.DataFrame(
        {"stimulus_id": list("abcde"), "category": ["cat", "cat", "dog", "", "dog"]}
    )
    assert training_groups(samples, stimuli, hold_out) == expected
    if hold_out == "category":
        with pytest.raises(InputError, match=r"no row for 1 training stimuli .* such as 'c'"):
            training_groups(samples, stimuli[stimuli["stimulus_id"] != "c"], hold_out)


def test_scores_of_a_layer_and_their_rows():
    true = RNG.normal(size=(10, 30))
    true[:, 4] = 2.5  # constant: no profile correlation
    scores = score_layer(true, true, true.mean(axis=0), true.std(axis=0))
    assert scores.means() == {
        "profile_correlation": pytest.approx(1),
        "pattern_correlation": pytest.approx(1),
        "pairwise_identification": 1,
    }
    rows = score_rows(scores, {"layer": "b2"})
    assert [(row["n"], row["n_undefined"]) for row in rows] == [(29, 1), (10, 0), (10, 0)]
    nothing = Scores(*(np.full(3, np.nan) for _ in range(3)))
    assert all(np.isnan(value) for value in nothing.means().values())


def test_the_best_settings_of_each_layer_are_chosen_and_come_back(tmp_path):
    def scores(profile):
        return Scores(np.array([profile, np.nan]), np.array([0.1]), np.array([0.5]))

    models = candidates({"model": "topk", "n_voxels": ["all", 20], "alpha": [10, 100]}, 30)
    profiles = [(0, 3), (1, 9), (2, np.nan), (3, 2)]
    by_model = [{"a": scores(a), "b": scores(b)} for a, b in profiles]
    write_table(
        tmp_path / "cv.tsv", validation_table(models, by_model, {"subject": "s"}), digits=None
    )
    assert read_settings(tmp_path / "cv.tsv", "a") == models[3]
    assert read_settings(tmp_path / "cv.tsv", "b") == models[1]
    assert read_settings(tmp_path / "cv.tsv", "b")["n_voxels"] == "all"
    assert read_accuracy(tmp_path / "cv.tsv", "b") == 9
    with pytest.raises(InputError, match=r"cv.tsv: 0 chosen rows of layer 'c', expected 1"):
        read_accuracy(tmp_path / "cv.tsv", "c")


def test_candidates_are_those_that_the_region_has_voxels_for():
    settings = {"model": "topk", "n_voxels": [20, 500, 40], "alpha": 100}
    assert [c["n_voxels"] for c in candidates(settings, 40)] == [20, 40]
    with pytest.raises(InputError, match="19 voxels, expected n_voxels = 20 or more"):
        candidates(settings, 19)
    (every,) = candidates({"model": "topk", "n_voxels": "all"}, 3)
    assert build(every).get_params()["n_voxels"] is None
    assert build(every).alpha == 100
