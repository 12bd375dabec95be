"""Precision of a planned study."""

import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.judge.power import N_RATERS, N_TRIALS, power_table, study_power
from deeprecon.judge.trials import build_trials
from tests.judge.tables import asked, table

SMALL = {"n_images": 30, "n_conditions": 2, "n_studies": 12, "n_resamples": 200}


def test_more_raters_trials_and_images_increase_precision():
    grid = power_table([4, 24], [40, 240], **SMALL).set_index(["raters", "trials"])["half_width"]
    assert grid[24, 40] < grid[4, 40]
    assert grid[24, 240] < grid[24, 40]
    assert grid[24, 240] < grid[4, 240]
    few = power_table([24], [240], **SMALL | {"n_images": 8})["half_width"][0]
    assert few > grid[24, 240]


def test_precision_agrees_with_the_binomial_formula_for_equal_raters_and_images():
    """Equal raters and images, one answer of each rater to each image: a binomial interval."""
    row = power_table(
        [50], [100], n_images=100, n_conditions=2, rater_sd=0, item_sd=0, n_studies=10, seed=3
    ).iloc[0]
    assert row["answers"] == 2200
    binomial = 1.96 * np.sqrt(0.75 * 0.25 / row["answers"])
    assert binomial < row["half_width"] < 1.6 * binomial


def test_the_same_seed_gives_the_same_table():
    one, other = (power_table([6], [50], **SMALL, seed=4) for _ in range(2))
    assert one.equals(other)
    assert not one.equals(power_table([6], [50], **SMALL, seed=5))


@pytest.mark.parametrize("name", ["n_images", "n_conditions", "n_studies"])
def test_bad_numbers_are_refused(name):
    with pytest.raises(InputError, match=f"{name}: found 0, expected at least 1"):
        power_table([6], [50], **SMALL | {name: 0})
    with pytest.raises(InputError, match="n_raters: found 0"):
        power_table([0], [50], **SMALL)


def test_the_table_of_a_study_has_its_own_design():
    images = table({"n": 20}, methods=("x", "y"))
    tasks = [
        asked("preference", ["x", "y"], ["roi_vc"], trials=20),
        asked("identification", ["x", "y"], ["roi_vc"], trials=60),
    ]
    trials = build_trials(images, tasks, n_raters=9, seed=0)
    power = study_power(trials)
    assert set(power["task"]) == {"identification"}
    own = power[power["this_study"]]
    assert own[["raters", "trials", "images"]].to_numpy().tolist() == [[9, 60, 20]]
    assert len(power) == len(N_RATERS) * len(N_TRIALS) + 1
    assert power["half_width"].between(0, 0.5).all()
