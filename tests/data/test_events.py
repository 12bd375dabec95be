"""Rows are those of OpenNeuro ds001506 (CC0), letter for letter, defects included."""

import logging

import numpy as np
import pandas as pd
import pytest

from deeprecon.data.blocks import repetitions
from deeprecon.data.events import (
    check_against_scan,
    check_known,
    initial_rest,
    read_events,
    trials,
)
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


@pytest.mark.parametrize("written", ["on/a", "N/A", "nan", "NaN", " n/a "])
def test_misspelt_missing_values_in_rests(tmp_path, caplog, written):
    events = read(tmp_path, LETTERS.replace("on/a", written))
    assert events["stimulus_id"].isna().tolist() == [True, False, True, False, True]
    assert repr(written) in caplog.text
    caplog.clear()
    read(tmp_path, LETTERS.replace("on/a", "n/a"))
    assert caplog.text == ""


def test_ids_keep_their_zeros(tmp_path):
    """Three training images of ds001506 that numbers would change, and one like letter 7."""
    ids = ["3767745.000109", "1621127.019020", "1518878.005958", "007"]
    rows = [f"{32 + 8 * i}\t8\t1\t{key}\tname\t1\t1\tn/a\n" for i, key in enumerate(ids)]
    assert trials(read(tmp_path, HEADER + REST + "".join(rows)))["stimulus_id"].tolist() == ids


def test_letter_blocks_are_12_s_apart(tmp_path):
    events = read(tmp_path, LETTERS)
    assert events["event_type"].tolist() == [-1, 1, -3, 1, -2]
    blocks = trials(events)
    assert blocks["onset"].tolist() == [32.0, 56.0]
    assert (events["onset"] + events["duration"]).max() == 74.0


@pytest.mark.parametrize("code", ["-2", "4"])
def test_imagery_runs_end_as_in_the_files_or_as_in_the_readme(tmp_path, code):
    text = IMAGERY.replace("6.0\t3.0\t-2", f"6.0\t3.0\t{code}")
    events = read(tmp_path, text)
    assert events["event_type"].iloc[-1] == int(code)
    assert trials(events)["stimulus_id"].tolist() == ["14"]


def test_imagery_without_trial_numbers(tmp_path):
    text = IMAGERY.replace("\t1.0\t-1", "\tn/a\t-1").replace("\t2.0\t2\t", "\tn/a\t2\t")
    assert trials(read(tmp_path, text))["stimulus_id"].tolist() == ["14"]


@pytest.mark.parametrize("written", ["14", "14.0", "14.", "014"])
@pytest.mark.parametrize(
    ("labels", "expected"), [("category_index", "14"), ("corrected", "black_+")]
)
def test_imagery_labels(tmp_path, written, labels, expected):
    """The wrong category, n02437136 (a camel), is in no result."""
    events = read(tmp_path, IMAGERY.replace("\t14\t", f"\t{written}\t"))
    assert trials(events, imagery_labels=labels)["stimulus_id"].tolist() == [expected]


@pytest.mark.parametrize("index", ["0", "27", "7.5", "-7", "goat", "1400000"])
def test_imagery_index_that_cannot_be_corrected(tmp_path, index):
    events = read(tmp_path, IMAGERY.replace("\t14\t", f"\t{index}\t"))
    with pytest.raises(InputError, match=f"row 4: category_index is '{index}', expected 1 to 26"):
        trials(events, imagery_labels="corrected")
    assert trials(events)["stimulus_id"].tolist() == [index]


def test_unknown_labels_and_design(tmp_path):
    events = read(tmp_path, IMAGERY)
    with pytest.raises(InputError, match="unknown imagery_labels 'right'; known: category_index,"):
        trials(events, imagery_labels="right")
    with pytest.raises(InputError, match="unknown design 'god'; known: ds001506"):
        trials(events, design="god")


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
        (
            PERCEPTION.replace("event_type", "trial_type"),
            "no column 'event_type'; found 'onset', 'duration'",
        ),
        (
            PERCEPTION.replace("stimulus_id", "image"),
            "no column 'stimulus_id'; found 'onset', 'duration'",
        ),
        (PERCEPTION.replace("32\t8\t1", "soon\t8\t1"), "row 3: onset is 'soon'"),
        (PERCEPTION.replace("32\t8\t1", "n/a\t8\t1"), "row 3: onset is 'n/a'"),
        (PERCEPTION.replace("32\t8\t1", "32\t8\t1.5"), "row 3: event_type is '1.5'"),
        (PERCEPTION.replace("32\t8\t1", "32\t-8\t1"), "row 3: onset 32 s and duration -8 s"),
        (PERCEPTION.replace("40\t8\t1", "39\t8\t1"), "row 4: begins at 39 s, before the end"),
        (PERCEPTION.replace("40\t8\t1", "20\t8\t1"), "row 4: begins at 20 s"),
        (PERCEPTION.replace("1639765.047681", "n/a"), "row 3: a stimulus block without stim"),
        (PERCEPTION.replace("1639765.047681", "NaN"), "row 3: a stimulus block without stim"),
        (PERCEPTION.replace("32\t8\t1", "inf\t8\t1"), "row 3: onset is 'inf'"),
        (PERCEPTION.replace("32\t8\t1", "32\tnan\t1"), "row 3: duration is 'nan'"),
        (PERCEPTION.replace("0\t32\t-1", "-32\t32\t-1"), "row 2: onset -32 s and duration 32 s"),
        (
            PERCEPTION.replace("40\t8\t1", "40\t8\t-1"),
            r"row 4: stimulus_id is '3767745\.000109' in a rest block \(event_type -1\), expected",
        ),
        (LETTERS.replace("on/a", "7"), r"row 4: stimulus_id is '7' in a rest block"),
        (
            IMAGERY.replace("8.0\t2.0\t2", "8.0\t2.0\t-2"),
            "row 4: category_index is '14' in a rest block",
        ),
        (IMAGERY.replace("category_index", "index"), "no column 'category_index'; found 'onset'"),
        (PERCEPTION.replace("\n40", "\n\n40"), "row 4: 0 values for 8 columns"),
        ("\n" + PERCEPTION, "row 2: 8 values for 0 columns"),
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
            "column 'stimulus_id' occurs 2 times",
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


@pytest.mark.parametrize(("n_volumes", "warned"), [(31, False), (46, False), (47, True)])
def test_scan_longer_than_its_events(tmp_path, caplog, n_volumes, warned):
    """Events end at 62 s; 30 s more (46 volumes) pass in silence."""
    check_against_scan(read(tmp_path, PERCEPTION), n_volumes, 2.0, "run 7")
    expected = "run 7: the last event ends at 62 s, the scan of 47 volumes at 94 s"
    assert caplog.messages == ([expected] if warned else [])


def test_stimuli_that_a_table_does_not_have():
    table = ["1639765.047681", "3767745.000109", "3472535.010217"]
    check_known(["3767745.000109", "1639765.047681"], table, "run.tsv")
    check_known([], table, "run.tsv")
    with pytest.raises(
        InputError,
        match=r"^run\.tsv: unknown stimulus '1639765\.47681'; the table has 3, similar: "
        r"'1639765\.047681'",
    ):
        check_known(["3767745.000109", "1639765.47681", "x"], table, "run.tsv")
    with pytest.raises(InputError, match="unknown stimulus 'x'; the table has 3, such as '1639"):
        check_known(["x"], table, "run.tsv")


def mutated(content, rng):
    """A valid file with a few bytes or rows changed, lost, doubled or swapped."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        rows = bytes(content).split(b"\n")
        i, j = rng.integers(len(rows), size=2)
        place = int(rng.integers(len(content)))
        kind = rng.integers(8)
        if kind == 0:
            content[place] = rng.integers(256)
        elif kind == 1:
            del content[place : place + int(rng.integers(1, 6))]
        elif kind == 2:
            content[place:place] = rng.bytes(3)
        elif kind == 3:
            content.insert(place, int(rng.choice(list(b'\t\n\r"-.e0\x00\x0b\x1c\xff'))))
        elif kind == 4:
            rows[i], rows[j] = rows[j], rows[i]
            content = bytearray(b"\n".join(rows))
        elif kind == 5:
            rows.insert(j, rows[i])
            content = bytearray(b"\n".join(rows))
        elif kind == 6:
            values = rows[i].split(b"\t")
            words = [b"n/a", b"", b"inf", b"-1", b"1e308", b"0x10", b"on/a", b"1_0", b"True"]
            values[int(rng.integers(len(values)))] = words[rng.integers(len(words))]
            rows[i] = b"\t".join(values)
            content = bytearray(b"\n".join(rows))
        else:
            content = content[:place]
        if not content:
            break
    return bytes(content)


@pytest.mark.parametrize("valid", [PERCEPTION, LETTERS, IMAGERY])
def test_damaged_files_are_read_whole_or_refused_in_one_line(tmp_path, valid):
    rng = np.random.default_rng(0)
    accepted = 0
    refused = []
    for _ in range(250):
        content = mutated(valid.encode(), rng)
        try:
            events = read(tmp_path, content)
            blocks = trials(events, imagery_labels="corrected")
            check_against_scan(events, 37, 2.0, "run")
        except InputError as error:
            refused.append(str(error))
            continue
        accepted += 1
        begins, ends = events["onset"], events["onset"] + events["duration"]
        assert np.isfinite(ends).all()
        assert (begins >= 0).all()
        assert (begins.to_numpy()[1:] >= ends.to_numpy()[:-1] - 1e-3).all()
        assert len(blocks) == (events["event_type"] == (2 if "trial_no" in events else 1)).sum()
        assert blocks["stimulus_id"].map(lambda key: isinstance(key, str) and key != "").all()
        assert ends.max() <= 74.001
    assert all(len(message.splitlines()) == 1 for message in refused)
    assert min(accepted, len(refused)) > 10


def test_repetitions_count_blocks_of_a_stimulus_within_its_set():
    samples = pd.DataFrame(
        [
            ("natural", "7", 1, 1), ("natural", "7", 1, 1),  # two volumes of a block
            ("natural", "8", 1, 2), ("natural", "7", 1, 3),
            ("shapes", "7", 2, 1), ("natural", "7", 3, 1), ("natural", "8", 3, 2),
        ],
        columns=["set", "stimulus_id", "run", "block"],
    )  # fmt: skip
    np.testing.assert_array_equal(repetitions(samples), [1, 1, 1, 2, 1, 3, 2])
