"""Rows are those of OpenNeuro ds001506 (CC0), letter for letter, defects included."""

import logging

import numpy as np
import pandas as pd
import pytest

from deeprecon.data.events import check_against_scan, initial_rest, read_events, trials
from deeprecon.errors import InputError

HEADER = (
    "onset\tduration\tevent_type\tstimulus_id\tstimulus_name\tcategory_index\timage_index"
    "\tresponse_time\n"
)
REST = "0\t32\t-1\tn/a\tn/a\tn/a\tn/a\tn/a\n"
PERCEPTION = (
    HEADER + REST + "32\t8\t1\t1639765.047681\tn01639765_47681\t2\t14\tn/a\n"
    "40\t8\t1\t3767745.000109\tn03767745_109\t39\t39\tn/a\n"
    "48\t8\t2\t3767745.000109\tn03767745_109\t39\t39\t49.032205\n"
    "56\t6\t-2\tn/a\tn/a\tn/a\tn/a\tn/a\n"
)
LETTERS = (
    HEADER + REST + "32\t12\t1\t7\tletter_black_img028_R\t7\t7\tn/a\n"
    "44\t12\t-3\ton/a\tn/a\tn/a\tn/a\tn/a\n"
    "56\t12\t1\t1\tletter_black_img011_A\t1\t1\tn/a\n"
    "68\t6\t-2\tn/a\tn/a\tn/a\tn/a\tn/a\n"
)
IMAGERY = (
    "onset\tduration\ttrial_no\tevent_type\tcategory_id\tcategory_name\tcategory_index"
    "\tresponse_time\tevaluation\n"
    "0.0\t32.0\t1.0\t-1\tn/a\tn/a\tn/a\tn/a\tn/a\n"
    "32.0\t4.0\t2.0\t1\t2437136\tn02437136\t14\t46.926660\t4.0\n"
    "36.0\t8.0\t2.0\t2\t2437136\tn02437136\t14\t46.926660\t4.0\n"
    "44.0\t3.0\t2.0\t3\t2437136\tn02437136\t14\t46.926660\t4.0\n"
    "47.0\t1.0\t2.0\t4\t2437136\tn02437136\t14\tn/a\t4.0\n"
    "48.0\t6.0\t3.0\t-2\tn/a\tn/a\tn/a\tn/a\tn/a\n"
)


def read(tmp_path, content):
    path = tmp_path / "events.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_events(path)


def test_perception_without_rests_and_repeats(tmp_path):
    blocks = trials(read(tmp_path, PERCEPTION))
    assert blocks["stimulus_id"].tolist() == ["1639765.047681", "3767745.000109"]
    assert blocks["onset"].tolist() == [32.0, 40.0]
    assert blocks["block"].tolist() == [1, 2]
    assert blocks["vividness"].isna().all()


def test_malformed_rest_of_sub_01_is_read_as_missing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        blocks = trials(read(tmp_path, LETTERS))
    assert blocks["stimulus_id"].tolist() == ["7", "1"]
    assert blocks["duration"].tolist() == [12.0, 12.0]
    assert "row 4: stimulus_id is 'on/a' in a rest block" in caplog.text


def test_imagery_goes_by_category_index(tmp_path):
    blocks = trials(read(tmp_path, IMAGERY))
    assert blocks["stimulus_id"].tolist() == ["14"]
    assert blocks[["onset", "duration"]].to_numpy().tolist() == [[36.0, 8.0]]
    assert blocks["vividness"].tolist() == [4.0]


@pytest.mark.parametrize(
    "spelling",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: "\n".join(line + "\textra" for line in text.strip().split("\n")).encode(),
    ],
    ids=["byte order mark", "windows", "extra column"],
)
def test_spellings(tmp_path, spelling):
    pd.testing.assert_frame_equal(
        trials(read(tmp_path, spelling(PERCEPTION))), trials(read(tmp_path, PERCEPTION))
    )


def test_initial_rest_and_scan_length(tmp_path):
    events = read(tmp_path, PERCEPTION)
    assert initial_rest(events) == 32.0
    check_against_scan(events, 31, 2.0, "run")
    with pytest.raises(InputError, match="run 7: the last event ends at 62 s, the scan of 30"):
        check_against_scan(events, 30, 2.0, "run 7")
    with pytest.raises(InputError, match="the first event has event_type 1"):
        initial_rest(events.iloc[1:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a readable TSV"),
        (b"\xff\xfe\x00\x01", "not a readable TSV"),
        (HEADER, "no events"),
        (PERCEPTION.replace("event_type", "trial_type"), "no column 'event_type'; found onset"),
        (PERCEPTION.replace("stimulus_id", "image"), "no column 'stimulus_id'; found onset"),
        (PERCEPTION.replace("32\t8\t1", "soon\t8\t1"), "row 3: onset is 'soon'"),
        (PERCEPTION.replace("32\t8\t1", "n/a\t8\t1"), "row 3: onset is 'n/a'"),
        (PERCEPTION.replace("32\t8\t1", "32\t8\t1.5"), "row 3: event_type is '1.5'"),
        (PERCEPTION.replace("32\t8\t1", "32\t-8\t1"), "row 3: onset 32 s and duration -8 s"),
        (PERCEPTION.replace("40\t8\t1", "39\t8\t1"), "row 4: begins at 39 s, before the end"),
        (PERCEPTION.replace("40\t8\t1", "20\t8\t1"), "row 4: begins at 20 s"),
        (PERCEPTION.replace("1639765.047681", "n/a"), "row 3: a stimulus block without stim"),
    ],
)
def test_bad_tables(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PERCEPTION[:-40], "row 5: 7 values for 8 columns"),
        (PERCEPTION.replace("3767745.000109\tn03767745_109\t39\t39\tn/a", "3767745.0"), "row 4: 4"),
        (PERCEPTION.replace("\n40", "\textra\n40"), "row 3: 9 values for 8 columns"),
        (
            PERCEPTION.replace("n01639765", '"n01639765').replace(
                "39\t39\t49.03", '39\t39\t"49.03'
            ),
            "row 3: a quotation mark joins it to the next row",
        ),
        (
            PERCEPTION.replace("stimulus_name", "stimulus_id"),
            "column 'stimulus_id' is there 2 times",
        ),
        (PERCEPTION.replace("32\t8\t1", "32\t8\t1e300"), "row 3: event_type is '1e300'"),
        (PERCEPTION.replace("n01639765", "n" * 140_000), "not a readable TSV file"),
    ],
    ids=[
        "cut off",
        "short row",
        "long row",
        "stray quotes",
        "column twice",
        "huge event_type",
        "huge value",
    ],
)
def test_tables_that_pandas_would_mend_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("name", ["missing.tsv", "."])
def test_no_file(tmp_path, name):
    with pytest.raises(InputError, match="not a readable TSV file"):
        read_events(tmp_path / name)


@pytest.mark.parametrize(("given", "expected"), [("5", 5.0), ("n/a", np.nan)])
def test_vividness_is_float(tmp_path, given, expected):
    vividness = trials(read(tmp_path, IMAGERY.replace("4.0\n", f"{given}\n")))["vividness"]
    assert vividness.dtype == np.float64
    np.testing.assert_array_equal(vividness, [expected])


def test_evaluation_that_is_no_number(tmp_path):
    with pytest.raises(InputError, match="evaluation is 'very', expected a number or n/a"):
        trials(read(tmp_path, IMAGERY.replace("4.0\n", "very\n")))


def test_unknown_design_and_runs_without_blocks(tmp_path):
    events = read(tmp_path, PERCEPTION)
    with pytest.raises(InputError, match="unknown design 'nsd'; known: ds001506"):
        trials(events, "nsd")
    with pytest.raises(InputError, match="no stimulus blocks"):
        trials(events.iloc[:1])


def test_corrupted_tables_are_read_or_refused_never_anything_else(tmp_path):
    rng = np.random.default_rng(0)
    texts = [text.encode() for text in (PERCEPTION, LETTERS, IMAGERY)]
    refused = 0
    for i in range(300):
        data = bytearray(texts[i % 3])
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(len(data)))
            kind = rng.integers(3)
            if kind == 0:
                data[place] = int(rng.integers(256))
            elif kind == 1:
                del data[place : place + int(rng.integers(1, 20))]
            else:
                data[place:place] = bytes(rng.integers(0, 256, 3).astype(np.uint8))
        try:
            trials(read(tmp_path, bytes(data)))
        except InputError:
            refused += 1
    assert 30 < refused < 300
