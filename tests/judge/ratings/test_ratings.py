"""Checks of ratings: each finds its own problem, and good raters pass."""

import copy
import json
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from deeprecon.errors import InputError
from deeprecon.judge.ratings.checks import exact_binomial, longest_run
from deeprecon.judge.ratings.findings import Check
from deeprecon.judge.ratings.reading import RATER_COLUMNS, RESPONSE_COLUMNS, read_ratings
from deeprecon.judge.ratings.rules_log import check_log, note_rules, read_log
from deeprecon.judge.settings import Rules
from deeprecon.typed import settings_of
from tests.judge.ratings.rated import KEY, OTHER, STUDY, long_rows, plain_rows, result, table

N = 32


def read(tmp_path, *results, rules=None, log=None, key=KEY):
    for number, found in enumerate(results):
        text = found if isinstance(found, str) else json.dumps(found)
        (tmp_path / f"file-{number}.json").write_text(text)
    return read_ratings(sorted(tmp_path.iterdir()), key, STUDY, rules or Rules(), log)


def found(ratings, severities=("error", "exclusion", "warning")):
    """(check, severity) of all findings, but that few items are shared."""
    rows = ratings.findings[ratings.findings["severity"].isin(severities)]
    rows = rows[rows["check"] != "few_shared"]
    return list(zip(rows["check"], rows["severity"], strict=True))


def changed(**values):
    """A change of single trials; what each answer becomes is a value or a function of the trial."""

    def change(trials):
        for trial in trials:
            for name, value in values.items():
                trial[name] = value(trial) if callable(value) else value

    return change


def in_first(n, **values):
    return lambda trials: changed(**values)(trials[:n])


def of_kind(kind, n, **values):
    ids = set(KEY.loc[KEY["kind"] == kind, "trial_id"])
    return lambda trials: changed(**values)([t for t in trials if t["trial_id"] in ids][:n])


def swap(trial):
    return OTHER[trial["response"]]


def test_good_raters_pass_all_checks(tmp_path):
    ratings = read(tmp_path, result(1), result(2), result(3))
    assert ratings.findings.empty, ratings.findings
    assert ratings.raters["kept"].all() and ratings.responses["kept"].all()
    assert ratings.raters["reasons"].eq("").all()
    assert ratings.raters["n_answers"].eq(N).all()
    for name in ("completed", "repeat_consistency"):
        assert ratings.raters[name].eq(1).all()
    assert ratings.raters["catch_p"].round(8).eq(0.5**8).all()
    assert ratings.raters["minutes"].between(0.8, 1.3).all()
    assert ratings.raters["median_rt_ms"].between(1300, 2100).all()


RATERS = {
    # name: (change of the trials, what is found)
    "28 of 32 trials": (lambda trials: trials.__delitem__(slice(0, 4)), ("incomplete", "warning")),
    "15 of 32": (lambda trials: trials.__delitem__(slice(15, 32)), ("incomplete", "exclusion")),
    "two fast answers of 32": (in_first(2, rt_ms=199), ("fast_answers", "exclusion")),
    "half below 500 ms": (in_first(17, rt_ms=450), ("median_time", "exclusion")),
    "a wrong catch of 8": (of_kind("catch", 1, response=swap), ("catch_accuracy", "exclusion")),
    "repeat not the same": (of_kind("repeat", 1, response=swap), ("repeat_consistency", "warning")),
    "4 trials without focus": (in_first(4, focus_lost=2), ("focus_lost", "warning")),
    "times go back": (in_first(3, t_ms=50_000), ("times_order", "warning")),
    "a time is unknown": (in_first(1, rt_ms=None), ("times_unknown", "warning")),
    "another order": (lambda trials: trials[3].update(order=99), ("order_differs", "warning")),
    "a trial twice": (lambda trials: trials.append(trials[0]), ("duplicate_trial", "error")),
    "unknown trial": (in_first(1, trial_id="t999999"), ("unknown_trial", "error")),
    "wrong pictures": (
        in_first(1, left=lambda t: t["right"], right=lambda t: t["left"]),
        ("wrong_pictures", "error"),
    ),
    "no pictures": (in_first(1, left=None), ("wrong_pictures", "error")),
    "neither side": (in_first(1, response="top"), ("bad_response", "error")),
    "a side in capitals": (in_first(1, response="Left"), ("bad_response", "error")),
    "no answer": (in_first(1, response=None), ("bad_response", "error")),
    "negative time": (in_first(1, rt_ms=-5), ("bad_number", "error")),
    "a year": (in_first(1, rt_ms=3.2e10), ("bad_number", "error")),
    "time of a session": (in_first(1, t_ms="soon"), ("bad_number", "error")),
    "focus": (in_first(1, focus_lost=-1), ("bad_number", "error")),
}  # fmt: skip


@pytest.mark.parametrize("name", RATERS)
def test_checks_of_answers(tmp_path, name):
    change, expected = RATERS[name]
    bad = result(1)
    change(bad["trials"])
    ratings = read(tmp_path, bad, result(2), result(3))
    own = ratings.findings[ratings.findings["file"] == "file-0.json"]
    assert expected in list(zip(own["check"], own["severity"], strict=True))
    # Nothing else is as severe, and other raters are left alone.
    alike = own[own["severity"] == expected[1]]["check"]
    assert set(alike) == {expected[0]} or expected[1] == "warning"
    assert not ratings.findings["file"].isin(["file-1.json", "file-2.json"]).any()
    kept = ratings.raters.set_index("rater")["kept"]
    assert kept.reindex(["r002", "r003"]).tolist() == [True, True]
    match expected[1]:
        case "error":
            assert "r001" not in kept.index
            assert set(ratings.responses["rater"]) == {"r002", "r003"}
        case "exclusion":
            assert not kept["r001"]
            assert ratings.raters.set_index("rater").loc["r001", "reasons"] == expected[0]
            is_kept = ratings.responses.groupby("rater")["kept"].agg(set)
            assert is_kept.to_dict() == {"r001": {False}, "r002": {True}, "r003": {True}}
        case _:
            assert kept["r001"]


HEADERS = {
    "another study": ({"study": "0" * 64}, ("study_mismatch", "error")),
    "no study": ({"study": None}, ("study_mismatch", "error")),
    "another schema": ({"schema": "deeprecon-ratings/2"}, ("unknown_schema", "error")),
    "no such list": ({"list": 4}, ("unknown_list", "error")),
    "no list": ({"list": None}, ("unknown_list", "error")),
    "other list": ({"list": 2}, ("other_list", "error")),
    "id of two words": ({"rater": "r 1"}, ("rater_id", "error")),
    "id with a newline": ({"rater": "r1\n"}, ("rater_id", "error")),
    "letters that look alike": ({"rater": "r\u043e1"}, ("rater_id", "error")),
    "digits of another script": ({"rater": "r\u0661"}, ("rater_id", "error")),
    "long id": ({"rater": "r" * 65}, ("rater_id", "error")),
    "no id": ({"rater": ""}, ("rater_id", "error")),
    "no answers": ({"trials": []}, ("no_trials", "error")),
    "not ISO": ({"started": "yesterday"}, ("timestamps", "warning")),
    "no start": ({"started": None}, ("timestamps", "warning")),
    "ends before": ({"finished": "2026-11-24T10:00:00Z"}, ("timestamps", "warning")),
}


@pytest.mark.parametrize("name", HEADERS)
def test_checks_of_a_result(tmp_path, name):
    changes, expected = HEADERS[name]
    ratings = read(tmp_path, result(1) | changes, result(2), result(3))
    assert found(ratings) == [expected]
    assert ("r001" in set(ratings.raters["rater"])) == (expected[1] == "warning")
    assert set(ratings.raters["rater"]) >= {"r002", "r003"}


def test_an_unfinished_session_gives_no_warning_of_timestamps(tmp_path):
    assert found(read(tmp_path, result(1, finished=None), result(2))) == []


def test_a_number_is_a_valid_rater_id(tmp_path):
    assert read(tmp_path, result(1) | {"rater": 7}).raters["rater"].tolist() == ["7"]


def test_each_kind_of_error_is_reported_once_with_its_count(tmp_path):
    bad = result(1) | {"study": "x"}
    in_first(3, response="up")(bad["trials"])
    in_first(1, rt_ms="slow")(bad["trials"])
    ratings = read(tmp_path, bad)
    rows = ratings.findings.set_index("check")
    assert sorted(rows.index) == ["bad_number", "bad_response", "study_mismatch"]
    assert rows.loc["bad_response", "value"] == "3"
    assert rows.loc["bad_response", "message"] == (
        "trial 1: found response 'up', expected left or right (3 times)"
    )
    assert rows.loc["bad_number", "rater"] == "r001"


def test_side_bias(tmp_path):
    bad = result(1, wrong_share=0)
    trials = [t for t in bad["trials"] if t["response"] == "right"]
    kinds = KEY.set_index("trial_id")["kind"]
    for trial in [t for t in trials if kinds[t["trial_id"]] != "catch"]:
        trial["response"] = "left"
    ratings = read(tmp_path, bad, result(2))
    row = ratings.raters.set_index("rater").loc["r001"]
    n_left = round(row["left_share"] * N)
    assert row["side_p"] == pytest.approx(2 * binom.sf(n_left - 1, N, 0.5))
    assert row["side_p"] < 0.001
    assert ("side_bias", "exclusion") in found(ratings)
    # 16 of 32 is no bias: with another rule neither.
    assert ("side_bias", "exclusion") not in found(read(tmp_path, bad, rules=Rules(side_p=1e-9)))


def test_long_run(tmp_path):
    sides = [trial["response"] for trial in result(1)["trials"]]
    run = longest_run(sides)
    ratings = read(tmp_path, result(1), result(2), rules=Rules(max_run=run + 1))
    assert ratings.raters["longest_run"][0] == run < 12
    assert "r001" not in ratings.findings["rater"].tolist()
    ratings = read(tmp_path, result(1), rules=Rules(max_run=run))
    assert ("long_run", "warning") in found(ratings)


@pytest.mark.parametrize(
    ("right", "n", "severity"),
    [(8, 8, None), (7, 8, "exclusion"), (6, 7, "exclusion"), (7, 7, None), (3, 3, None),
     (2, 3, "exclusion"), (0, 0, "note")],
)  # fmt: skip
def test_rules_for_few_and_many_catches(tmp_path, right, n, severity):
    # 6 of 7: p = 0.0625, guessing is not rejected.
    bad, kinds = result(1), KEY.set_index("trial_id")["kind"]
    catches = [t for t in bad["trials"] if kinds[t["trial_id"]] == "catch"]
    for trial in catches[n:]:
        bad["trials"].remove(trial)
    for trial in catches[right:n]:
        trial["response"] = swap(trial)
    ratings = read(tmp_path, bad)
    rows = ratings.findings[ratings.findings["check"] == "catch_accuracy"]
    assert rows["severity"].tolist() == ([severity] if severity else [])
    measured = ratings.raters[["catch_correct", "catch_n"]].to_numpy()[0].tolist()
    assert measured == [right, n]
    assert ratings.raters["catch_p"].fillna(-1)[0] == pytest.approx(
        binom.sf(right - 1, n, 0.5) if n else -1
    )


def test_few_catches_that_reject_guessing_give_a_warning(tmp_path):
    bad = result(1)
    of_kind("catch", 1, response=swap)(bad["trials"])
    ratings = read(tmp_path, bad, rules=Rules(min_catches=9))
    assert ("catch_accuracy", "warning") in found(ratings)  # 7 of 8: p = 0.035


def test_a_rater_with_two_files(tmp_path):
    one, other = result(1), result(1)
    other["trials"][0]["response"] = swap(other["trials"][0])
    ratings = read(tmp_path, one, json.dumps(one, indent=2), result(2))
    assert found(ratings) == [("duplicate_file", "warning")]
    assert ratings.raters["rater"].tolist() == ["r001", "r002"]
    assert ratings.responses["trial_id"].is_unique
    ratings = read(tmp_path, one, other, result(2))
    assert found(ratings) == [("duplicate_rater", "error")] * 2
    assert ratings.raters["rater"].tolist() == ["r002"]
    assert ratings.findings["file"].tolist()[:2] == ["file-0.json", "file-1.json"]


def test_one_rater_with_two_lists_in_a_table_is_refused(tmp_path):
    ratings = read(tmp_path, table(long_rows(result(1), result(2, rater="r001"), result(3))))
    assert found(ratings) == [("duplicate_rater", "error")] * 2
    assert ratings.raters["rater"].tolist() == ["r003"]


def test_copied_answers(tmp_path):
    copied = result(1) | {"rater": "copycat"}
    ratings = read(tmp_path, result(1), copied, result(2))
    assert found(ratings) == [("copied_answers", "error")] * 2
    assert ratings.raters["rater"].tolist() == ["r002"]
    assert "copycat" in ratings.findings.set_index("rater").loc["r001", "message"]
    for trial in copied["trials"]:
        trial["rt_ms"] += 1
    ratings = read(tmp_path, result(1), copied, result(2))
    assert found(ratings) == [("equal_answers", "warning")] * 2
    assert ratings.raters["kept"].all() and len(ratings.raters) == 3


def test_equal_answers_to_few_trials_may_be_chance(tmp_path):
    one = result(1)
    two = copy.deepcopy(one) | {"rater": "r9"}
    del one["trials"][19:], two["trials"][19:]
    in_first(1, rt_ms=1234)(two["trials"])
    assert not {"equal_answers", "copied_answers"} & {
        check for check, _ in found(read(tmp_path, one, two))
    }


def test_copies_in_plain_tables(tmp_path):
    rows = plain_rows(result(1))
    rows += [row | {"rater": "r2"} for row in rows]
    assert ("copied_answers", "error") in found(read(tmp_path, table(rows)))


def test_short_session(tmp_path):
    hasty = result(1)
    for trial in hasty["trials"]:
        trial["t_ms"], trial["rt_ms"] = trial["t_ms"] // 4, 600
    ratings = read(tmp_path, hasty, result(2), result(3))
    assert found(ratings) == [("short_session", "warning")]
    assert ratings.findings["rater"].tolist() == ["r001"]
    (tmp_path / "file-2.json").unlink()  # two sessions have no median to speak of
    assert found(read(tmp_path, hasty, result(2))) == []


def test_wiring_of_the_study(tmp_path):
    perfect = [result(i, wrong_share=0) for i in (1, 2, 3)]
    assert found(read(tmp_path, *perfect)) == [("all_perfect", "warning")]
    rng = np.random.default_rng(5)
    for rater in perfect:
        for trial in rater["trials"]:
            trial["response"] = ("left", "right")[rng.integers(2)]
    assert ("all_at_chance", "warning") in found(read(tmp_path, *perfect))
    # Sides taken for each other by the page: all is wrong.
    flipped = [result(i) for i in (1, 2, 3)]
    for rater in flipped:
        changed(response=swap)(rater["trials"])
    ratings = read(tmp_path, *flipped)
    assert ("all_at_chance", "warning") in found(ratings)
    assert "0 of 24 catches" in ratings.findings.set_index("check").loc["all_at_chance", "message"]


def test_shared_items_are_counted_over_kept_raters(tmp_path):
    def few(*results):
        rows = read(tmp_path, *results).findings
        return rows.loc[rows["check"] == "few_shared", "value"].tolist()

    out = result(2)
    of_kind("catch", 4, response=swap)(out["trials"])
    assert few(result(1), result(2)) == []
    (tmp_path / "file-1.json").unlink()
    assert few(result(1)) == ["0"]
    assert few(result(1), out) == ["0"]


def test_without_files_the_tables_are_empty_with_the_same_columns(tmp_path):
    empty = read(tmp_path)
    full = read(tmp_path, result(1))
    assert list(empty.responses) == list(RESPONSE_COLUMNS)
    assert list(empty.raters) == list(RATER_COLUMNS)
    for name in ("responses", "raters", "findings"):
        a, b = getattr(empty, name), getattr(full, name)
        assert a.empty and list(a) == list(b)
        assert a.dtypes.equals(b.dtypes)
    assert empty.responses["kept"].dtype == bool


def test_tables_survive_writing_and_reading(tmp_path):
    ratings = read(tmp_path, result(1), result(2))
    path = tmp_path / "responses.tsv"
    ratings.responses.to_csv(path, sep="\t", index=False)
    again = pd.read_csv(path, sep="\t", keep_default_na=False)
    pd.testing.assert_frame_equal(
        again.astype(ratings.responses.dtypes.to_dict()), ratings.responses
    )


def test_key_as_read_from_its_file_gives_the_same(tmp_path):
    text = KEY.astype(str)
    first, second = read(tmp_path, result(1)), read(tmp_path, result(1), key=text)
    pd.testing.assert_frame_equal(first.responses, second.responses)
    with pytest.raises(InputError, match="no column 'top'"):
        read(tmp_path, result(1), key=KEY.drop(columns="top"))


def test_every_check_has_a_name():
    tested = {check for _, (check, _) in [*RATERS.values(), *HEADERS.values()]}
    assert tested <= set(get_args(Check))


@pytest.mark.parametrize(("k", "n"), [(0, 1), (3, 8), (8, 8), (70, 150), (150, 150)])
def test_exact_binomial(k, n):
    outcomes = binom.pmf(np.arange(n + 1), n, 0.5)
    assert exact_binomial(k, n, "greater") == pytest.approx(outcomes[k:].sum())
    assert exact_binomial(k, n, "two-sided") == pytest.approx(
        outcomes[outcomes <= outcomes[k] * (1 + 1e-9)].sum()
    )


@pytest.mark.parametrize(
    ("sides", "run"), [("", 0), ("L", 1), ("LLLL", 4), ("LRLRL", 5), ("LLRLRR", 4), ("LLRR", 2)]
)
def test_longest_run(sides, run):
    assert longest_run(list(sides)) == run


def test_digest_of_rules_depends_on_values_alone():
    assert Rules(fast_ms=200).digest() == Rules(fast_ms=200.0).digest() == Rules().digest()
    assert Rules(fast_ms=201).digest() != Rules().digest()
    assert Rules(**Rules().model_dump()).digest() == Rules().digest()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_catch": 1}, "unknown key 'min_catch'; did you mean 'min_catches'"),
        ({"side_p": "0.1"}, "side_p: found '0.1', expected number"),
        ({"side_p": True}, "side_p: found True, expected number"),
        ({"side_p": float("nan")}, "side_p: found nan, expected a finite number"),
        ({"min_completed": 90}, "min_completed: found 90, expected at most 1"),
        ({"min_catches": 2.5}, "min_catches: found 2.5, expected integer"),
        ({"fast_ms": -1}, "fast_ms: found -1, expected 0 or more"),
        ({"max_run": 0}, "max_run: found 0, expected 2 or more"),
        ({"min_used": 0.95}, "min_used: found 0.95, expected at most min_completed"),
    ],
)
def test_rules_out_of_bounds_are_refused(settings, message):
    with pytest.raises(InputError, match=f"^rules: {message}"):
        settings_of(Rules, settings, about="rules")


def test_log_of_rules(tmp_path):
    path = tmp_path / "rules.tsv"
    for digest, n, date, changed_after in [
        ("a", 0, "2026-11-01", False),
        ("a", 0, "2026-11-02", False),
        ("b", 0, "2026-11-03", False),  # before the first ratings: no matter
        ("b", 9, "2026-11-04", False),
        ("c", 9, "2026-11-05", True),
        ("b", 9, "2026-11-06", True),
    ]:
        log = note_rules(path, digest, n, date)
        assert bool(list(check_log(log))) == changed_after
        log.to_csv(path, sep="\t", index=False)
        pd.testing.assert_frame_equal(read_log(path), log, check_dtype=False)
    assert log["first_seen"].str[-1].tolist() == ["1", "3", "5", "6"]
    assert found(read_ratings([], KEY, STUDY, Rules(), log)) == [("rules_changed", "warning")]
    assert found(read_ratings([], KEY, STUDY, Rules(), log.iloc[:2])) == []
    path.write_text("digest\tn\nx\t1\n")
    with pytest.raises(InputError, match=r"rules.tsv: no column 'n_rating_files'; found digest, n"):
        read_log(path)
