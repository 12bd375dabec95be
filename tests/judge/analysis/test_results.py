"""The tables of results for people and for model observers."""

import numpy as np
import pandas as pd

from deeprecon.judge.analysis.results import judgement_tables
from deeprecon.tables import read_table, write_table
from tests.judge.simulate import simulate_ratings
from tests.judge.simulated import ROI, key_with_pictures, responses
from tests.judge.tables import asked, table

IMAGES = table({"natural": 12}, methods=("dgn", "px"))
TASKS = [
    asked("identification", ["dgn", "px"], [ROI], trials=40),
    asked("preference", ["dgn", "px"], [ROI], trials=20),
]
KEY = key_with_pictures(IMAGES, TASKS, n_raters=4)
PEOPLE = responses(KEY, simulate_ratings(KEY, seed=1), excluded=["r002"])
OBSERVERS = pd.concat(
    [
        responses(KEY, simulate_ratings(KEY, seed=seed)).assign(rater=f"observer-{seed}")
        for seed in (2, 3)
    ]
).drop(columns="kept")
SCORES = IMAGES.assign(metric="ssim", direction="own", value=np.linspace(0, 1, len(IMAGES)))


def tables(people):
    return judgement_tables(people, OBSERVERS, SCORES, n_bootstrap=20, n_permutations=19, seed=0)


def test_people_have_rows_for_kept_and_all_but_observers_only_one():
    found = tables(PEOPLE)
    assert list(found) == [
        "accuracy", "preferences", "comparisons", "images", "agreement", "metrics", "observers",
    ]  # fmt: skip
    for name in ("accuracy", "preferences", "comparisons"):
        groups = found[name].groupby("judges")["raters"].agg(set).to_dict()
        assert groups == {
            "raters": {"kept", "all"}, "observer-2": {"kept"}, "observer-3": {"kept"},
        }  # fmt: skip
        assert found[name].columns[0] == "judges"
    assert set(found["images"]["judges"]) == {"raters", "model observers"}


def test_an_observer_answers_each_item_once():
    accuracy = tables(PEOPLE)["accuracy"]
    own = accuracy[accuracy["judges"] == "observer-2"]
    tests = KEY[(KEY["kind"] == "test") & (KEY["task"] == "identification")]
    assert own["n_answers"].sum() == tests["item"].nunique()


def test_without_people_only_observers_are_in_the_tables():
    found = tables(PEOPLE.iloc[:0])
    assert found["accuracy"]["judges"].str.startswith("observer-").all()
    assert set(found["images"]["judges"]) == {"model observers"}
    for name in ("agreement", "metrics", "observers"):
        assert found[name].empty


def test_results_are_the_same_from_a_file(tmp_path):
    path = tmp_path / "responses.tsv"
    write_table(path, PEOPLE)
    again = read_table(path, text=True)
    pd.testing.assert_frame_equal(again[list(PEOPLE)], PEOPLE.astype(str))
    from_file = tables(again)
    for name, expected in tables(PEOPLE).items():
        pd.testing.assert_frame_equal(from_file[name], expected, obj=name)
