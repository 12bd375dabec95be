"""Accuracy of conditions and images for simulated raters of known ability."""

import numpy as np
import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.judge.analysis.accuracy import (
    ACCURACY_COLUMNS,
    IMAGE_TABLE_COLUMNS,
    accuracy_table,
    image_table,
)
from deeprecon.judge.power import ability_for
from tests.judge.answers import answers_of, key_of
from tests.judge.simulate import simulate_ratings
from tests.judge.simulated import identification, responses, with_clickers

FAST = {"n_bootstrap": 300, "n_permutations": 499}


@pytest.mark.parametrize("accuracy", [0.5, 0.7, 0.9])
def test_known_accuracy_is_within_the_interval(accuracy):
    key = identification(n_images=40, trials=80, n_raters=12)
    held = []
    for seed in range(6):
        ability = ability_for(accuracy, np.hypot(0.5, 1))
        rated = simulate_ratings(key, ability=ability, lapse=0, seed=seed)
        row = accuracy_table(responses(key, rated), **FAST).iloc[0]
        held.append(row["low"] <= accuracy <= row["high"])
        assert row["high"] - row["low"] < 0.3
    assert sum(held) >= 5


def test_clickers_lower_the_accuracy_of_all_raters_but_not_of_kept_ones():
    key = identification(n_images=30, trials=80, n_raters=9)
    mixed = with_clickers(key, 3, ability=2.5, item_sd=0.5)
    rows = accuracy_table(mixed, **FAST).set_index("raters")
    assert (rows["n_raters"]["kept"], rows["n_raters"]["all"]) == (6, 9)
    assert rows["accuracy"]["kept"] > 0.85
    assert rows["accuracy"]["all"] == pytest.approx(
        (6 * rows["accuracy"]["kept"] + 3 * 0.5) / 9, abs=0.05
    )
    good = accuracy_table(mixed[mixed["kept"]], **FAST).set_index("raters")
    pd.testing.assert_series_equal(good.loc["kept"], rows.loc["kept"])


def test_columns_and_pooled_subjects():
    key = identification(20, trials=100, n_raters=4, subjects=("s1", "s2"), methods=("dgn", "px"))
    table = accuracy_table(responses(key, simulate_ratings(key)), **FAST)
    assert list(table) == ACCURACY_COLUMNS
    kept = table[table["raters"] == "kept"]
    assert kept["subject"].value_counts().to_dict() == {"s1": 2, "s2": 2, "all": 2}
    pooled = kept[(kept["subject"] == "all") & (kept["method"] == "dgn")].iloc[0]
    single = kept[(kept["subject"] != "all") & (kept["method"] == "dgn")]
    assert pooled["n_answers"] == single["n_answers"].sum()
    # The same original in two subjects is one image.
    assert pooled["n_images"] <= 20 and single["n_images"].max() <= 20
    assert pooled["accuracy"] == pytest.approx(
        np.average(single["accuracy"], weights=single["n_answers"])
    )
    # Holm over the six rows of the same raters.
    smallest = kept["p"].min()
    assert kept["p_holm"].min() == pytest.approx(min(1, 6 * smallest))
    assert (kept["p_holm"] >= kept["p"]).all()


def test_repeats_and_catches_do_not_count():
    key = key_of({"n": 12}, trials=40, n_raters=3)
    answers = answers_of(key, lambda trial: trial.kind == "test")
    table = accuracy_table(answers, **FAST)
    assert (table["accuracy"] == 1).all()
    assert table["n_answers"].tolist() == [(key["kind"] == "test").sum()] * 2


def test_perfect_accuracy_has_an_interval_and_a_small_p():
    key = key_of({"n": 12}, trials=40, n_raters=3)
    row = accuracy_table(answers_of(key, lambda trial: True)).iloc[0]
    assert (row["accuracy"], row["high"]) == (1, 1)
    assert 0.8 < row["low"] < 1
    assert row["p"] == pytest.approx(2 / 2**12)


def test_p_is_nearly_uniform_for_random_answers():
    key = key_of({"n": 16}, trials=40, n_raters=3)
    rng = np.random.default_rng(0)
    p = [
        accuracy_table(
            answers_of(key, lambda trial: rng.random() < 0.5), n_bootstrap=2, n_permutations=199
        )["p"][0]
        for _ in range(100)
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.12
    assert 0.35 < np.mean(p) < 0.65


def test_one_rater_and_one_image():
    key = key_of({"n": 12}, trials=40, n_raters=2)
    alone = accuracy_table(answers_of(key, lambda trial: trial.order % 4, lists=[1]), **FAST)
    assert (alone["n_raters"] == 1).all()
    assert (alone["low"] < alone["accuracy"]).all() and (alone["high"] > alone["accuracy"]).all()
    answers = answers_of(key, lambda trial: True)
    tested = answers[answers["kind"] == "test"]
    single = tested[(tested["rater"] == "r001")].head(1)
    row = accuracy_table(single, **FAST).iloc[0]
    assert row["accuracy"] == 1
    assert np.isnan([row["low"], row["high"]]).all()
    assert row["p"] == 1


def test_nobody_kept_and_no_answers():
    key = key_of({"n": 12}, trials=40, n_raters=2)
    none_kept = answers_of(key, lambda trial: True, kept=False)
    table = accuracy_table(none_kept, **FAST)
    assert table["raters"].unique().tolist() == ["all"]
    assert image_table(none_kept).empty
    for empty in (accuracy_table(none_kept.iloc[:0]), image_table(none_kept.iloc[:0])):
        assert empty.empty
    assert list(accuracy_table(none_kept.iloc[:0])) == ACCURACY_COLUMNS
    assert list(image_table(none_kept.iloc[:0])) == IMAGE_TABLE_COLUMNS
    preferences = none_kept.assign(task="preference")
    assert accuracy_table(preferences, **FAST).empty


def test_images_are_ranked_within_their_condition():
    key = key_of({"n": 12}, trials=80, n_raters=4)
    answers = answers_of(key, lambda trial: trial.order % 12 < int(trial.target.split("-")[-1]))
    table = image_table(answers)
    assert list(table) == IMAGE_TABLE_COLUMNS
    assert (table["raters"] == "kept").all()
    assert table["accuracy"].is_monotonic_decreasing
    assert table["rank"].iloc[0] == 1 and table["rank"].is_monotonic_increasing
    tested = answers[answers["kind"] == "test"]
    for row in table.itertuples():
        own = tested[tested["target"] == row.target]
        assert row.accuracy == pytest.approx(own["chose_target"].mean())
        assert row.n_answers == len(own)


def test_images_of_preferences_count_for_both_conditions():
    key = key_of({"n": 8}, trials=40, n_raters=3, methods=("a", "b"), task="preference")
    table = image_table(answers_of(key, lambda trial: trial.method == "a"))
    assert table["accuracy"].isna().all()
    assert table[table["method"] == "a"]["preferred"].eq(1).all()
    assert table[table["method"] == "b"]["preferred"].eq(0).all()
    assert set(table["method"]) == {"a", "b"}


def test_a_bad_table_of_responses_is_refused():
    key = key_of({"n": 12}, trials=40, n_raters=2)
    answers = answers_of(key, lambda trial: True)
    with pytest.raises(InputError, match="responses: no column 'kept'"):
        accuracy_table(answers.drop(columns="kept"))
    with pytest.raises(InputError, match="row 0: kept is 'maybe', expected True or False"):
        accuracy_table(answers.assign(kept="maybe"))
    as_text = answers.assign(kept="True", chose_target=answers["chose_target"].astype(str))
    assert (accuracy_table(as_text, **FAST)["accuracy"] == 1).all()
