"""Model observers answer the trials of raters, by similarities with known answers."""

import hashlib

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deeprecon.errors import InputError
from deeprecon.judge.images import judged_images
from deeprecon.judge.observers import observe, observer_similarities, study_similarities
from deeprecon.judge.trials import build_trials
from tests.judge.tables import asked, coloured, table

ROIS = ["roi_vc"]
TASKS = [
    asked("identification", ["good", "noise"], ROIS, trials=60),
    asked("preference", ["good", "noise"], ROIS, trials=40),
    asked("colour_shape", ["good"], ROIS, sets=["s"], trials=30),
]
IMAGES = coloured(table({"n": 9, "s": 12}, methods=("good", "noise")), "s")
KEY = build_trials(IMAGES, TASKS, n_raters=6, seed=1)
STIMULI = {
    name: list(part["stimulus_id"].unique()) for name, part in IMAGES.groupby("set", sort=False)
}


def pictures(seed):
    """Originals and reconstructions of each set: a good method, and one of noise."""
    rng = np.random.default_rng(seed)
    shown = {}
    for name, ids in STIMULI.items():
        true = rng.integers(0, 256, (len(ids), 8, 8, 3))
        shown["original", name] = true
        near = np.clip(true + rng.normal(0, 20, true.shape), 0, 255)
        shown["recon", "sub-one", "roi_vc", "good", name] = near.astype(np.uint8)
        shown["recon", "sub-one", "roi_vc", "noise", name] = rng.integers(0, 256, true.shape)
    return shown


def similarities(shown):
    found = {}
    for what, images in shown.items():
        true = shown["original", what[-1]]
        features, of_true = {"layer": images[..., :2]}, {"layer": true[..., :2]}
        for observer, values in observer_similarities(true, images, of_true, features).items():
            found.setdefault(observer, {})[what] = values
    return found


@pytest.fixture(scope="module")
def answers():
    return observe(KEY, similarities(pictures(0)), STIMULI, seed=3)


def test_every_observer_answers_every_trial(answers):
    assert set(answers["rater"]) == {
        "observer-pixel", "observer-luminance", "observer-colour", "observer-histogram",
        "observer-blur", "observer-layer",
    }  # fmt: skip
    assert (answers.groupby("rater").size() == len(KEY)).all()
    assert ((answers["response"] == answers["target_side"]) == answers["chose_target"]).all()


def test_catches_are_always_right_and_repeats_are_answered_alike(answers):
    assert answers.loc[answers["kind"] == "catch", "chose_target"].all()
    once = answers[~answers["tie"] & (answers["kind"] != "catch")]
    assert (once.groupby(["rater", "item"])["chose_target"].agg(set).map(len) == 1).all()


@pytest.mark.parametrize("observer", ["observer-pixel", "observer-layer"])
def test_the_more_similar_picture_is_chosen(answers, observer):
    tests = answers[(answers["rater"] == observer) & (answers["kind"] == "test")]
    accuracy = tests.groupby(["task", "method"])["chose_target"].mean()
    assert accuracy["identification", "good"] == 1
    assert accuracy["colour_shape", "good"] == 1
    assert 0.3 < accuracy["identification", "noise"] < 0.7
    preferred = tests[tests["task"] == "preference"]
    assert (preferred["chose_target"] == (preferred["method"] == "good")).all()


def test_ties_are_decided_at_random():
    grey = {what: np.full_like(images, 128) for what, images in pictures(0).items()}
    answers = observe(KEY, similarities(grey), STIMULI, seed=3)
    assert answers["tie"].all()
    assert abs(answers["chose_target"].mean() - 0.5) < 0.05  # some 4,500 coins: SD .007
    again = observe(KEY, similarities(grey), STIMULI, seed=4)
    assert not again["chose_target"].equals(answers["chose_target"])


def test_missing_pictures_are_named():
    found = similarities(pictures(0))
    del found["observer-pixel"]["recon", "sub-one", "roi_vc", "noise", "n"]
    with pytest.raises(InputError, match=r"observer-pixel: no similarities of .*'noise', 'n'"):
        observe(KEY, found, STIMULI, seed=0)


def test_similarities_of_a_study_are_those_of_its_files(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("n", "s"):
        rows = []
        for i in range(3):
            file = tmp_path / f"{name}{i}.png"
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file)
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            rows.append((f"{name}{i}", str(file), sha256, 8, 8))
        columns = ["stimulus_id", "file", "sha256", "width", "height"]
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    recon = rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    with h5py.File(tmp_path / "recon.h5", "w") as file:
        file["image"], file["stimulus_id"] = recon[::-1], ["n2", "n1", "n0"]
    targets, results = ["sub-01/VC/x/n"], [str(tmp_path / "recon.h5")]
    tables = [str(tmp_path / "n.tsv"), str(tmp_path / "s.tsv")]
    found, stimuli = study_similarities(
        targets, results, tables, lambda images: {"layer": images[..., :2]}, {"size": 8}
    )
    assert stimuli == {"n": ["n0", "n1", "n2"]}  # set s is not judged
    true = np.stack([np.asarray(Image.open(tmp_path / f"n{i}.png")) for i in range(3)])
    for what, pictures in {
        ("original", "n"): true,
        ("recon", *targets[0].split("/")): recon,
    }.items():
        own = observer_similarities(
            true, pictures, {"layer": true[..., :2]}, {"layer": pictures[..., :2]}
        )
        for observer, values in own.items():
            np.testing.assert_array_equal(found[observer][what], values)
    images = judged_images(targets, results, tables)
    assert images["recon_file"].tolist() == [str(tmp_path / f"recon/n{i}.png") for i in range(3)]
    assert images["true_file"].tolist() == [str(tmp_path / f"n{i}.png") for i in range(3)]
    assert set(images["colour"]) == {"n/a"}
