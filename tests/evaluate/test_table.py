import io
import logging

import numpy as np
import pandas as pd
import pytest

from deeprecon.errors import InputError
from deeprecon.evaluate.metrics import (
    pixel_correlation,
    similarity_matrix,
    ssim,
    two_way_identification,
)
from deeprecon.evaluate.statistics import (
    bootstrap_ci,
    bootstrap_identification_ci,
    permutation_test,
)
from deeprecon.evaluate.table import COLUMNS, evaluate_set, feature_identification_rows

KEYS = {"subject": "sub-01", "roi": "VC", "method": "pixel-2019", "set": "test"}
IDS = ["n01", "n02", "n03", "n04", "n05"]
FAST = {"keys": KEYS, "n_permutations": 200, "n_bootstrap": 200}


def make_sets():
    """True images, reconstructions, floor (others' images) and ceiling (closer to the truth)."""
    rng = np.random.default_rng(0)
    true, noise = rng.integers(0, 256, (2, 5, 16, 16, 3))
    recon = 0.03 * true + 0.97 * noise  # so bad that few scores are 0 or 1
    return [x.astype(np.uint8) for x in (true, recon, recon[[1, 2, 3, 4, 0]], 0.8 * true)]


def pick(table, metric, direction, stimulus_id=None):
    """Rows of one score: one image, or all of them in order."""
    rows = table[(table.metric == metric) & (table.direction == direction)]
    if stimulus_id is not None:
        return rows[rows.stimulus_id == stimulus_id].squeeze(axis=0)
    return rows[rows.stimulus_id != "all"]


GROUPS = ["a", "a", "b", "c", "c"]


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_each_score_has_its_row(groups):
    true, recon, floor, ceiling = make_sets()
    table = evaluate_set(
        true, recon, floor=floor, ceiling=ceiling, stimulus_id=IDS, groups=groups, **FAST
    )
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 4 * 6
    assert not table.duplicated(["stimulus_id", "metric", "direction"]).any()
    assert (table[list(KEYS)] == list(KEYS.values())).all(axis=None)

    def identify(images, fixed):
        return two_way_identification(similarity_matrix(true, images), fixed, groups)

    for metric, direction, score in [
        ("pixel_correlation", "own", lambda images: pixel_correlation(true, images)),
        ("ssim", "own", lambda images: ssim(true, images)),
        ("pixel_identification", "recon", lambda images: identify(images, "recon")),
        ("pixel_identification", "true", lambda images: identify(images, "true")),
    ]:
        rows, whole = pick(table, metric, direction), pick(table, metric, direction, "all")
        assert list(rows.stimulus_id) == IDS
        assert (whole.n, set(rows.n)) == (5, {1})
        for column, images in (("value", recon), ("floor", floor), ("ceiling", ceiling)):
            np.testing.assert_allclose(rows[column], score(images))
            assert whole[column] == pytest.approx(score(images).mean())
        if direction == "own":
            interval, p = bootstrap_ci(score(recon), 200, groups=groups), np.nan
        else:
            similarity = similarity_matrix(true, recon)
            interval = bootstrap_identification_ci(similarity, 200, fixed=direction, groups=groups)
            p = permutation_test(similarity, 200, fixed=direction, groups=groups).p_value
        found = (whole.ci_low, whole.ci_high, whole.p)
        assert found == pytest.approx((interval.low, interval.high, p), nan_ok=True)
        assert rows[["ci_low", "ci_high", "p"]].isna().all(axis=None)


def test_perfect_reconstructions_of_five_images():
    true = make_sets()[0]
    table = evaluate_set(true, true, stimulus_id=IDS, **FAST).set_index("stimulus_id").loc["all"]
    np.testing.assert_allclose(table[["value", "ci_low", "ci_high"]], 1)
    assert table[["floor", "ceiling"]].isna().all(axis=None)
    is_test = table.metric == "pixel_identification"
    np.testing.assert_allclose(table.p[is_test], 1 / 120)  # all 5! pairings
    assert table.p[~is_test].isna().all()


def test_constant_reconstruction_is_counted_and_told(caplog):
    true, recon, *_ = make_sets()
    recon[2] = 90
    with caplog.at_level(logging.WARNING):
        table = evaluate_set(true, recon, stimulus_id=IDS, groups=GROUPS, **FAST)
    whole = pick(table, "pixel_correlation", "own", "all")
    expected = bootstrap_ci(
        np.delete(pixel_correlation(true, recon), 2), 200, groups=["a", "a", "c", "c"]
    )
    assert whole.n == 4
    assert tuple(whole[["value", "ci_low", "ci_high"]]) == pytest.approx(
        (expected.estimate, expected.low, expected.high)
    )
    image = pick(table, "pixel_correlation", "own", "n03")
    assert np.isnan(image.value)
    assert image.n == 0
    assert pick(table, "pixel_identification", "recon", "n03").value == 0
    assert "1 of 5 images have no defined pixel_correlation" in caplog.text
    assert "5 of 25 similarities of pixel_identification are undefined" in caplog.text


def test_all_constant_reconstructions_have_no_correlation():
    true = make_sets()[0]
    table = evaluate_set(true, np.full_like(true, 90), stimulus_id=IDS, **FAST)
    whole = pick(table, "pixel_correlation", "own", "all")
    assert whole.n == 0
    assert whole[["value", "ci_low", "ci_high"]].isna().all()
    assert pick(table, "pixel_identification", "recon", "all")[["value", "p"]].tolist() == [0, 1]


def test_a_table_survives_its_file_and_its_seed():
    true, recon, *_ = make_sets()
    table = evaluate_set(true, recon, stimulus_id=IDS, **FAST)
    pd.testing.assert_frame_equal(table, evaluate_set(true, recon, stimulus_id=IDS, **FAST))
    text = table.to_csv(sep="\t", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(text), sep="\t"), table)
    other = evaluate_set(true, recon, stimulus_id=IDS, seed=1, **FAST)
    assert not table.ci_low.equals(other.ci_low)


def test_feature_rows_are_named_by_layer():
    rng = np.random.default_rng(0)
    true = {"conv1_1": rng.normal(size=(5, 4, 3, 3)), "fc6": rng.normal(size=(5, 40))}
    recon = {layer: x + rng.normal(size=x.shape) for layer, x in true.items()}
    floor = {layer: np.roll(x, 1, axis=0) for layer, x in recon.items()}
    table = feature_identification_rows(
        true, recon, floor=floor, ceiling=true, stimulus_id=IDS, **FAST
    )
    assert tuple(table.columns) == COLUMNS
    assert list(table.metric.unique()) == ["identification_conv1_1", "identification_fc6"]
    for layer, fixed in [("conv1_1", "recon"), ("fc6", "true")]:
        rows = pick(table, f"identification_{layer}", fixed)
        for column, features in (("value", recon), ("floor", floor), ("ceiling", true)):
            expected = two_way_identification(
                similarity_matrix(true[layer], features[layer]), fixed
            )
            np.testing.assert_allclose(rows[column], expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": {"subject": "sub-01"}}, r"\['subject'\], expected .*'roi'"),
        ({"stimulus_id": IDS[:4]}, "5 images but 4 stimulus_id in set 'test'"),
        ({"stimulus_id": [*IDS[:4], "n01"]}, "set 'test': expected unique names"),
        ({"stimulus_id": [*IDS[:4], "all"]}, "other than 'all'"),
        ({"groups": ["a", "b"]}, "groups has 2 entries but stimulus_id 5"),
        ({"floor": np.zeros((5, 8, 8, 3))}, r"floor images \(5, 8, 8, 3\)"),
        ({"ceiling": np.zeros((4, 16, 16, 3))}, r"ceiling images \(4, 16, 16, 3\)"),
    ],
)
def test_sets_that_do_not_fit_are_refused(changes, message):
    true, recon, *_ = make_sets()
    with pytest.raises(InputError, match=message):
        evaluate_set(true, recon, **({"stimulus_id": IDS} | FAST | changes))


@pytest.mark.parametrize("part", ["recon", "floor", "ceiling"])
def test_missing_layers_are_named(part):
    features = {"fc6": np.random.default_rng(0).normal(size=(5, 7))}
    parts = {"recon": features, "floor": features, "ceiling": features} | {part: {}}
    with pytest.raises(InputError, match=f"{part} features: no layer 'fc6'"):
        feature_identification_rows(features, stimulus_id=IDS, **parts, **FAST)


def test_no_layer_is_refused():
    with pytest.raises(InputError, match="no layer"):
        feature_identification_rows({}, {}, stimulus_id=IDS, **FAST)
