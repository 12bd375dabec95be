"""Hostile rating files are refused with a message, at bounded cost, without affecting others."""

import copy
import io
import json
import os
import re
import stat
import struct
import zipfile
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from deeprecon.judge.ratings import archive as archives
from deeprecon.judge.ratings import untrusted
from deeprecon.judge.ratings.findings import Check
from deeprecon.judge.ratings.reading import read_ratings
from deeprecon.judge.settings import Rules
from tests.judge.ratings.rated import (
    KEY,
    ROWS,
    STUDY,
    jatos,
    jatos_archive,
    jspsych_rows,
    long_rows,
    meadows_rows,
    plain_rows,
    result,
    table,
    written,
    zipped,
)

GOOD = json.dumps(result(3, rater="good"))
ROW = KEY.set_index("trial_id")
FROM_KEY = [
    "list", "order", "task", "kind", "item", "shared", "repeats", "subject", "roi", "foil_roi",
    "method", "foil_method", "set", "aspect", "target", "foil", "target_side",
]  # fmt: skip
KEY_ROWS = {row[0]: row[1:] for row in KEY[["trial_id", *FROM_KEY]].itertuples(index=False)}
NAMES = {name: {*KEY[name], "n/a"} for name in FROM_KEY}
for ONE, OTHER in (("target", "foil"), ("roi", "foil_roi"), ("method", "foil_method")):
    NAMES[ONE] = NAMES[OTHER] = NAMES[ONE] | NAMES[OTHER]


def as_bytes(content):
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")


def read(tmp_path, content, name="bad"):
    """Read a file beside a good one."""
    (tmp_path / name).write_bytes(as_bytes(content))
    (tmp_path / "good.json").write_text(GOOD)
    ratings = read_ratings(sorted(tmp_path.iterdir()), KEY, STUDY, Rules())
    check_all(ratings)
    assert "good" in set(ratings.raters["rater"])
    return ratings


def check_all(ratings):
    """Whatever the files contain, the tables contain only what the key allows."""
    found = ratings.responses
    columns = ["trial_id", *FROM_KEY]
    for rater, name, *told in found[["rater", *columns]].itertuples(index=False):
        assert re.fullmatch("[A-Za-z0-9_.-]{1,64}", rater)
        if name != "n/a":
            assert tuple(told) == tuple(KEY_ROWS[name])
            continue
        told = dict(zip(FROM_KEY, told, strict=True))
        assert (told["list"], told["order"], told["kind"]) == (0, 0, "test")
        for column in ("task", "subject", "method", "set", "target", "foil", "roi", "aspect"):
            assert told[column] in NAMES[column]
    ours = found[found["trial_id"] != "n/a"]
    assert not ours.duplicated(["rater", "trial_id"]).any()
    assert (ours.groupby("rater")["list"].nunique() <= 1).all()
    assert set(found["response"]) <= {"left", "right"}
    assert (found["chose_target"] == (found["response"] == found["target_side"])).all()
    for name in ("rt_ms", "t_ms", "focus_lost"):
        assert (found[name].isna() | found[name].between(0, 2.6e9)).all()
    assert ratings.raters["rater"].is_unique
    assert set(found["rater"]) == set(ratings.raters["rater"])
    findings = ratings.findings
    assert set(findings["check"]) <= set(get_args(Check))
    assert findings["severity"].isin(["error", "exclusion", "warning", "note"]).all()
    for text in {*findings["message"], *findings["file"], *findings["rater"], *findings["value"]}:
        assert text.isascii() and text.isprintable() and len(text) < 400, text
        assert not re.search(r"<\w|[\x00-\x1f]", text) and not text.startswith(("=", "+", "@"))


def own(**changes):
    return json.dumps(result(1) | changes)


def trial(**changes):
    """A result whose first trial is changed."""
    first = result(1)
    first["trials"][0] |= changes
    return json.dumps(first)


def raw(**literals):
    """A result with JSON literals in place of the first trial's values."""
    text = trial(**{name: f"@{name}@" for name in literals})
    for name, literal in literals.items():
        text = text.replace(f'"@{name}@"', literal)
    return text


def cells(**changes):
    rows = long_rows(result(1))
    return table([rows[0] | changes, *rows[1:]])


def column(**changes):
    return table([row | changes for row in long_rows(result(1))])


def archive(flags=None, **members):
    data = zipped({name.replace("__", "/"): content for name, content in members.items()})
    if flags is not None:  # in the local header and in the directory
        data = data.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00" + flags)
        data = re.sub(rb"(PK\x01\x02....)..", lambda m: m[1] + flags, data, flags=re.S)
    return data


def link_in_archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("link.json")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    return buffer.getvalue()


SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"
CASES = {
    # name: (content, check)
    "empty": ("", "empty"),
    "white space": (" \n\t\n", "empty"),
    "a mark alone": (b"\xef\xbb\xbf", "unrecognised"),
    "NUL bytes": (b"\0" * 1000, "not_text"),
    "NUL in JSON": (own(rater="r\0"), "rater_id"),
    "NUL in CSV": (cells(rater="r\0"), "not_text"),
    "binary": (bytes(range(256)) * 40, "not_text"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not_text"),
    "Latin-1": ('{"rater": "J\u00fcrgen"}'.encode("latin-1"), "not_text"),
    "half of UTF-16": (b"\xff\xfe{\x00\"", "not_text"),
    "lone surrogate": (own(rater="r\ud800"), "rater_id"),
    "lone surrogate, escaped": ('{"trials": [{}], "rater": "\\ud800"}', "rater_id"),
    "prose": ("Dear lab,\nI could not open the page.\n", "unrecognised"),
    "HTML": ("<html><body>404</body></html>", "unrecognised"),
    "a number": ("12", "unrecognised"),
    "JSON, cut": (own()[:-30], "bad_json"),
    "JSON, pretty and cut": (json.dumps(result(1), indent=1)[:-30], "bad_json"),
    "JSON and more": (own() + "}", "bad_json"),
    "empty object": ("{}", "no_trials"),
    "empty list": ("[]", "unrecognised"),
    "list of numbers": ("[1, 2]", "no_trials"),
    "lists of nothing": ("[[], []]", "no_trials"),
    "deep lists": ("[" * 200_000, "bad_json"),
    "deep lists, closed": ("[" * 100_000 + "]" * 100_000, "bad_json"),
    "deep objects": ('{"trials":' * 100_000 + "1" + "}" * 100_000, "bad_json"),
    "deep value": (raw(rt_ms="[" * 50_000 + "]" * 50_000), "bad_json"),
    "key twice": (own()[:-1] + ', "rater": "other"}', "bad_json"),
    "answer twice": (raw(response='"left", "response": "right"'), "bad_json"),
    "huge integer": (raw(rt_ms="9" * 10_000), "bad_number"),
    "huge negative integer": (raw(rt_ms="-" + "9" * 10_000), "bad_number"),
    "huge float": (raw(rt_ms="1e400"), "bad_number"),
    "NaN": (raw(rt_ms="NaN"), "bad_number"),
    "Infinity": (raw(rt_ms="-Infinity"), "bad_number"),
    "NaN in words": (trial(rt_ms="nan"), "bad_number"),
    "true time": (trial(rt_ms=True), "bad_number"),
    "list of times": (trial(rt_ms=[1]), "bad_number"),
    "time in words": (trial(t_ms=SCRIPT), "bad_number"),
    "digits of another script": (trial(rt_ms="\u0661\u0662"), "bad_number"),
    "focus": (raw(focus_lost="9" * 5000), "bad_number"),
    "list is huge": (own().replace('"list": 1', '"list": ' + "9" * 5000), "unknown_list"),
    "list is a list": (own(list=[1]), "unknown_list"),
    "list is true": (own(list=True), "unknown_list"),
    "list is half": (own(list=1.5), "unknown_list"),
    "trials are words": (own(trials="t000001"), "bad_json"),
    "trials are null": (own(trials=None), "bad_json"),
    "trials are an object": (own(trials={"0": {}}), "bad_json"),
    "trials are numbers": (own(trials=[1, 2]), "bad_json"),
    "trial_id is an object": (trial(trial_id={"a": 1}), "unknown_trial"),
    "trial_id is a list": (trial(trial_id=["t000001"]), "unknown_trial"),
    "trial_id is a number": (trial(trial_id=1), "unknown_trial"),
    "trial_id with a space": (trial(trial_id="t000001 "), "unknown_trial"),
    "trial_id is a script": (trial(trial_id=SCRIPT), "unknown_trial"),
    "response is an object": (trial(response={"left": True}), "bad_response"),
    "response is a number": (trial(response=0), "bad_response"),
    "response with terminal escapes": (trial(response="left\x1b[2J\x07"), "bad_response"),
    "response of many lines": (trial(response="left\nerror\tno"), "bad_response"),
    "response of a book": (trial(response="left" * 100_000), "bad_response"),
    "left is a list": (trial(left=[]), "wrong_pictures"),
    "left is a path": (trial(left="../../etc/passwd"), "wrong_pictures"),
    "order is an object": (trial(order={}), "order_differs"),
    "rater is an object": (own(rater={"r": 1}), "rater_id"),
    "rater is null": (own(rater=None), "rater_id"),
    "rater is true": (own(rater=True), "rater_id"),
    "rater is huge": (own(rater=1).replace('"rater": 1', '"rater": ' + "9" * 5000), "rater_id"),
    "rater is a script": (own(rater=SCRIPT), "rater_id"),
    "rater is a formula": (own(rater=FORMULA), "rater_id"),
    "rater is a path": (own(rater="../../r1"), "rater_id"),
    "rater with terminal escapes": (own(rater="\x1b]0;owned\x07"), "rater_id"),
    "rater turns the text": (own(rater="r\u202e1"), "rater_id"),
    "rater of wide letters": (own(rater="\uff52\uff11"), "rater_id"),
    "rater of two lines": (own(rater="r1\nr2"), "rater_id"),
    "study is a list": (own(study=[STUDY]), "study_mismatch"),
    "schema is an object": (own(schema={}), "unknown_schema"),
    "started is an object": (own(started={}), "timestamps"),
    "started in year 0": (own(started="0000-00-00T00:00:00Z"), "timestamps"),
    "started is long": (own(started="2026-11-25T" + "1" * 100_000), "timestamps"),
    "time zone beyond all": (own(started="2026-11-25T10:00:00+99:99"), "timestamps"),
    "CSV, a formula": (column(rater=FORMULA), "rater_id"),
    "CSV, a formula as answer": (cells(response=FORMULA), "bad_response"),
    "CSV, a formula as time": (cells(rt_ms="=1+1"), "bad_number"),
    "CSV, NaN": (cells(rt_ms="nan"), "bad_number"),
    "CSV, huge": (cells(rt_ms="9" * 10_000), "bad_number"),
    "CSV, huge exponent": (cells(rt_ms="1e99"), "bad_number"),
    "CSV, list": (column(list="9" * 10_000), "unknown_list"),
    "CSV, a quote": (cells(response='"left'), "bad_response"),
    "CSV, quote is open": (cells(response="@").replace("@", '"left'), "bad_table"),
    "CSV, quote within": (cells(response="@").replace("@", '"le"ft'), "bad_table"),
    "CSV, a cell too many": (table(long_rows(result(1))) + "1,2\n", "bad_table"),
    "CSV, a row too long": (table(long_rows(result(1))).rstrip() + ",1\n", "bad_table"),
    "CSV, a million columns": ("rater," * 1_000_000 + "\n", "bad_table"),
    "CSV, a million cells": ("rater,task\n1" + "," * 1_000_000, "bad_table"),
    "CSV, too many cells": ("rater,task\n" + "," * 2_000_001, "too_large"),
    "CSV, columns twice": (table(long_rows(result(1))).replace("focus_lost", "order"), "bad_table"),
    "CSV, a header alone": (table(long_rows(result(1))).split("\n")[0], "no_trials"),
    "CSV, a column is missing": (table(long_rows(result(1))).replace("study", "x"), "unrecognised"),
    "CSV, other columns": ("a,b\n1,2\n", "unrecognised"),
    "CSV, a long cell": ("a" * 1_000_000 + ",b\n", "unrecognised"),
    "jsPsych, bad response": (
        json.dumps([row | {"response": {"Q0": 1}} for row in jspsych_rows(result(1))]),
        "bad_response",
    ),
    "jsPsych, third button": (
        json.dumps([row | {"response": 2} for row in jspsych_rows(result(1))]), "bad_response",
    ),
    "jsPsych, rater is a list": (
        json.dumps([row | {"rater": ["r1"]} for row in jspsych_rows(result(1))]), "rater_id",
    ),
    "jsPsych, two raters and rows of neither": (
        json.dumps(
            [{k: v for k, v in row.items() if k != "rater"} for row in jspsych_rows(result(1))]
            + [row | {"rater": i} for i, row in enumerate(jspsych_rows(result(2))[:9])]
        ),
        "rater_id",
    ),
    "jsPsych, data is deep": (
        table([{**row, "data": '{"a":' * 9000} for row in jspsych_rows(result(1))]), "bad_json",
    ),
    "Meadows, names give pictures away": (
        table([row | {"stim1_name": "314_ground_truth"} for row in meadows_rows(result(1))]),
        "unknown_trial",
    ),
    "Meadows, no such label": (
        table([row | {"label": SCRIPT} for row in meadows_rows(result(1))]), "bad_response",
    ),
    "plain, script": (
        table([row | {"subject": SCRIPT} for row in plain_rows(result(1))]), "unknown_name",
    ),
    "archive of nothing": (archive(), "no_trials"),
    "archive, broken": (archive(a=own())[:-30], "bad_archive"),
    "archive, content broken": (
        zipped({"a.json": own()}, zipfile.ZIP_STORED).replace(b"left", b"tfel"), "bad_archive",
    ),
    "archive of a bomb": (archive(**{"a.json": b"[" * 21_000_000}), "bad_archive"),
    "archive, name goes up": (archive(**{"../a.json": own()}), "bad_archive"),
    "archive, name goes up by Windows": (archive(**{"a\\..\\..\\b.json": own()}), "bad_archive"),
    "archive, name is absolute": (archive(**{"/tmp/a.json": own()}), "bad_archive"),
    "archive, name of a drive": (archive(**{"C:a.json": own()}), "bad_archive"),
    "archive, encrypted": (archive(b"\x01\x00", **{"a.json": own()}), "bad_archive"),
    "archive in an archive": (archive(**{"a.zip": archive(**{"a.json": own()})}), "bad_archive"),
    "archive in a result": (jatos_archive(archive(**{"a.json": own()})), "bad_archive"),
    "archive, a link": (link_in_archive(), "bad_archive"),
    "archive, other packing": (zipped({"a.json": own()}, zipfile.ZIP_LZMA), "bad_archive"),
    "archive of binaries": (archive(**{"a.json": b"\0\1\2"}), "not_text"),
    "archive, name of escapes": (archive(**{"\x1b[2J<b>.json": "{"}), "bad_json"),
    "Excel": (archive(**{"[Content_Types].xml": "<x/>", "xl__s.xml": "<x/>"}), "unrecognised"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_hostile_content(tmp_path, name):
    content, check = CASES[name]
    ratings = read(tmp_path, content)
    own_findings = ratings.findings[ratings.findings["file"] == "bad"]
    assert check in set(own_findings["check"]), own_findings.to_dict("records")
    severity = own_findings.set_index("check")["severity"]
    if check in ("order_differs", "timestamps"):
        assert "r001" in set(ratings.raters["rater"])
    else:
        assert severity[check] == "error" if len(own_findings) == 1 else True
        assert "r001" not in set(ratings.raters["rater"])


def test_messages_quote_only_the_start_of_long_values(tmp_path):
    message = read(tmp_path, own(rater=SCRIPT * 1000)).findings["message"][0]
    assert len(message) < 150 and "x3cscript" in message


def test_large_files_are_not_read(tmp_path):
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(untrusted.MAX_BYTES + 1)
    ratings = read(tmp_path, own())
    assert ratings.findings.set_index("file").loc["large.json", "check"] == "too_large"
    assert len(ratings.raters) == 2


def test_a_rater_with_an_error_in_a_table_is_not_read_in_part(tmp_path):
    for changes in ({"list": "9" * 9}, {"study": "x"}, {"schema": ""}, {"trial_id": "x"}):
        rows = long_rows(result(1), result(2))
        ratings = read(tmp_path, table([rows[0] | changes, *rows[1:]]))
        assert ratings.raters["rater"].tolist() == ["r002", "good"]


def _never(*_):
    raise AssertionError("opened")


def test_only_regular_files_are_opened(tmp_path, monkeypatch):
    target = tmp_path / "elsewhere" / "ratings.json"
    target.parent.mkdir()
    target.write_text(own())
    (tmp_path / "link.json").symlink_to(target)
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "device.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    paths = [*sorted(tmp_path.iterdir()), "/dev/zero", tmp_path / "gone.json", "/dev/fd"]
    monkeypatch.setattr(untrusted.os, "open", _never)
    ratings = read_ratings(paths, KEY, STUDY, Rules())
    check_all(ratings)
    found = ratings.findings.set_index("file")
    for name in ("link.json", "dangling.json", "device.json", "pipe.json", "zero"):
        assert found.loc[name, ["check", "severity"]].tolist() == ["not_a_file", "error"], name
    assert found.loc["elsewhere", ["check", "severity"]].tolist() == ["subfolder", "warning"]
    assert found.loc["gone.json", "check"] == "unreadable"
    assert ratings.raters.empty


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.json")
    regular = Path(__file__).stat()
    monkeypatch.setattr(untrusted.os, "lstat", lambda path: regular)
    ratings = read_ratings([tmp_path / "pipe.json"], KEY, STUDY, Rules())
    assert ratings.findings["check"].tolist() == ["not_a_file"]


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "good.json").write_text(GOOD)
    (tmp_path / "link.json").symlink_to(tmp_path / "good.json")
    regular = Path(__file__).stat()
    monkeypatch.setattr(untrusted.os, "lstat", lambda path: regular)
    ratings = read_ratings([tmp_path / "link.json"], KEY, STUDY, Rules())
    assert ratings.findings["check"].tolist() == ["unreadable"]
    assert ratings.raters.empty


def test_files_without_read_permission(tmp_path, monkeypatch):
    opened = os.open

    def refuse(path, *options):
        if str(path).endswith("secret.json"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *options)

    monkeypatch.setattr(untrusted.os, "open", refuse)
    ratings = read(tmp_path, own(), "secret.json")
    row = ratings.findings.set_index("file").loc["secret.json"]
    assert row[["check", "message"]].tolist() == [
        "unreadable", "cannot be read: Permission denied",
    ]  # fmt: skip


def test_names_of_files_are_not_trusted(tmp_path):
    names = ["\x1b[2J.json", "=cmd|x.csv", "two\nlines.json", "<img src=x>.json", "r\u202ej.json",
             os.fsdecode(b"\xff\xfe.json"), "n" * 250, "ok (1).json"]  # fmt: skip
    for name in names:
        (tmp_path / name).write_text("{")
    ratings = read(tmp_path, "{")
    assert len(ratings.findings[ratings.findings["check"] == "bad_json"]) == len(names) + 1
    assert "ok (1).json" in set(ratings.findings["file"])


def test_notes_of_the_laboratory_are_ignored(tmp_path):
    for name in (".gitkeep", ".DS_Store", "README.md", "readme", "~$ratings.xlsx", "a.json~"):
        (tmp_path / name).write_text("not ratings")
    ratings = read(tmp_path, own())
    assert len(ratings.raters) == 2
    assert not ratings.findings["severity"].eq("error").any()


def test_ten_thousand_files(tmp_path):
    contents = [b"{", b"rater,task", b"\0", GOOD.encode()[:99], b"[[[", b"PK\x03\x04junk"]
    for number in range(10_000):
        (tmp_path / f"{number}.json").write_bytes(contents[number % len(contents)])
    ratings = read(tmp_path, own())
    assert sorted(ratings.raters["rater"]) == ["good", "r001"]
    assert len(ratings.findings[ratings.findings["severity"] == "error"]) == 10_000


def test_findings_on_many_raters_in_a_file_are_capped(tmp_path):
    rows = long_rows(result(1))[:1]
    content = table([row | {"rater": f"n{i}", "study": "x"} for row in rows for i in range(1000)])
    wrong = read(tmp_path, content).findings
    wrong = wrong[wrong["check"] == "study_mismatch"]
    assert len(wrong) == 201
    assert wrong["message"].iloc[-1] == "found this 800 more times in the file"
    content = table([row | {"rater": f"n{i}"} for row in rows for i in range(10_001)])
    assert "too_large" in set(read(tmp_path, content).findings["check"])


def test_limits_on_the_size_of_archives(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_TOTAL", 30_000)
    texts = [json.dumps(result(1, rater=f"n{i}", seed=i)) for i in range(9)]
    ratings = read(tmp_path, jatos_archive(*texts))
    # The first ones are read; the limit is said once.
    assert 1 < len(ratings.raters) < 8
    assert (ratings.findings["check"] == "bad_archive").sum() == 1
    monkeypatch.setattr(archives, "MAX_MEMBERS", 5)
    ratings = read(tmp_path, jatos_archive(*texts))
    assert ratings.raters["rater"].tolist() == ["good"]


def test_sizes_stated_by_an_archive_are_not_trusted(tmp_path):
    data = zipped({"a.json": b" " * 21_000_000 + own().encode()})
    size = struct.pack("<I", 21_000_000 + len(own()))
    assert data.count(size) == 2
    ratings = read(tmp_path, data.replace(size, struct.pack("<I", 10)))
    assert ratings.raters["rater"].tolist() == ["good"]


def test_a_broken_part_does_not_affect_the_others(tmp_path):
    for content in (
        f"{own()}\nnot json\n{json.dumps(result(2))}\n",
        jatos_archive(own(), "not json", b"\0\0", json.dumps(result(2))),
        json.dumps([result(1), 7, {"trials": 1}, [1], result(2)]),
        table(long_rows(result(1), result(2, rater="a b"), result(2))),
    ):
        ratings = read(tmp_path, content)
        assert sorted(ratings.raters["rater"]) == ["good", "r001", "r002"]
        assert ratings.findings["file"].eq("bad").any()


VALUES = [
    None, True, False, 0, -1, 1.5, 10**30, float("nan"), float("inf"), "", "left", "right", "0",
    "t000001", "t000033", [], {}, [[]], {"trial_id": "t000002"}, SCRIPT, FORMULA, "\x1b[2J", "\0",
    "\ud800", "r001", "n/a", STUDY, "2026-11-25T10:00:00Z", 1, 2, 3, "x" * 300,
]  # fmt: skip
BITS = [
    b"\0", b"\xff", b'"', b",", b"\n", b"{", b"}", b"[", b"]", b"\t", b"left", b"right", b"1", b"-",
    b"e9", b"NaN", b"PK\x03\x04", b"\\u0000", b"\xef\xbb\xbf", b";", b"=", b"\r",
]  # fmt: skip
N_FUZZ = 60


def mutate_bytes(data, rng):
    """Change, delete, duplicate or move a few bytes."""
    for _ in range(rng.integers(1, 5)):
        start = int(rng.integers(len(data)))
        end = start + int(rng.choice([1, 1, 3, 20, 300]))
        part = data[start:end]
        bit = BITS[rng.integers(len(BITS))]
        place = int(rng.integers(len(data)))
        data = [
            data[:start] + bit + data[end:],
            data[:start] + data[end:],
            data[:start] + part + part + data[end:],
            data[:place] + part + data[place:],
            data[:start] + bytes([part[0] ^ (1 << int(rng.integers(8)))]) + data[start + 1 :],
            data[:start] + bit + data[start:],
        ][rng.integers(6)] or b"x"
    return data


def mutate_structure(value, rng):
    """Change, delete or duplicate single values anywhere in the structure."""
    value = copy.deepcopy(value)
    for _ in range(rng.integers(1, 4)):
        node = value
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = keys[rng.integers(len(keys))]
            if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.8:
                node = node[key]
                continue
            match rng.integers(4):
                case 0:
                    del node[key]
                case 1:
                    other = node[keys[rng.integers(len(keys))]]
                    node[key] = other if not isinstance(other, (dict, list)) else node[key]
                case _:
                    node[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
            break
    return value


def read_mutants(tmp_path, contents):
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.txt").write_bytes(as_bytes(content))
    ratings = read(tmp_path, GOOD)
    assert (ratings.findings["check"] == "duplicate_file").sum() >= 1  # of the good file itself
    return ratings


@pytest.mark.parametrize("name", [*ROWS, "jatos", "archive"])
def test_fuzz_bytes(tmp_path, name):
    rng = np.random.default_rng([7, len(name)])
    contents = []
    for i in range(N_FUZZ):
        found = result(1, rater=f"m{i}", seed=i)
        if name in ROWS:
            content = written(name, ROWS[name](found)).encode()
        else:
            content = jatos(found).encode() if name == "jatos" else jatos_archive(json.dumps(found))
        contents.append(mutate_bytes(content, rng))
    read_files = read_mutants(tmp_path, contents).raters["file"].nunique() - 1
    assert 0 < read_files < N_FUZZ or name == "archive"  # else the bytes would show little


@pytest.mark.parametrize("name", ROWS)
def test_fuzz_structure(tmp_path, name):
    rng = np.random.default_rng([8, len(name)])
    mutants = [
        mutate_structure(ROWS[name](result(1, rater=f"m{i}", seed=i)), rng) for i in range(N_FUZZ)
    ]
    ratings = read_mutants(tmp_path, [written(name, mutant) for mutant in mutants])
    assert 1 < ratings.raters["file"].nunique() < N_FUZZ
    if name == "own":
        for number, mutant in enumerate(mutants):
            _check_against_file(ratings, f"{number}.txt", mutant)


def _check_against_file(ratings, file, content):
    """Answers are those of the file, word for word, and their pictures are those of the key."""
    for row in ratings.responses[ratings.responses["file"] == file].itertuples():
        (told,) = [t for t in content["trials"] if t.get("trial_id") == row.trial_id]
        assert (told["response"], told["left"], told["right"]) == (
            row.response, *ROW.loc[row.trial_id, ["left", "right"]],
        )  # fmt: skip
        assert content["study"] == STUDY and str(content["rater"]) == row.rater
