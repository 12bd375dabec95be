"""The list of all checks of a study, and the figure of it."""

import math

import numpy as np
import pandas as pd
import pytest

from deeprecon.evaluate.table import COLUMNS, IMAGE_COLUMNS
from deeprecon.report.check_plot import plot_checks
from deeprecon.validity.gather import gathered, over_seeds, permuted_labels
from deeprecon.validity.registry import CHECKS
from deeprecon.validity.result import Check

FOUND = [Check("V11", "PASS", 0.99, "at least 0.95", "Found.", "dgn, natural")]
PLACE = {"subject": "sub-01", "roi": "VC", "set": "natural"}


def scores(*rows: dict[str, object]) -> pd.DataFrame:
    """A table of scores; of each row only what differs from pixel identification of the control."""
    usual = PLACE | {"method": "control", "condition": "reconstruction", "direction": "recon"}
    usual |= {"metric": "pixel_identification", "value": 0.5, "p": 0.5}
    return pd.DataFrame([usual | row for row in rows], columns=list(COLUMNS))


def images(values: dict[str, np.ndarray]) -> pd.DataFrame:
    """Pixel correlations (n_images,) of each method, image by image."""
    rows = [
        PLACE
        | {"method": method, "stimulus_id": f"i{k}", "metric": "pixel_correlation"}
        | {"direction": "own", "value": value}
        for method, part in values.items()
        for k, value in enumerate(part)
    ]
    return pd.DataFrame(rows, columns=list(IMAGE_COLUMNS))


def all_checks(found=(), control=None, retrained=False, table=None, of_images=None) -> list[Check]:
    table = scores() if table is None else table
    of_images = images({}) if of_images is None else of_images
    return gathered(list(found), table, of_images, control=control, retrained=retrained)


def test_every_check_is_named_once_and_in_order_though_one_alone_was_run():
    checks = all_checks(FOUND)
    assert [check.id for check in checks] == sorted(CHECKS)
    assert [check for check in checks if check.status != "NOT RUN"] == FOUND


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("V08", {}, "evaluate.permuted_control"),
        ("V09", {}, "evaluate.retrain"),
        ("V10", {}, "evaluate.retrain"),
        ("V16", {}, "evaluate.retrain"),
        ("V16", {"retrained": True}, "Nothing in this study"),
        ("V20", {}, "seeds"),
        ("V18", {}, "Nothing in this study"),
    ],
)
def test_a_check_that_was_not_run_says_what_it_needs(name, options, why):
    (check,) = [check for check in all_checks(**options) if check.id == name]
    assert check.status == "NOT RUN"
    assert why in check.sentence


def test_what_several_jobs_found_of_the_same_part_stands_once():
    other = Check("V11", "PASS", 0.99, "at least 0.95", "Found.", "dgn, shapes")
    checks = [check for check in all_checks([*FOUND, other, *FOUND]) if check.id == "V11"]
    assert checks == [*FOUND, other]


@pytest.mark.parametrize(("p", "status"), [(0.5, "PASS"), (0.03, "WARN"), (0.001, "FAIL")])
def test_v08_the_control_is_judged_by_its_p_value(p, status):
    (check,) = permuted_labels(scores({"value": 0.61, "p": p}), "control")
    assert (check.id, check.status, check.value) == ("V08", status, 0.61)
    assert check.about == "sub-01, VC, control, natural"


def test_v08_looks_at_reconstructions_of_the_control_alone():
    table = scores(
        {"method": "dgn", "p": 0.001},
        {"condition": "nearest_training", "p": 0.001},
        {"direction": "true", "p": 0.001},
        {"metric": "ssim", "p": 0.001},
        {},
    )
    assert [check.status for check in permuted_labels(table, "control")] == ["PASS"]
    assert permuted_labels(table, None) == []


def seeds(shift: float) -> dict[str, np.ndarray]:
    """Five seeds of a method, each `shift` better than the one before, on twenty images."""
    of_image = np.linspace(0.2, 0.8, 20)
    return {f"dgn_seed{k}": of_image + shift * k for k in range(1, 6)}


@pytest.mark.parametrize(("shift", "status"), [(0.01, "PASS"), (0.5, "FAIL")])
def test_v20_methods_that_differ_by_their_seed_are_compared(shift, status):
    (check,) = over_seeds(images(seeds(shift)))
    assert (check.id, check.status, check.about) == ("V20", status, "sub-01, VC, dgn, natural")
    assert check.value == pytest.approx(shift * math.sqrt(2.5))  # SD of 1 ... 5
    assert "5 seeds" in check.sentence


def test_v20_other_methods_are_none_of_the_seeds():
    values = seeds(0.01) | {"dgn": np.zeros(20), "dgn_seeded": np.zeros(20)}
    assert over_seeds(images(values)) == over_seeds(images(seeds(0.01)))
    assert over_seeds(images({"dgn": np.zeros(20)})) == []


def test_the_figure_has_a_bar_of_every_check_with_its_number():
    twice = [*FOUND, Check("V11", "FAIL", 0.5, "at least 0.95", "Lost.", "dgn, shapes")]
    figure = plot_checks(all_checks(twice), "Simulated brain data.")
    (axis,) = figure.axes
    named = [label.get_text().split()[0] for label in axis.get_yticklabels()]
    assert named == sorted(CHECKS)
    numbers = [text.get_text() for text in axis.texts]
    assert len(numbers) == 26 and set(numbers) == {"1"}  # V11 failed once and passed once
    assert "Simulated brain data." in figure.get_supxlabel()
