"""Preferences of simulated raters, with a known order of the conditions."""

import numpy as np
import pandas as pd
import pytest

from deeprecon.judge.analysis.preferences import (
    COMPARISON_COLUMNS,
    PREFERENCE_COLUMNS,
    comparison_table,
    preference_table,
)
from deeprecon.judge.analysis.strengths import bradley_terry
from deeprecon.judge.power import mean_accuracy
from tests.judge.answers import answers_of, key_of
from tests.judge.simulate import simulate_ratings
from tests.judge.simulated import ROI, preference, responses, with_clickers

METHODS = ("best", "middle", "worst")
STRENGTHS = {(ROI, "best"): 1.0, (ROI, "middle"): 0.2, (ROI, "worst"): -1.2}
FAST = {"n_bootstrap": 200}


@pytest.fixture(scope="module")
def key():
    return preference(METHODS, n_images=30, trials=90, n_raters=12)


def true_strengths(item_sd):
    """What shares of comparisons tend to, images differing by this much."""
    given = list(STRENGTHS.values())
    return bradley_terry([[mean_accuracy(a - b, item_sd) for b in given] for a in given], prior=0)


def test_a_known_order_is_recovered_with_its_strengths(key):
    truth = true_strengths(0.7)
    held = []
    for seed in range(5):
        rated = simulate_ratings(key, strengths=STRENGTHS, item_sd=0.7, lapse=0, seed=seed)
        table = preference_table(responses(key, rated), **FAST)
        kept = table[table["raters"] == "kept"].set_index("method").loc[list(METHODS)]
        assert kept["strength"].is_monotonic_decreasing
        assert kept["share"].is_monotonic_decreasing
        assert kept["strength"].sum() == pytest.approx(0)
        low, high = kept["strength_low"].to_numpy(), kept["strength_high"].to_numpy()
        held += ((low <= truth) & (truth <= high)).tolist()
        assert (high - low).max() < 1.2
        assert ((kept["low"] < kept["share"]) & (kept["share"] < kept["high"])).all()
    assert sum(held) >= 13  # of 15


def test_clickers_pull_shares_towards_one_half(key):
    table = preference_table(
        with_clickers(key, 6, strengths=STRENGTHS, item_sd=0.3), **FAST
    ).set_index(["raters", "method"])
    assert table.loc[("kept", "best"), "share"] > table.loc[("all", "best"), "share"] + 0.05
    assert table.loc[("kept", "worst"), "strength"] < table.loc[("all", "worst"), "strength"] - 0.2
    assert table.loc[("kept", "best"), "n_raters"] == 6


def test_pairwise_comparisons(key):
    rated = simulate_ratings(key, strengths=STRENGTHS, item_sd=0.3)
    table = comparison_table(responses(key, rated), n_permutations=499, **FAST)
    assert list(table) == COMPARISON_COLUMNS
    kept = table[table["raters"] == "kept"].set_index(["method", "foil_method"])
    assert set(kept.index) == {("best", "middle"), ("best", "worst"), ("middle", "worst")}
    shares = kept["share"]
    assert shares["best", "worst"] > shares["middle", "worst"] > 0.6
    assert shares["best", "middle"] == pytest.approx(1 / (1 + np.exp(-0.8)), abs=0.12)
    assert (kept["p_holm"] >= kept["p"]).all()
    assert kept["p"]["best", "worst"] < 0.01
    assert kept["n_images"].max() <= 30


def test_a_pair_is_one_row_in_either_order(key):
    """Which of two conditions is the target is a convention."""
    answers = responses(key, simulate_ratings(key, strengths=STRENGTHS))
    turned = answers.copy()
    half = np.random.default_rng(0).random(len(turned)) < 0.5
    swap = {"roi": "foil_roi", "method": "foil_method"}
    for one, other in swap.items():
        turned.loc[half, [one, other]] = turned.loc[half, [other, one]].to_numpy()
    turned.loc[half, "chose_target"] = ~turned.loc[half, "chose_target"]
    for analyse in (preference_table, comparison_table):
        one, other = (analyse(table, **FAST) for table in (answers, turned))
        shown = [name for name in one.columns if name not in ("low", "high")]
        pd.testing.assert_frame_equal(one[shown], other[shown])


def test_several_subjects_and_sets_are_also_pooled():
    key = preference(("a", "b"), 8, 60, 4, subjects=("s1", "s2"), sets=("letters", "natural"))
    table = preference_table(responses(key, simulate_ratings(key)), **FAST)
    assert list(table) == PREFERENCE_COLUMNS
    kept = table[(table["raters"] == "kept") & (table["method"] == "a")]
    found = {(row.subject, row.set): row.n_answers for row in kept.itertuples()}
    assert set(found) == {
        (s, t) for s in ("s1", "s2", "all") for t in ("letters", "natural", "all")
    }
    single = [n for (s, t), n in found.items() if "all" not in (s, t)]
    assert found["all", "all"] == sum(single)
    assert found["s1", "all"] == found["s1", "letters"] + found["s1", "natural"]


def test_a_condition_that_never_lost_has_finite_strengths():
    key = key_of({"n": 10}, trials=30, n_raters=3, methods=("a", "b"), task="preference")
    row = preference_table(answers_of(key, lambda trial: trial.method == "a"), **FAST).iloc[0]
    assert (row["method"], row["share"]) == ("a", 1)
    assert 0 < row["strength_low"] < row["strength"] < row["strength_high"] < 10
    assert row["note"] == ""


def test_strengths_of_unconnected_conditions_are_undefined():
    key = key_of({"n": 10}, trials=30, n_raters=3, methods=("a", "b"), task="preference")
    answers = answers_of(key, lambda trial: trial.order % 3 > 0)
    other = answers.replace({"method": {"a": "c", "b": "d"}, "foil_method": {"a": "c", "b": "d"}})
    both = preference_table(pd.concat([answers, other], ignore_index=True), **FAST)
    assert both["strength"].isna().all()
    assert both["note"].str.startswith("conditions are not all compared").all()
    assert both["share"].notna().all()


def test_one_rater_nobody_kept_and_no_answers():
    key = key_of({"n": 10}, trials=30, n_raters=3, methods=("a", "b"), task="preference")
    alone = answers_of(key, lambda trial: trial.order % 3 > 0, lists=[1])
    table = preference_table(alone, **FAST)
    assert table[["low", "high", "strength_low", "strength_high"]].notna().all(axis=None)
    none_kept = alone.assign(kept=False)
    assert preference_table(none_kept, **FAST)["raters"].unique().tolist() == ["all"]
    for empty in (alone.iloc[:0], alone.assign(task="identification")):
        assert list(preference_table(empty)) == PREFERENCE_COLUMNS
        assert preference_table(empty).empty
        assert list(comparison_table(empty)) == COMPARISON_COLUMNS
        assert comparison_table(empty).empty
