import itertools

import numpy as np
import pandas as pd
import pytest

from deeprecon.evaluate.comparisons import COLUMNS, compare
from deeprecon.stats.bootstrap import bootstrap_ci
from deeprecon.stats.corrections import holm
from deeprecon.stats.permutation import paired_permutation


def image_table(n=8, gain=0.3):
    """Two methods and a control in two regions; method b is better by `gain`."""
    rng = np.random.default_rng(1)
    base = rng.uniform(0.2, 0.5, n)
    rows = [
        {"subject": "sub-01", "roi": roi, "method": method, "set": "natural",
         "stimulus_id": str(i), "metric": metric, "direction": direction,
         "value": base[i] + (method == "b") * gain + 0.01 * rng.standard_normal()}
        for roi in ("V1", "VC") for method in ("a", "b", "control")
        for metric, direction in (("ssim", "own"), ("pixel_identification", "recon"),
                                  ("pixel_identification", "true"), ("brain", "own"))
        for i in range(n)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_methods_are_compared_within_a_region_and_regions_within_a_method():
    table = image_table()
    found = compare(table, leave_out=["control"], n_bootstrap=200)
    assert tuple(found.columns) == COLUMNS
    assert set(found.metric) == {"ssim", "pixel_identification"}
    pairs = {(row.kind, row.a, row.b, row.where) for row in found.itertuples()}
    assert pairs == {
        ("methods", "a", "b", "V1"), ("methods", "a", "b", "VC"),
        ("regions", "V1", "VC", "a"), ("regions", "V1", "VC", "b"),
    }  # fmt: skip
    row = found[(found.kind == "methods") & (found["where"] == "VC") & (found.metric == "ssim")]
    chosen = table[(table.roi == "VC") & (table.metric == "ssim")]
    chosen = chosen.pivot_table("value", "stimulus_id", "method")
    difference = (chosen["a"] - chosen["b"]).to_numpy()
    assert row.difference.item() == pytest.approx(difference.mean())
    assert row.p.item() == paired_permutation(difference, 0 * difference).p_value == 2 / 256
    interval = bootstrap_ci(difference, 200)
    assert (row.ci_low.item(), row.ci_high.item()) == (interval.low, interval.high)
    for _, part in found.groupby("kind"):
        np.testing.assert_array_equal(part.p_holm, holm(part.p))


def test_identification_is_compared_with_the_reconstruction_fixed():
    table = image_table()
    table.loc[table.direction == "true", "value"] = 9.0
    assert compare(table, leave_out=["control"], n_bootstrap=100).difference.abs().max() < 1


def test_images_without_a_score_in_either_are_left_out():
    table = image_table()
    table.loc[(table.method == "a") & (table.stimulus_id == "3"), "value"] = np.nan
    found = compare(table, leave_out=["control"], n_bootstrap=200)
    assert set(found[found.kind == "methods"].n) == {7}


def test_sets_of_other_images_are_not_compared():
    table = image_table()
    table.loc[table.method == "b", "stimulus_id"] += "x"
    assert "methods" not in set(compare(table, leave_out=["control"], n_bootstrap=200).kind)


def test_one_method_in_one_region_leaves_an_empty_table():
    table = image_table()
    found = compare(table[(table.method == "a") & (table.roi == "V1")], n_bootstrap=200)
    assert tuple(found.columns) == COLUMNS
    assert found.empty


def test_every_pair_of_methods_is_there_once():
    names = ["a", "b", "c"]
    table = pd.concat([image_table().query("method == 'a'").assign(method=name) for name in names])
    found = compare(table, ["ssim"], n_bootstrap=100)
    methods = found[(found.kind == "methods") & (found["where"] == "VC")]
    assert list(zip(methods.a, methods.b, strict=True)) == list(itertools.combinations(names, 2))
