import logging

import numpy as np
import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.evaluate.legacy import wilcoxon_legacy
from deeprecon.evaluate.suite import VERSION, pixel_scores
from deeprecon.evaluate.table import (
    COLUMNS,
    CONTROL,
    IMAGE_COLUMNS,
    RECONSTRUCTION,
    TRUE_FEATURES,
    Tests,
    read_scores,
    score_table,
)
from deeprecon.stats.bootstrap import bootstrap_ci, bootstrap_identification_ci
from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import two_way_identification
from deeprecon.stats.permutation import permutation_test
from deeprecon.tables import write_table

KEYS = {"subject": "sub-01", "roi": "VC", "method": "pixel-2019", "set": "test"}
IDS = ["n01", "n02", "n03", "n04", "n05"]
FAST = Tests(seed=0, n_permutations=200, n_bootstrap=200)


def make_sets():
    """True images, reconstructions, a control (other images), and images closer to the truth."""
    rng = np.random.default_rng(0)
    true, noise = rng.integers(0, 256, (2, 5, 16, 16, 3))
    recon = 0.03 * true + 0.97 * noise  # so bad that few scores are 0 or 1
    return [x.astype(np.uint8) for x in (true, recon, recon[[1, 2, 3, 4, 0]], 0.8 * true)]


def tables(tests=FAST, ids=IDS, keys=KEYS, missing=None, recon=None, **baselines):
    true, good, *_ = make_sets()
    conditions = {RECONSTRUCTION: good if recon is None else recon, **baselines}
    scores = {name: list(pixel_scores(true, images)) for name, images in conditions.items()}
    return score_table(
        scores, keys=keys, stimulus_id=ids, resampling="area", tests=tests, missing=missing
    )


def pick(table, metric, direction="recon", condition=RECONSTRUCTION):
    rows = table[(table.metric == metric) & (table.direction == direction)]
    return rows[rows.condition == condition].squeeze(axis=0) if "condition" in rows else rows


def test_every_score_of_a_condition_has_a_row_and_so_has_every_image():
    true, recon, control, better = make_sets()
    whole, images = tables(**{CONTROL: control, TRUE_FEATURES: better, "mean_training": control})
    assert tuple(whole.columns) == COLUMNS
    assert tuple(images.columns) == IMAGE_COLUMNS
    assert not whole.duplicated(["condition", "metric", "direction"]).any()
    assert not images.duplicated(["stimulus_id", "metric", "direction"]).any()
    assert set(whole.condition) == {RECONSTRUCTION, CONTROL, TRUE_FEATURES, "mean_training"}
    n_scores = (whole.condition == RECONSTRUCTION).sum()
    assert len(images) == 5 * n_scores
    assert (whole[list(KEYS)] == list(KEYS.values())).all(axis=None)
    assert (whole.version == VERSION).all()
    assert (whole[whole["size"] == 16].resampling == "area").all()
    assert (whole[whole["size"] == 425].resampling == "area, then bilinear").all()
    assert set(whole["size"]) == {16, 425}

    for direction in ("recon", "true"):
        row = pick(whole, "pixel_identification", direction)
        values = [
            two_way_identification(similarity_matrix(true, x), direction)
            for x in (recon, control, better)
        ]
        assert [row.value, row.permuted_control, row.true_features] == [x.mean() for x in values]
        columns = ("value", "permuted_control", "true_features")
        rows = pick(images, "pixel_identification", direction).set_index("stimulus_id")
        assert list(rows.index) == IDS
        for column, expected in zip(columns, values, strict=True):
            np.testing.assert_array_equal(rows[column], expected)
    assert pick(whole, "pixel_identification", condition=CONTROL).value == values[1].mean()


def test_intervals_and_p_values_come_from_the_statistics():
    true, recon, *_ = make_sets()
    whole, _ = tables()
    similarity = similarity_matrix(true, recon)
    row = pick(whole, "pixel_identification")
    interval = bootstrap_identification_ci(similarity, 200, seed=0)
    assert (row.ci_low, row.ci_high) == (interval.low, interval.high)
    assert row.p == permutation_test(similarity, 200, 0).p_value
    assert row.p_wilcoxon == wilcoxon_legacy(two_way_identification(similarity))
    row = pick(whole, "ssim", "own")
    rows = pick(tables()[1], "ssim", "own")
    interval = bootstrap_ci(rows.value, 200, seed=0)
    assert (row.ci_low, row.ci_high) == (interval.low, interval.high)
    assert np.isnan(row.p)
    tested = whole[(whole.direction == "recon") & whole.p.notna()]
    np.testing.assert_array_equal(tested.p_holm, holm(tested.p))
    assert whole[whole.direction == "true"].p_holm.isna().all()


def test_what_was_not_computed_has_a_row_with_the_reason():
    whole, images = tables(missing={"clip": "not computed: weights missing: ViT-L-14.pt"})
    row = whole[whole.metric == "clip"].squeeze(axis=0)
    assert np.isnan(row.value)
    assert row.n == 0
    assert row.note == "not computed: weights missing: ViT-L-14.pt"
    assert "clip" not in set(images.metric)


def test_blank_reconstructions_count_as_missed_and_are_reported(caplog):
    recon = make_sets()[1]
    recon[2] = 128
    with caplog.at_level(logging.WARNING):
        whole, images = tables(recon=recon)
    row = pick(whole, "pixel_correlation", "own")
    assert row.n == 4
    assert row.value == pytest.approx(pick(images, "pixel_correlation", "own").value.mean())
    assert "sub-01 VC pixel-2019 test: 1 of 5 images have no defined pixel_correlation" in (
        caplog.text
    )
    rows = pick(images, "pixel_identification").set_index("stimulus_id")
    assert rows.value["n03"] == 0
    assert pick(whole, "pixel_identification").note == ("5 undefined similarities count as missed")


def test_equal_pictures_of_a_baseline_are_not_warned_of(caplog):
    *_, control, _ = make_sets()
    with caplog.at_level(logging.WARNING):
        tables(prior_only=np.full_like(control, 128))
    assert not caplog.text


def test_one_image_has_no_identification_and_no_interval():
    true, recon, *_ = make_sets()
    scores = {RECONSTRUCTION: list(pixel_scores(true[:1], recon[:1]))}
    whole, images = score_table(
        scores, keys=KEYS, stimulus_id=["n01"], resampling="area", tests=FAST
    )
    assert set(whole.direction) == {"own"}
    assert whole.ci_low.isna().all()
    assert len(images) == len(whole)


def test_two_images_are_scored_without_an_interval():
    true, recon, *_ = make_sets()
    scores = {RECONSTRUCTION: list(pixel_scores(true[:2], recon[:2]))}
    whole, _ = score_table(scores, keys=KEYS, stimulus_id=IDS[:2], resampling="area", tests=FAST)
    row = pick(whole, "pixel_identification")
    assert 0 <= row.value <= 1
    assert np.isnan(row.ci_low)
    assert row.p >= 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": IDS[:4]}, "5 images but 4 stimulus_id in set 'test'"),
        ({"ids": ["n01"] * 5}, "expected some unique names"),
        ({"ids": []}, "expected some unique names"),
        ({"keys": {"subject": "sub-01"}}, "keys are"),
    ],
)
def test_names_that_do_not_fit_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        tables(**change)


def test_tables_read_back_with_ids_as_text(tmp_path):
    whole, images = tables(ids=["01", "02", "3.10", "4", "5"], missing={"clip": "not computed"})
    for table in (whole, images):
        write_table(tmp_path / "table.tsv", table, digits=None)
        back = read_scores(tmp_path / "table.tsv")
        pd.testing.assert_frame_equal(back, table, check_dtype=False)
        both = read_scores(tmp_path / "table.tsv", tmp_path / "table.tsv")
        assert len(both) == 2 * len(table)
