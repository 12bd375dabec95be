"""Metrics and model observers with a known relation to people."""

import numpy as np
import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.judge.analysis.tracking import (
    METRIC_COLUMNS,
    OBSERVER_COLUMNS,
    metric_table,
    observer_table,
)
from tests.judge.answers import answers_of, key_of

N_IMAGES = 24


def number(stimulus):
    return int(stimulus.rsplit("-", 1)[1])


@pytest.fixture(scope="module")
def people():
    """Eight raters; the higher an image's number, the more often it is identified."""
    key = key_of({"n": N_IMAGES}, trials=110, n_raters=8)
    rng = np.random.default_rng(0)
    return answers_of(
        key, lambda trial: rng.random() < 0.2 + 0.75 * number(trial.target) / N_IMAGES
    )


def scores(**metrics):
    """A table of image scores; metric -> function of an image's number."""
    rows = [
        ("sub-one", "roi_vc", "method_x", "n", f"stim-n-{i}", name, "own", of(i))
        for name, of in metrics.items()
        for i in range(N_IMAGES)
    ]
    columns = ["subject", "roi", "method", "set", "stimulus_id", "metric", "direction", "value"]
    return pd.DataFrame(rows, columns=columns)


def test_metrics_with_and_without_relation_to_people(people):
    rng = np.random.default_rng(1)
    given = scores(knows=lambda i: i, opposite=lambda i: -i, noise=lambda i: rng.random(),
                   flat=lambda i: 1.0, lpips_alex=lambda i: -i)  # fmt: skip
    table = metric_table(people, given, n_bootstrap=500, n_permutations=999)
    row = table.set_index("metric")
    assert row.loc["knows", "spearman"] > 0.7
    assert row.loc["knows", "low"] > 0.4
    assert row.loc["knows", "p_holm"] < 0.01
    assert row.loc["opposite", "spearman"] == pytest.approx(-row.loc["knows", "spearman"])
    assert abs(row.loc["noise", "spearman"]) < 0.45
    assert row.loc["noise", "p"] > 0.01
    assert np.isnan(row.loc["flat", "spearman"])
    assert np.isnan(row.loc["flat", "p"])
    # A distance that falls where people do well: its sign is turned.
    assert row.loc["lpips_alex", "better"] == "smaller"
    assert row.loc["lpips_alex", "spearman"] == pytest.approx(row.loc["knows", "spearman"])
    assert (row["n_images"] == N_IMAGES).all()
    ceiling = row.loc["noise_ceiling", "spearman"]
    assert 0.75 < ceiling <= 1
    assert list(table) == METRIC_COLUMNS


def test_the_noise_ceiling_of_random_answers_is_low():
    key = key_of({"n": N_IMAGES}, trials=110, n_raters=8)
    rng = np.random.default_rng(3)
    coins = answers_of(key, lambda trial: rng.random() < 0.5)
    table = metric_table(coins, scores(knows=lambda i: i), n_bootstrap=50, n_permutations=99)
    ceiling = table.set_index("metric").loc["noise_ceiling", "spearman"]
    assert not ceiling > 0.6  # NaN where halves do not correlate at all


def test_ranks_are_taken_within_conditions():
    """One method is far better than the other, which is not a relation to single images."""
    key = key_of({"n": N_IMAGES}, trials=200, n_raters=8, methods=("good", "bad"))
    rng = np.random.default_rng(0)
    people = answers_of(key, lambda trial: rng.random() < (0.5 if trial.method == "bad" else 0.9))
    rows = [
        scores(m=lambda i, method=method: rng.random() + (method == "good")).assign(method=method)
        for method in ("good", "bad")
    ]
    table = metric_table(people, pd.concat(rows), n_bootstrap=200, n_permutations=499)
    row = table.set_index("metric").loc["m"]
    assert row["n_conditions"] == 2
    assert abs(row["spearman"]) < 0.35
    assert row["p"] > 0.01


def test_the_p_value_holds_its_level():
    key = key_of({"n": 12}, trials=60, n_raters=2)
    rng = np.random.default_rng(5)
    people = answers_of(key, lambda trial: rng.random() < 0.7)
    metrics = {f"m{k}": lambda i: rng.random() for k in range(200)}
    given = scores(**metrics)
    given = given[given["stimulus_id"].map(number) < 12]
    table = metric_table(people, given, n_bootstrap=1, n_permutations=199)
    share = (table["p"].dropna() <= 0.05).mean()
    assert 0.01 < share < 0.11  # 200 tests of true null hypotheses: SD .015


def test_the_p_value_holds_its_level_over_subjects_who_saw_the_same_images():
    """Images that are easy in one subject are easy in all, independently for people and metrics."""
    key = key_of({"n": 12}, trials=60, n_raters=2)
    rng = np.random.default_rng(6)
    subjects = [f"sub-{i}" for i in range(4)]
    shares = rng.random(12)
    people = answers_of(key, lambda trial: rng.random() < shares[number(trial.target)])
    people = pd.concat([people.assign(subject=name) for name in subjects], ignore_index=True)
    values = rng.random((200, 12))
    given = scores(**{f"m{k}": lambda i, k=k: values[k, i % 12] for k in range(200)})
    given = given[given["stimulus_id"].map(number) < 12]
    given = pd.concat([given.assign(subject=name) for name in subjects], ignore_index=True)
    table = metric_table(people, given, n_bootstrap=1, n_permutations=199)
    assert (table["n_conditions"] == 4).all()
    share = (table["p"].dropna() <= 0.05).mean()
    assert 0.01 < share < 0.11  # shuffled apart in each subject: about .3


def test_excluded_raters_do_not_count(people):
    turned = people.assign(kept=False, rater="x" + people["rater"])
    turned["chose_target"] = ~turned["chose_target"]
    given = scores(knows=lambda i: i)
    alone = metric_table(people, given, n_bootstrap=50, n_permutations=99)
    both = metric_table(
        pd.concat([people, turned], ignore_index=True), given, n_bootstrap=50, n_permutations=99
    )
    pd.testing.assert_frame_equal(alone, both)


def test_no_answers_and_missing_columns(people):
    assert metric_table(people.iloc[:0], scores(m=lambda i: i)).empty
    with pytest.raises(InputError, match="image_scores: no column 'metric'"):
        metric_table(people, scores(m=lambda i: i).drop(columns="metric"))


def observers_of(key, **rules):
    """Responses of model observers; name -> rule."""
    one_list = [answers_of(key, rule).assign(rater=name) for name, rule in rules.items()]
    return pd.concat(one_list, ignore_index=True)


def test_observers_with_known_relation_to_people():
    key = key_of({"n": N_IMAGES}, trials=100, n_raters=6)
    wise = lambda trial: number(trial.target) % 3 > 0  # noqa: E731
    people = answers_of(key, wise)
    rng = np.random.default_rng(0)
    observers = observers_of(
        key, same=wise, other=lambda trial: not wise(trial), coin=lambda trial: rng.random() < 0.5
    )
    table = observer_table(people, observers, n_bootstrap=200)
    assert list(table) == OBSERVER_COLUMNS
    row = table.set_index("judge")
    assert row.loc["raters", "agreement"] == 1
    assert row.loc["same", "agreement"] == row.loc["same", "kappa"] == 1
    assert row.loc["other", "agreement"] == 0
    # Right in 2/3 and in 1/3 of trials: by chance alike in 4/9.
    assert row.loc["other", "kappa"] == pytest.approx(-0.8, abs=0.1)
    assert abs(row.loc["coin", "agreement"] - 0.5) < 0.1
    assert abs(row.loc["coin", "kappa"]) < 0.15
    assert table["judge"].iloc[0] in ("raters", "same")
    assert row.loc["same", "n_answers"] == (key["kind"] == "test").sum()


def test_nobody_has_judged():
    key = key_of({"n": 6}, trials=20, n_raters=2)
    observers = observers_of(key, any=lambda trial: True)
    assert observer_table(answers_of(key, lambda trial: True).iloc[:0], observers).empty
