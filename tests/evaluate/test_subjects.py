import numpy as np
import pandas as pd
import pytest
from scipy import stats

from deeprecon.errors import InputError
from deeprecon.evaluate.subjects import COLUMNS, joint_bootstrap_ci, over_subjects
from deeprecon.stats.bootstrap import bootstrap_ci
from deeprecon.targets import AVERAGE

KEYS = {"roi": "VC", "method": "m", "set": "natural"}


def tables(values, p_holm=None, chance=0.5, metric="pixel_identification", direction="recon"):
    """Both tables for each subject's scores of the same images, (subjects, images)."""
    about = {**KEYS, "metric": metric, "direction": direction}
    p_holm = [0.01] * len(values) if p_holm is None else p_holm
    whole, images = [], []
    for k, (scores, p) in enumerate(zip(values, p_holm, strict=True)):
        subject = f"sub-{k:02d}"
        whole.append(
            {**about, "subject": subject, "condition": "reconstruction", "chance": chance}
            | {"value": np.nanmean(scores), "p_holm": p}
        )
        images += [
            {**about, "subject": subject, "stimulus_id": f"i{j:02d}", "value": score}
            for j, score in enumerate(scores)
        ]
    return pd.DataFrame(whole), pd.DataFrame(images)


def only(values, **options):
    """The one row for these scores."""
    found = over_subjects(*tables(values, **options), n_bootstrap=199)
    assert tuple(found.columns) == COLUMNS
    assert len(found) == 1
    return found.iloc[0]


def test_mean_range_and_significant_subjects():
    values = np.array([[0.9, 0.7], [0.6, 0.4], [1.0, 0.9]])
    row = only(values, p_holm=[0.01, 0.2, 0.049])
    assert row["value"] == pytest.approx(0.75)
    assert (row["lowest"], row["highest"]) == pytest.approx((0.5, 0.95))
    assert (row["n_subjects"], row["n_significant"]) == (3, 2)
    assert row["subjects"] == "sub-00, sub-01, sub-02"


def test_images_are_drawn_jointly():
    values = np.random.default_rng(0).uniform(size=(3, 12))
    row, expected = only(values), bootstrap_ci(values.mean(axis=0), 199)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high))


def test_stimuli_are_matched_by_name():
    values = np.random.default_rng(0).uniform(size=(3, 12))
    whole, images = tables(values)
    shuffled = images.sample(frac=1, random_state=0)
    for column in ("ci_low", "ci_high"):
        found = over_subjects(whole, shuffled, 199)[column]
        assert found.tolist() == pytest.approx(over_subjects(whole, images, 199)[column].tolist())


def test_equal_subjects_are_no_more_images():
    values = np.random.default_rng(0).uniform(size=12)
    joint, one = joint_bootstrap_ci([values] * 5, 299), bootstrap_ci(values, 299)
    assert (joint.low, joint.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize("n_above", [0, 4, 6, 7])
def test_sign_test_over_seven_subjects(n_above):
    values = np.full((7, 3), 0.25)
    values[:n_above] = 0.75
    row = only(values)
    assert row["p_subjects"] == pytest.approx(stats.binomtest(n_above, 7).pvalue)
    assert row["note"] == ""


def test_five_subjects_are_no_population():
    row = only(np.full((5, 4), 0.9))
    assert np.isnan(row["p_subjects"])
    assert row["note"] == "5 subjects are too few for a test over subjects"
    assert only(np.full((6, 4), 0.9))["p_subjects"] == pytest.approx(2 / 64)


def test_without_a_chance_level_there_is_no_test():
    row = only(np.full((8, 4), 0.9), chance=np.nan, metric="ssim", direction="own")
    assert np.isnan(row["p_subjects"])
    assert row["note"] == "no chance level"


def test_one_subject_and_the_average_subject_are_left_out():
    whole, images = tables(np.full((3, 4), 0.9))
    names = {"sub-02": AVERAGE}
    found = over_subjects(*(each.replace({"subject": names}) for each in (whole, images)), 99)
    assert found["subjects"].tolist() == ["sub-00, sub-01"]
    names |= {"sub-01": AVERAGE}
    assert over_subjects(*(t.replace({"subject": names}) for t in (whole, images)), 99).empty


def test_baselines_are_left_out():
    whole, images = tables(np.full((2, 4), 0.9))
    other = whole.assign(condition="mean image", value=0.1)
    row = over_subjects(pd.concat([whole, other]), images, 99).iloc[0]
    assert (row["value"], row["n_subjects"]) == (pytest.approx(0.9), 2)


def test_other_numbers_of_images_are_refused():
    with pytest.raises(InputError, match="expected one"):
        joint_bootstrap_ci([np.ones(3), np.ones(4)])
