"""Every format gives the same answers and is recognised by its content."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.judge.ratings.formats import FORMATS, RatingFormat, own
from deeprecon.judge.ratings.reading import (
    RATER_COLUMNS,
    RESPONSE_COLUMNS,
    rated_key,
    read_folder,
    read_ratings,
)
from deeprecon.judge.ratings.sheets import Sheet
from deeprecon.judge.settings import Rules
from tests.judge.ratings.rated import (
    KEY,
    STUDY,
    jatos_archive,
    jspsych_rows,
    long_rows,
    meadows_rows,
    plain_rows,
    result,
    table,
    zipped,
)

ONE, TWO = result(1), result(2)
BOM = b"\xef\xbb\xbf"


def read(tmp_path, *contents):
    for number, content in enumerate(contents):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / f"file-{number}").write_bytes(data)
    return read_ratings(sorted(tmp_path.iterdir()), KEY, STUDY, Rules())


def answers(ratings, *more):
    columns = ["rater", "trial_id", "response", "chose_target", *more]
    return ratings.responses[columns].sort_values(["rater", "trial_id"]).reset_index(drop=True)


def errors(ratings):
    found = ratings.findings
    return found[found["severity"] == "error"]


def nested(rows):
    """jsPsych rows whose own fields stand in `data`."""
    own = ("trial_id", "study", "rater", "list")
    return [
        {k: v for k, v in row.items() if k not in own} | {"data": {k: row[k] for k in own}}
        for row in rows
    ]


def in_one_row(rows):
    """jsPsych rows that name the rater in the first one alone."""
    return rows[:1] + [
        {k: v for k, v in row.items() if k not in ("study", "rater", "list")} for row in rows[1:]
    ]


def as_version_6(rows, codes):
    """jsPsych 6 before 6.3: no `response`."""
    name = "key_press" if codes else "button_pressed"
    values = {0: 70, 1: 74} if codes else {0: "0", 1: "1", None: None}
    return [
        {k: v for k, v in row.items() if k != "response"} | {name: values.get(row["response"])}
        for row in rows
    ]


def keys(names):
    return lambda side: names[side]


BOTH = {
    "own": [json.dumps(ONE), json.dumps(TWO)],
    "own, pretty, with a mark": [BOM + json.dumps(ONE, indent=1).encode(), json.dumps(TWO)],
    "own, pasted by Notepad": ["\n " + json.dumps(ONE) + "\r\n", json.dumps(TWO).encode("utf-16")],
    "own, a list": [json.dumps([ONE, TWO])],
    "long": [table(long_rows(ONE, TWO))],
    "long, tabs, sorted anyhow": [
        table(sorted(long_rows(ONE, TWO), key=lambda row: row["left"]), "\t")
    ],
    "long, semicolons, Windows": [table(long_rows(ONE, TWO), ";").replace("\n", "\r\n")],
    "jspsych": [json.dumps(jspsych_rows(ONE)), json.dumps(jspsych_rows(TWO))],
    "jspsych, raters together": [json.dumps([*jspsych_rows(ONE), *jspsych_rows(TWO)])],
    "jspsych, raters in lists": [json.dumps([jspsych_rows(ONE), jspsych_rows(TWO)])],
    "jspsych, data": [json.dumps(nested(jspsych_rows(ONE))), json.dumps(jspsych_rows(TWO))],
    "jspsych, first row": [json.dumps(in_one_row(jspsych_rows(r))) for r in (ONE, TWO)],
    "jspsych, words": [json.dumps(jspsych_rows(r, str)) for r in (ONE, TWO)],
    "jspsych, keys": [
        json.dumps(jspsych_rows(ONE, keys({"left": "f", "right": "j"}))),
        json.dumps(jspsych_rows(TWO, keys({"left": "ArrowLeft", "right": "arrowright"}))),
    ],
    "jspsych 6": [
        json.dumps(as_version_6(jspsych_rows(ONE), codes=False)),
        json.dumps(as_version_6(jspsych_rows(TWO), codes=True)),
    ],
    "jspsych, csv": [table(jspsych_rows(ONE)), table(jspsych_rows(TWO))],
    "jspsych, csv, data": [
        table([{k: json.dumps(v) if k == "data" else v for k, v in row.items()} for row in rows])
        for rows in (nested(jspsych_rows(ONE)), nested(jspsych_rows(TWO)))
    ],
    "jatos": [json.dumps(ONE) + "\n\n" + json.dumps(jspsych_rows(TWO)) + "\n"],
    "jatos, archive": [jatos_archive(json.dumps(ONE), json.dumps(jspsych_rows(TWO)))],
    "archive of files": [zipped({"a/one.json": json.dumps(ONE), "two.csv": table(long_rows(TWO))})],
    "meadows": [table(meadows_rows(ONE, TWO))],
}


@pytest.mark.parametrize("name", BOTH)
def test_all_formats_give_the_same_answers(tmp_path, name):
    ratings = read(tmp_path, *BOTH[name])
    assert errors(ratings).empty, errors(ratings)["message"].tolist()
    (tmp_path / "own").mkdir()
    own = read(tmp_path / "own", *BOTH["own"])
    times = ["rt_ms", "t_ms"]
    pd.testing.assert_frame_equal(answers(ratings, *times), answers(own, *times))
    assert list(ratings.responses) == list(RESPONSE_COLUMNS)
    assert list(ratings.raters) == list(RATER_COLUMNS)
    assert ratings.raters["kept"].all()
    measured = ["rater", "list", "completed", "catch_correct", "left_share", "longest_run"]
    pd.testing.assert_frame_equal(
        ratings.raters[measured].sort_values("rater").reset_index(drop=True),
        own.raters[measured],
    )


def test_everything_but_the_answer_comes_from_the_key(tmp_path):
    lie = dict.fromkeys(("task", "kind", "target_side", "target", "subject"), "a lie")
    told = ONE | {"trials": [trial | lie for trial in ONE["trials"]]}
    found = read(tmp_path, json.dumps(told)).responses
    known = [name for name in KEY if name in RESPONSE_COLUMNS]
    expected = KEY[KEY["list"] == 1][known].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[known], expected, check_dtype=False)
    assert found["response"].tolist() == [trial["response"] for trial in ONE["trials"]]


MEADOWS = {
    "names with folder and suffix": lambda row: row | {
        f"stim{i}_name": f"study/pictures\\{row[f'stim{i}_name'].upper()}.PNG" for i in (1, 2, 3)
    },
    "label is a name": lambda row: row | {
        "label": row["stim2_name" if row["label"] == row["stim2_id"] else "stim3_name"] + ".png"
    },
    "other columns of times": lambda row: {
        {"time_trial_start": "start", "time_trial_response": "resp"}.get(k, k): v
        for k, v in row.items()
    },
    "times in seconds": lambda row: row | {
        name: f"{pd.Timestamp(row[name]).timestamp():.3f}"
        for name in ("time_trial_start", "time_trial_response")
    },
    "times in milliseconds": lambda row: row | {
        name: f"{pd.Timestamp(row[name]).timestamp() * 1000:.0f}"
        for name in ("time_trial_start", "time_trial_response")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MEADOWS)
def test_variants_of_meadows_exports(tmp_path, name):
    rows = [MEADOWS[name](row) for row in meadows_rows(ONE)]
    instructions = [dict.fromkeys(rows[0], "") | {"participation": "r001", "label": "ok"}]
    ratings = read(tmp_path, table(instructions + rows))
    assert errors(ratings).empty
    assert ratings.responses["response"].tolist() == [t["response"] for t in ONE["trials"]]
    assert ratings.responses["rt_ms"].tolist() == [t["rt_ms"] for t in ONE["trials"]]
    assert ratings.raters["list"].tolist() == [1]


def test_unclear_times_of_meadows_are_missing(tmp_path):
    rows = [row | {"time_trial_start": "12.5", "time_trial_response": ""} for row in
            meadows_rows(ONE)]  # fmt: skip
    ratings = read(tmp_path, table(rows))
    assert ratings.responses["rt_ms"].isna().all()
    assert ratings.raters["kept"].all()
    assert "times_unknown" in ratings.findings["check"].tolist()


def test_meadows_rater_with_pictures_of_two_lists_is_refused(tmp_path):
    rows = meadows_rows(ONE) + [row | {"participation": "r001"} for row in meadows_rows(TWO)[-1:]]
    ratings = read(tmp_path, table(rows))
    assert errors(ratings)["check"].tolist() == ["unknown_list"]
    assert ratings.responses.empty


def test_jspsych_trials_without_response_are_skipped(tmp_path):
    rows = jspsych_rows(ONE)
    for row in rows[1:7]:
        row["response"] = None
    ratings = read(tmp_path, json.dumps(rows))
    assert ratings.raters["n_answers"].tolist() == [len(ONE["trials"]) - 6]
    assert "incomplete" in ratings.findings["check"].tolist()


def test_other_components_of_jatos_are_only_noted(tmp_path):
    consent = json.dumps({"agreed": True})
    for content in (jatos_archive(consent, json.dumps(ONE)), f"{consent}\n{json.dumps(ONE)}\n"):
        ratings = read(tmp_path, content)
        assert len(ratings.raters) == 1
        assert (
            ratings.findings[ratings.findings["check"] == "no_trials"]["severity"].eq("note").all()
        )


def test_plain_table(tmp_path):
    rows = plain_rows(ONE)
    ratings = read(tmp_path, table(rows))
    assert errors(ratings).empty, errors(ratings)["message"].tolist()
    found = ratings.responses
    tests = KEY[(KEY["list"] == 1) & (KEY["kind"] == "test")].reset_index(drop=True)
    joined = ["task", "subject", "roi", "method", "foil_method", "set", "aspect", "target", "foil"]
    pd.testing.assert_frame_equal(found[joined], tests[joined], check_dtype=False)
    chose = [row["choice"] == "target" for row in rows]
    assert found["chose_target"].tolist() == chose
    assert found["response"].eq("left").tolist() == chose
    for name, value in (("list", 0), ("order", 0), ("trial_id", "n/a"), ("kind", "test")):
        assert found[name].eq(value).all()
    assert not found["shared"].any()
    assert found["item"].nunique() == len(tests)
    assert ratings.raters[["catch_n", "catch_p", "side_p", "left_share"]].isna().all(axis=None)
    said = ratings.findings.set_index("check")
    assert said.loc["legacy_table", "severity"] == "warning"
    for check in ("catch_accuracy", "side_bias"):
        assert said.loc[check, "severity"] == "note"
        assert said.loc[check, "message"].startswith("not applicable")


def test_plain_table_with_names_as_choices_and_all_columns(tmp_path):
    rows = [
        row
        | {
            "roi": "VC",
            "foil_roi": "VC" if row["task"] == "preference" else "n/a",
            "set": "shapes" if row["task"] == "colour_shape" else "letters",
            "choice": row["foil_method" if row["task"] == "preference" else "foil"],
        }
        for row in plain_rows(ONE)
    ]
    ratings = read(tmp_path, table(rows, "\t"))
    assert errors(ratings).empty, errors(ratings)["message"].tolist()
    assert not ratings.responses["chose_target"].any()
    assert set(ratings.responses["roi"]) == {"VC"}


UNKNOWN = {
    "task": "naming", "subject": "S9", "method": "=cmd()", "target": "s99", "foil": "s1\x1b[2J",
    "set": "faces", "roi": "V9", "choice": "both", "rater": "=cmd|' /C calc'!A0", "rt_ms": "-1",
}  # fmt: skip


@pytest.mark.parametrize("column", UNKNOWN)
def test_plain_table_with_names_unknown_to_the_study(tmp_path, column):
    rows = plain_rows(ONE) + [row | {"rater": "r002"} for row in plain_rows(ONE)[:4]]
    rows = [{"set": "", "roi": "", **row} for row in rows]
    place = next(i for i, row in enumerate(rows) if row["task"] == "identification")
    rows[place][column] = UNKNOWN[column]
    ratings = read(tmp_path, table(rows))
    wrong = errors(ratings)
    assert len(wrong) == 1
    assert f"line {place + 2}" in wrong["message"][0] or column == "rater"
    # A name that the study has not refuses the file; else the other rater is read.
    alone = {"choice", "rt_ms", "rater"}
    assert set(ratings.raters["rater"]) >= ({"r002"} if column in alone else set())
    assert ratings.raters.empty == (column not in alone)


def test_the_documentation_lists_every_format():
    text = Path("docs/judgement.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", text.split("## Formats of rating files")[1], re.M)
    assert listed[: len(FORMATS)] == list(FORMATS)
    assert all(known.description for known in FORMATS.values())


def test_a_new_format_is_one_entry(tmp_path, monkeypatch):
    def read_lab(rows):
        answers = [own.answer(n, {**row, "trial_id": row["question"]}) for n, row in rows]
        return [Sheet("lab", rater="r001", answers=answers, study=STUDY, list=1)]

    lab = RatingFormat(
        "our laboratory's", read_lab, columns=frozenset(["question", "response"]),
        pictures_required=False,
    )  # fmt: skip
    monkeypatch.setitem(FORMATS, "lab", lab)
    rows = [{"question": t["trial_id"], "response": t["response"]} for t in ONE["trials"]]
    ratings = read(tmp_path, table(rows))
    assert errors(ratings).empty
    assert ratings.responses["response"].tolist() == [t["response"] for t in ONE["trials"]]
    assert ratings.raters["format"].tolist() == ["lab"]


def test_a_folder_without_any_usable_file_stops(tmp_path, caplog):
    assert read_folder(tmp_path / "none", KEY, STUDY, Rules()).raters.empty
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"none of 1 files could be used, for example a\.json: "):
        read_folder(tmp_path, KEY, STUDY, Rules())
    (tmp_path / "b.json").write_text(json.dumps(ONE))
    assert len(read_folder(tmp_path, KEY, STUDY, Rules()).raters) == 1
    assert "a.json: bad_json: " in caplog.text


def test_the_key_is_fixed_by_the_first_file(tmp_path):
    key, folder = tmp_path / "trials.tsv", tmp_path / "ratings"
    folder.mkdir()
    assert rated_key(key, folder) is None
    KEY.to_csv(key, sep="\t", index=False)
    assert rated_key(key, folder) is None
    (folder / "a.json").write_text("{")
    assert re.fullmatch("[0-9a-f]{64}", rated_key(key, folder))
