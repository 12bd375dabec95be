"""Scores of a set from its files: every condition, halves, and what is missing."""

import numpy as np
import pytest
import torch

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.evaluate.score import NO_BRAIN, Scorer, SetFiles, score_set, score_sets
from deeprecon.evaluate.table import COLUMNS, IMAGE_COLUMNS, Tests
from deeprecon.features.networks import of_settings
from deeprecon.features.sampled import read_sampled
from tests.workflow import test_bad_evaluation as study

KEYS = {"subject": "sub-01", "roi": "VC", "method": "all"}
IMAGE = {"size": study.SIZE, "resampling": "area"}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    """The study of the workflow's tests without its baselines, as working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("study"))
        study.write_study()
        torch.manual_seed(0)
        network = of_settings(study.NETWORK, study.WEIGHTS)
        layers = list(study.LAYERS)
        yield Scorer(
            network, "mine", layers, load_images(read_stimuli("stimuli/train.tsv"), **IMAGE),
            read_sampled("sampled.h5", layers), perceptual=["alexnet_2"],
            tests=Tests(0, 99, 100), **IMAGE,
        )  # fmt: skip


def files(monkeypatch, baselines, **changes):
    """Files of the set, whose baselines come from memory."""
    monkeypatch.setattr("deeprecon.evaluate.score.read_baselines", lambda *_: baselines)
    return SetFiles("stimuli/shapes.tsv", study.RECON, "baselines.h5", **changes)


def test_every_condition_is_scored(scorer, monkeypatch):
    given = files(
        monkeypatch, {"mean_training": study.pictures(5, 7)},
        control=study.HALVES[0], true_features=study.RECON, halves=study.HALVES,
    )  # fmt: skip
    whole, images = score_set(scorer, given, {**KEYS, "set": "shapes"})
    assert tuple(whole.columns) == COLUMNS and tuple(images.columns) == IMAGE_COLUMNS
    assert list(dict.fromkeys(whole["condition"])) == [
        "reconstruction", "control", "true_features", "mean_training", "split_half",
    ]  # fmt: skip
    legacy = whole[whole["metric"] == "ssim_425"]["condition"]
    assert list(legacy) == ["reconstruction", "control", "true_features"]
    own = whole[whole["condition"] == "reconstruction"].set_index(["metric", "direction"])
    row = own.loc[("pixel_correlation", "own")]
    assert row["true_features"] == row["value"] != row["permuted_control"]
    assert 0 < row["split_half"] < row["noise_ceiling"] < 1
    notes = whole.set_index("metric")["note"]
    assert notes["alexnet_2"] == "not computed: weights missing: alexnet-owt-7be5be79.pth"
    assert notes["brain_correlation"] == NO_BRAIN


def test_a_set_alone_has_nothing_beside_its_scores(scorer, monkeypatch):
    sets = {"shapes": files(monkeypatch, {}), "again": files(monkeypatch, {})}
    whole, images = score_sets(scorer, sets, KEYS)
    assert list(dict.fromkeys(whole["set"])) == ["shapes", "again"]
    assert set(whole["condition"]) == {"reconstruction"}
    assert whole[["permuted_control", "true_features", "split_half"]].isna().all(axis=None)
    own = images[images["metric"] == "pixel_correlation"]
    assert len(own) == 10 and np.isfinite(own["value"]).all()


def test_sets_are_put_together_from_lists_of_files():
    sets = SetFiles.of_sets(
        ["a", "b"], ["a.tsv", "b.tsv"], ["a.h5", "b.h5"], ["x.h5", "y.h5"],
        control={"b": "c.h5"}, true_features={}, halves={"a": ("1.h5", "2.h5")},
    )  # fmt: skip
    assert sets == {
        "a": SetFiles("a.tsv", "a.h5", "x.h5", halves=("1.h5", "2.h5")),
        "b": SetFiles("b.tsv", "b.h5", "y.h5", control="c.h5"),
    }
