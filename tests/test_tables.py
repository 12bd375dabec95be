import numpy as np
import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.tables import read_table, read_tables, write_table

ROWS = [{"stimulus_id": "007", "value": 1 / 3}, {"stimulus_id": "n/a", "value": np.nan}]


def test_six_digits_unless_more_are_asked_for(tmp_path):
    write_table(tmp_path / "short.tsv", ROWS)
    write_table(tmp_path / "exact.tsv", ROWS, digits=None)
    assert (tmp_path / "short.tsv").read_text() == "stimulus_id\tvalue\n007\t0.333333\nn/a\t\n"
    assert read_table(tmp_path / "exact.tsv").value[0] == 1 / 3


def test_missing_values_as_bids_writes_them(tmp_path):
    write_table(tmp_path / "events.tsv", pd.DataFrame({"onset": [1.0, np.nan]}), missing="n/a")
    assert (tmp_path / "events.tsv").read_text() == "onset\n1\nn/a\n"


def test_ids_stay_text(tmp_path):
    write_table(tmp_path / "table.tsv", ROWS)
    assert read_table(tmp_path / "table.tsv", text=["stimulus_id"]).stimulus_id[0] == "007"
    assert list(read_table(tmp_path / "table.tsv", text=True).stimulus_id) == ["007", "n/a"]
    assert list(read_table(tmp_path / "table.tsv", text=True).value) == ["0.333333", ""]


def test_tables_are_joined_and_none_has_its_columns(tmp_path):
    write_table(tmp_path / "a.tsv", ROWS)
    both = read_tables([tmp_path / "a.tsv"] * 2)
    assert list(both.index) == [0, 1, 2, 3]
    assert list(read_tables([], ["x", "y"]).columns) == ["x", "y"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "table.tsv: not a readable table .*No such file"),
        (b"", "table.tsv: not a readable table .*No columns"),
        (b"a\tb\n1\t2\t3\t4\n1\n1\t2\t3\t4\t5\t6\n", "table.tsv: not a readable table"),
        (b"\xff\xfe\x00", "table.tsv: not a readable table"),
        (b"a\n1\n", "table.tsv: no column 'value'; found a"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "table.tsv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "table.tsv", columns=["value"])
