"""Too little, undefined or unfitting input: not run and why, or one line of InputError."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.evaluate.table import COLUMNS, IMAGE_COLUMNS
from deeprecon.validity.decoding import (
    at_chance,
    cluster_hold_out,
    collapse,
    control_score,
    normalisation,
    tuning_inputs,
)
from deeprecon.validity.gather import gathered
from deeprecon.validity.images import gain_over_shuffled, scored_is_shown, variety
from deeprecon.validity.result import Check, not_run, read_checks, write_checks
from deeprecon.validity.stimuli import (
    image_overlap,
    imagery_labels,
    inside_clusters,
    nearest_in_features,
)

X = np.random.default_rng(0).normal(size=(30, 6))
PICTURES = np.random.default_rng(1).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
CONSTANT = np.ones((60, 6))
NAN = np.where(np.arange(6) == 0, np.nan, X)


def test_v06_undefined_means_fail():
    assert normalisation({"a": (np.full(6, np.nan), np.ones(6))}, {"a": X}, "").status == "FAIL"
    one = X.mean(axis=0)
    one[3] = np.nan
    assert normalisation({"a": (one, X.std(axis=0, ddof=1))}, {"a": X}, "").status == "FAIL"


ONE, SIX = np.zeros(1), np.zeros(6)


@pytest.mark.parametrize("used", [{}, {"b": (SIX, SIX)}, {"a": (ONE, SIX)}, {"a": (SIX, ONE)}])
def test_v06_means_must_be_of_the_same_columns(used):
    with pytest.raises(InputError, match="means and SDs of a"):
        normalisation(used, {"a": X}, "")


@pytest.mark.parametrize(
    "check",
    [
        lambda: image_overlap(PICTURES, PICTURES[:0], list("abcd"), []),
        lambda: image_overlap(PICTURES[:0], PICTURES, [], list("abcd")),
        lambda: nearest_in_features({"fc": X}, {"fc": CONSTANT}),
        lambda: nearest_in_features({}, {}),
        lambda: inside_clusters(X, CONSTANT),
        lambda: inside_clusters(NAN, np.vstack([X, X])),
        lambda: normalisation({}, {}, ""),
        lambda: tuning_inputs([], ["natural"]),
        lambda: control_score(0.9, math.nan),
        lambda: at_chance({}, {}),
        lambda: collapse({"fc": NAN}, {"fc": X}),
        lambda: collapse({"fc": X}, {"fc": NAN}),
        lambda: variety(np.repeat(PICTURES[:1], 4, axis=0), PICTURES),
        lambda: imagery_labels([]),
    ],
)
def test_nothing_is_passed_of_which_there_is_nothing_to_see(check):
    found = check()
    assert found.status == "NOT RUN"
    assert found.sentence


@pytest.mark.parametrize("n_layers", [1, 19, 60])
def test_v10_a_leak_fails_however_many_layers_there_are(n_layers):
    rng = np.random.default_rng(0)
    true = {f"l{i}": rng.normal(size=(30, 20)) for i in range(n_layers)}
    found = {layer: rng.normal(size=(30, 20)) for layer in true} | {"l0": true["l0"]}
    check = at_chance(found, true)
    assert check.status == "FAIL"
    assert "layer l0" in check.sentence


@pytest.mark.parametrize(("n", "status"), [(3, "NOT RUN"), (4, "NOT RUN"), (5, "FAIL")])
def test_v10_does_not_pass_for_want_of_images(n, status):
    true = {"fc": np.random.default_rng(0).normal(size=(n, 20))}
    assert at_chance(true, true).status == status


@pytest.mark.parametrize("held_out", [{"a": np.nan, "b": -0.1}, {"b": -0.1, "a": np.nan}])
def test_v16_layers_without_accuracy_count_for_nothing(held_out):
    assert cluster_hold_out({"a": 0.3, "b": 0.3}, held_out).status == "FAIL"


@pytest.mark.parametrize("other", [np.zeros(4), np.zeros(1)])
def test_v12_scores_must_be_of_the_same_images(other):
    with pytest.raises(InputError, match="one for each image"):
        gain_over_shuffled({"reconstruction": np.ones(5), "shuffled_features": other})


def test_v25_as_many_pictures_must_be_shown_as_were_scored():
    with pytest.raises(InputError, match="3 images are shown, but 4 were scored"):
        scored_is_shown(PICTURES, list(PICTURES[:3]))


def test_what_several_jobs_did_not_run_stands_once(tmp_path):
    one = replace(not_run("Too few.", "sub-01"), id="V16")
    write_checks(tmp_path / "checks.tsv", [one])
    twice = read_checks(tmp_path / "checks.tsv", tmp_path / "checks.tsv")
    tables = [pd.DataFrame(columns=list(names)) for names in (COLUMNS, IMAGE_COLUMNS)]
    checks = gathered(twice, *tables, control=None, retrained=True)
    assert [check.id for check in checks].count("V16") == 1


def test_a_file_keeps_all_digits(tmp_path):
    check = Check("V01", "PASS", 0.1 + 0.2, "0", "x")
    write_checks(tmp_path / "checks.tsv", [check])
    assert read_checks(tmp_path / "checks.tsv") == [check]


def test_a_file_without_a_column_is_named(tmp_path):
    (tmp_path / "checks.tsv").write_text("id\tstatus\nV01\tPASS\n")
    with pytest.raises(InputError, match=r"checks\.tsv: no column 'title'"):
        read_checks(tmp_path / "checks.tsv")
