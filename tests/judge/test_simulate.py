"""Simulated raters have the requested properties, and pass or fail the checks of ratings."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.judge.analysis.accuracy import accuracy_table
from deeprecon.judge.power import ability_for, mean_accuracy
from deeprecon.judge.ratings.reading import read_ratings
from deeprecon.judge.settings import Rules
from tests.judge.simulate import simulate_ratings
from tests.judge.simulated import ROI, identification, key_with_pictures, responses
from tests.judge.tables import asked, coloured, table


@pytest.fixture(scope="module")
def key():
    return identification(n_images=30, trials=120, n_raters=6)


def test_mean_accuracy_agrees_with_simulation():
    logits = np.random.default_rng(0).normal(1.0, 1.5, 400_000)
    assert mean_accuracy(1.0, 1.5) == pytest.approx(np.mean(1 / (1 + np.exp(-logits))), abs=2e-3)
    assert ability_for(0.5, 1.0) == pytest.approx(0, abs=1e-9)
    assert mean_accuracy(ability_for(0.03, 2.0), 2.0) == pytest.approx(0.03)
    with pytest.raises(InputError, match="accuracy: found 1, expected between 0 and 1"):
        ability_for(1, 1.0)


def test_answers_have_the_requested_accuracy(key):
    ability = ability_for(0.8, 0)
    answers = responses(key, simulate_ratings(key, ability=ability, rater_sd=0, item_sd=0, lapse=0))
    tested = answers[answers["kind"] != "catch"]
    assert tested["chose_target"].mean() == pytest.approx(0.8, abs=0.05)  # three SD
    assert answers.loc[answers["kind"] == "catch", "chose_target"].all()


def test_lapses_side_bias_and_clickers(key):
    lapsed = responses(key, simulate_ratings(key, ability=50, lapse=0.4))
    assert lapsed["chose_target"].mean() == pytest.approx(0.8, abs=0.05)
    biased = responses(key, simulate_ratings(key, ability=0, side_bias=2, item_sd=0, rater_sd=0))
    tested = biased[biased["kind"] == "test"]
    assert (tested["response"] == "left").mean() == pytest.approx(0.88, abs=0.05)
    clicked = responses(key, simulate_ratings(key, ability=50, kind="clicker"))
    assert clicked["chose_target"].mean() == pytest.approx(0.5, abs=0.06)
    assert clicked["rt_ms"].median() < 300
    one_side = responses(key, simulate_ratings(key, kind="one_side"))
    assert (one_side["response"] == "left").all()


def test_raters_and_images_vary_as_requested(key):
    def spread(of, **options):
        answers = responses(key, simulate_ratings(key, ability=0, lapse=0, **options))
        return answers[answers["kind"] == "test"].groupby(of)["chose_target"].mean().std()

    assert spread("rater", rater_sd=3, item_sd=0) > 3 * spread("rater", rater_sd=0, item_sd=0)
    assert spread("target", rater_sd=0, item_sd=3) > 2 * spread("target", rater_sd=0, item_sd=0)


def test_answers_are_deterministic_and_independent_of_other_lists(key):
    whole = simulate_ratings(key, seed=3)
    assert whole == simulate_ratings(key, seed=3)
    assert whole != simulate_ratings(key, seed=4)
    assert simulate_ratings(key, lists=[4], seed=3) == whole[3:4]


def test_invalid_arguments_are_refused(key):
    with pytest.raises(InputError, match="kind: found 'cat', expected one of attentive, clicker"):
        simulate_ratings(key, kind="cat")
    with pytest.raises(InputError, match="lists: found 9, expected some of 1 to 6"):
        simulate_ratings(key, lists=[9])
    with pytest.raises(InputError, match="trials: no column 'left'"):
        simulate_ratings(key.drop(columns="left"))


def test_the_checks_keep_attentive_raters_and_exclude_clickers(tmp_path):
    images = coloured(table({"natural": 24, "shapes": 12}, methods=("dgn", "px")), "shapes")
    tasks = [
        asked("identification", ["dgn", "px"], [ROI], trials=100),
        asked("preference", ["dgn", "px"], [ROI], trials=40),
        asked("colour_shape", ["dgn"], [ROI], ["shapes"], trials=30),
    ]
    key = key_with_pictures(images, tasks, n_raters=6)
    study = hashlib.sha256(b"key").hexdigest()
    good = simulate_ratings(key, lists=[1, 2, 3, 4], lapse=0.01, study=study)
    bad = simulate_ratings(key, lists=[5], kind="clicker", study=study)
    bad += simulate_ratings(key, lists=[6], kind="one_side", study=study)
    for one in good + bad:
        (tmp_path / f"{one['rater']}.json").write_text(json.dumps(one), encoding="utf-8")
    read = read_ratings(sorted(tmp_path.glob("*.json")), key, study, Rules())
    assert not (read.findings["severity"] == "error").any()
    kept = read.raters.set_index("rater")["kept"]
    assert kept[kept].index.tolist() == ["r001", "r002", "r003", "r004"]
    table_of = accuracy_table(read.responses, n_bootstrap=200, n_permutations=199)
    natural = table_of[(table_of["set"] == "natural") & (table_of["method"] == "dgn")]
    accuracy = natural.set_index("raters")["accuracy"]
    assert accuracy["kept"] > accuracy["all"] + 0.05
    own = responses(key, good)
    pd.testing.assert_series_equal(
        own["chose_target"].astype(bool),
        read.responses.loc[read.responses["kept"], "chose_target"].astype(bool),
        check_index=False,
    )
