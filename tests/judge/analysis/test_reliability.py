"""Agreement of simulated raters with each other and with themselves."""

import numpy as np
import pandas as pd
import pytest

from deeprecon.judge.analysis.reliability import AGREEMENT_COLUMNS, agreement_table
from tests.judge.answers import answers_of, key_of


def value(table, measure, of="choice", task="identification", raters="kept"):
    row = table[
        (table["measure"] == measure) & (table["of"] == of)
        & (table["task"] == task) & (table["raters"] == raters)
    ]  # fmt: skip
    assert len(row) == 1
    return row.iloc[0]


@pytest.fixture(scope="module")
def key():
    return key_of({"n": 40}, trials=100, n_raters=6)


def test_raters_with_equal_answers_agree_perfectly(key):
    """Each item has one answer, right for half of the items."""
    same = answers_of(key, lambda trial: int(trial.item[1:]) % 2 == 0)
    table = agreement_table(same, n_bootstrap=200)
    for measure in ("krippendorff_alpha", "gwet_ac1", "agreement", "repeat_consistency"):
        assert value(table, measure)["value"] == 1, measure
    assert value(table, "krippendorff_alpha", "right")["value"] == 1
    assert value(table, "agreement")["n_items"] >= 9
    assert value(table, "agreement")["n_raters"] == 6


def test_random_answers_agree_at_chance(key):
    rng = np.random.default_rng(0)
    table = agreement_table(answers_of(key, lambda trial: rng.random() < 0.5), n_bootstrap=200)
    for measure, chance in (
        ("krippendorff_alpha", 0), ("gwet_ac1", 0), ("agreement", 0.5), ("repeat_consistency", 0.5),
    ):  # fmt: skip
        row = value(table, measure)
        assert abs(row["value"] - chance) < 0.35
        assert row["low"] <= row["value"] <= row["high"]


def test_choice_shows_agreement_if_all_answers_are_right(key):
    table = agreement_table(answers_of(key, lambda trial: True), n_bootstrap=200)
    right = value(table, "krippendorff_alpha", "right")
    assert np.isnan(right["value"])
    assert right["note"] == "all answers are the same: nothing varies"
    assert value(table, "gwet_ac1", "right")["value"] == 1
    assert value(table, "krippendorff_alpha")["value"] == 1


def test_agreement_does_not_follow_from_the_code_of_the_target(key):
    """About half of the items have their target first."""
    chosen = answers_of(key, lambda trial: True)
    codes = agreement_table(chosen, n_bootstrap=50)
    assert value(codes, "gwet_ac1")["value"] == 1
    wrong = agreement_table(answers_of(key, lambda trial: False), n_bootstrap=50)
    for measure in ("krippendorff_alpha", "gwet_ac1"):
        assert value(wrong, measure)["value"] == value(codes, measure)["value"]


def test_one_rater_agrees_with_nobody(key):
    alone = answers_of(key, lambda trial: True, lists=[1])
    row = value(agreement_table(alone, n_bootstrap=50), "krippendorff_alpha")
    assert np.isnan(row["value"])
    assert row["note"] == "no item was judged by two raters"


def test_no_answers_give_an_empty_table(key):
    table = agreement_table(answers_of(key, lambda trial: True).iloc[:0])
    assert table.empty
    assert list(table) == AGREEMENT_COLUMNS


def test_agreement_of_kept_and_of_all_raters(key):
    rng = np.random.default_rng(1)
    good = answers_of(key, lambda trial: True, lists=[1, 2, 3])
    coins = answers_of(key, lambda trial: rng.random() < 0.5, lists=[4, 5, 6], kept=False)
    table = agreement_table(pd.concat([good, coins], ignore_index=True), n_bootstrap=50)
    assert value(table, "agreement")["value"] == 1
    assert value(table, "agreement", raters="all")["value"] < 0.9
    assert value(table, "agreement", raters="all")["n_raters"] == 6
