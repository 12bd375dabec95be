import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from deeprecon.evaluate.vividness import COLUMNS, mean_vividness, vividness_table
from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import rank_correlation

RATINGS = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 4.0, 1.0])
BLOCKS = pd.DataFrame(
    {
        "set": ["imagery"] * 16 + ["natural"] * 2,
        "stimulus_id": [*map(str, range(8))] * 2 + ["0", "1"],
        "vividness": [*RATINGS, *RATINGS[:7], np.nan, np.nan, np.nan],
    }
)


def images(values, metric="pixel_correlation", direction="own", **changes):
    table = pd.DataFrame({"stimulus_id": [str(i) for i in range(8)], "value": values})
    place = {"subject": "sub-01", "roi": "VC", "method": "all", "set": "imagery"}
    return table.assign(metric=metric, direction=direction, **place | changes)


@pytest.mark.parametrize("seed", range(3))
def test_rho_is_scipys_and_p_near_it(seed):
    a, b = np.random.default_rng(seed).integers(0, 6, (2, 30)).astype(float)
    b += 0.4 * a
    expected = spearmanr(a, b)
    rho, p = rank_correlation(a, b)
    assert rho == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, abs=0.02)


def test_ratings_are_averaged_and_unrated_blocks_left_out():
    found = mean_vividness(BLOCKS)
    assert list(found.index.get_level_values("set").unique()) == ["imagery"]
    np.testing.assert_array_equal(found["imagery"].to_numpy(), RATINGS)


def test_a_score_that_follows_the_ratings_is_found():
    noise = np.random.default_rng(0).standard_normal(8)
    table = pd.concat(
        [
            images(RATINGS / 5), images(noise, roi="V1"), images(noise, set="natural"),
            images(RATINGS / 5, "pixel_identification", "true"),
        ]
    )  # fmt: skip
    found = vividness_table(table, {"sub-01": BLOCKS}, n_permutations=999)
    assert tuple(found.columns) == COLUMNS
    assert found.roi.tolist() == ["VC", "V1"]  # of the rated set, in the direction of the field
    assert found.rho[0] == pytest.approx(1)
    assert found.p[0] < 0.01 < found.p[1]
    np.testing.assert_array_equal(found.p_holm, holm(found.p))


@pytest.mark.parametrize("values", [[np.nan] * 5 + [1, 2, 3], [0.5] * 8])
def test_too_few_or_equal_scores_have_no_row(values):
    assert vividness_table(images(values), {"sub-01": BLOCKS}).empty


def test_without_ratings_there_is_an_empty_table():
    found = vividness_table(images(RATINGS), {"sub-01": BLOCKS.assign(vividness=np.nan)})
    assert tuple(found.columns) == COLUMNS
    assert found.empty
