import numpy as np
import pandas as pd

from deeprecon.evaluate.summary import beside_baselines, summary

KEYS = {"subject": "sub-01", "roi": "VC", "method": "all", "set": "natural"}


def row(metric, value, condition="reconstruction", direction="recon", **changes):
    return KEYS | {"condition": condition, "metric": metric, "direction": direction,
                   "value": value, "n": 12} | changes  # fmt: skip


SCORES = pd.DataFrame(
    [
        row("pixel_identification", 0.9),
        row("pixel_identification", 0.1, direction="true"),
        row("pixel_correlation", 0.5, direction="own"),
        row("pixel_correlation", 0.4, direction="own", method="low"),
        row("pixel_correlation", np.nan, "prior_only", "own"),
        row("pixel_correlation", 0.05, "nearest_training", "own"),
        row("pixel_correlation", 0.02, "control", "own"),
        row("mine:edges", 0.6, direction="own"),
        row("clip", np.nan, direction=np.nan, n=0),
        row("identification_b0", 0.7),
    ]
)


def test_scores_stand_side_by_side_in_the_order_of_papers():
    table = summary(SCORES)
    assert list(table.columns) == [
        "subject", "roi", "method", "set", "condition", "n", "pixel_correlation",
        "pixel_identification", "mine:edges",
    ]  # fmt: skip
    first = table[(table.method == "all") & (table.condition == "reconstruction")].iloc[0]
    assert (first.n, first.pixel_correlation, first.pixel_identification) == (12, 0.5, 0.9)
    assert set(table.condition) == {"reconstruction", "nearest_training", "control"}


def test_a_score_beside_what_less_would_score():
    table = beside_baselines(SCORES, "pixel_correlation")
    assert list(table.columns) == [
        "subject", "roi", "method", "set", "control", "nearest_training", "reconstruction",
    ]  # fmt: skip
    assert table.loc[0, ["control", "nearest_training", "reconstruction"]].tolist() == [
        0.02, 0.05, 0.5,
    ]  # fmt: skip
    assert np.isnan(table.loc[1, "control"])


def test_a_study_of_single_images_has_no_identification():
    single = SCORES[SCORES["metric"] != "pixel_identification"]
    table = beside_baselines(single, "pixel_identification")
    assert list(table.columns) == ["subject", "roi", "method", "set"]
    assert table.empty
