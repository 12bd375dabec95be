import math

import pytest

import deeprecon.validity.gather  # noqa: F401, for all checks
from deeprecon.validity.registry import CHECKS
from deeprecon.validity.result import (
    COLUMNS,
    STATUSES,
    Check,
    check_table,
    graded,
    not_run,
    read_checks,
    write_checks,
)


def test_there_is_a_title_of_each_of_the_25_checks():
    assert sorted(CHECKS) == [f"V{i:02d}" for i in range(1, 26)]
    assert len({entry.title for entry in CHECKS.values()}) == 25


def test_what_was_not_run_has_no_number_and_says_why():
    check = not_run("One seed only.", "sub-01")
    assert (check.status, check.sentence, check.about) == ("NOT RUN", "One seed only.", "sub-01")
    assert math.isnan(check.value)


@pytest.mark.parametrize(
    ("fail", "warn", "status"),
    [
        (False, False, "PASS"),
        (False, True, "WARN"),
        (True, False, "FAIL"),
        (True, True, "FAIL"),
    ],
)
def test_a_failure_outweighs_a_warning(fail, warn, status):
    check = graded(3, fail=fail, warn=warn, threshold="0", sentence="Three.")
    assert check.status == status
    assert status in STATUSES


def test_a_table_is_in_the_order_of_the_checks_and_keeps_that_of_equal_ones():
    parts = [("V10", "b"), ("V02", "z"), ("V10", "a")]
    table = check_table(
        Check(name, "PASS", 0.0, "0", "Fine.", about, f"title of {name}") for name, about in parts
    )
    assert tuple(table.columns) == COLUMNS
    assert list(zip(table["id"], table["about"], strict=True)) == [
        ("V02", "z"),
        ("V10", "b"),
        ("V10", "a"),
    ]
    assert list(table["title"]) == ["title of V02", "title of V10", "title of V10"]


def test_a_file_gives_back_what_was_written(tmp_path):
    checks = [
        Check("V01", "FAIL", 2.0, "0", '2 of 50; a, b\tand "c".', "NA"),
        Check("V04", "WARN", 0.25, "at most 0.2", "25 %.", "sub-01, V1, natural"),
        Check("V17", "PASS", -1.5e-05, "at least 0.2", "null"),
    ]
    path = tmp_path / "folder" / "checks.tsv"
    write_checks(path, checks)
    assert read_checks(path) == checks


def test_a_file_keeps_that_a_check_has_no_number(tmp_path):
    write_checks(tmp_path / "checks.tsv", [not_run("Too few images.")])
    (check,) = read_checks(tmp_path / "checks.tsv")
    assert (check.status, check.sentence, check.threshold) == ("NOT RUN", "Too few images.", "")
    assert math.isnan(check.value)


def test_a_file_of_no_checks_is_read_as_none(tmp_path):
    write_checks(tmp_path / "checks.tsv", [])
    assert read_checks(tmp_path / "checks.tsv") == []
