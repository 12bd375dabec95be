"""Before any data: how precise a study of so many raters and trials will be, by simulation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy.special import expit

from deeprecon.errors import InputError
from deeprecon.judge.analysis.selection import WITH_ANSWER
from deeprecon.judge.analysis.statistics import two_way_interval
from deeprecon.judge.simulate import ability_for

N_RATERS = (6, 12, 20, 40)
N_TRIALS = (50, 100, 150, 300)
SCORED = 0.88
"""Share of trials that are neither catches nor repeats."""
_CONDITION = ["subject", "roi", "foil_roi", "method", "foil_method", "set", "aspect"]


def power_table(
    n_raters: Sequence[int],
    n_trials: Sequence[int],
    *,
    n_images: int,
    n_conditions: int,
    accuracy: float = 0.75,
    rater_sd: float = 0.5,
    item_sd: float = 1.0,
    n_studies: int = 60,
    n_resamples: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Half the width of the 95 % interval of one condition's accuracy.

    Parameters
    ----------
    n_raters, n_trials : numbers to be tried; trials of a rater, catches and repeats included
    n_images : images of a condition
    n_conditions : among which a rater's trials are split
    accuracy : true mean accuracy
    rater_sd, item_sd : how raters and images differ, in logits
    n_studies : simulated for each row
    n_resamples : of the bootstrap of each
    seed : int

    Returns
    -------
    DataFrame
        A row for each number of raters and trials: raters, trials, images, answers (to one
        condition, of all raters), half_width (mean over studies, of `two_way_interval`).

    Raises
    ------
    InputError
        If a number is below 1.

    Examples
    --------
    >>> table = power_table([4, 16], [100], n_images=20, n_conditions=1, n_studies=5)
    >>> bool(table["half_width"].is_monotonic_decreasing)
    True
    """
    for name, least in (
        ("n_raters", min(n_raters)), ("n_trials", min(n_trials)), ("n_images", n_images),
        ("n_conditions", n_conditions), ("n_studies", n_studies),
    ):  # fmt: skip
        if least < 1:
            raise InputError(f"{name}: found {least}, expected at least 1")
    ability = ability_for(accuracy, float(np.hypot(rater_sd, item_sd)))
    rows = []
    for raters in n_raters:
        for trials in n_trials:
            answers = max(1, round(SCORED * trials * raters / n_conditions))
            rng = np.random.default_rng([seed, raters, trials])
            widths = [
                _half_width(raters, n_images, answers, ability, rater_sd, item_sd, n_resamples, rng)
                for _ in range(n_studies)
            ]
            rows.append((raters, trials, n_images, answers, float(np.nanmean(widths))))
    return pd.DataFrame(rows, columns=["raters", "trials", "images", "answers", "half_width"])


def _half_width(
    n_raters: int,
    n_images: int,
    n_answers: int,
    ability: float,
    rater_sd: float,
    item_sd: float,
    n_resamples: int,
    rng: Generator,
) -> float:
    """Of one simulated study; images come in a ring, from rater to rater."""
    place = np.arange(n_answers)
    raters, images = place * n_raters // n_answers, rng.permutation(n_images)[place % n_images]
    logit = ability + rng.normal(0, rater_sd, n_raters)[raters]
    logit += rng.normal(0, item_sd, n_images)[images]
    right = rng.random(n_answers) < expit(logit)
    interval = two_way_interval(right, raters, images, n_resamples, seed=int(rng.integers(2**31)))
    return (interval.high - interval.low) / 2


def study_power(trials: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The table of a study: usual numbers of raters and trials, and those that it has.

    Parameters
    ----------
    trials : DataFrame from `deeprecon.judge.trials.build_trials`
    seed : int

    Returns
    -------
    DataFrame
        As `power_table`, for the first task with a right answer (else for the first), with the
        columns task in front and this_study (bool) at the end.
    """
    tasks = list(trials["task"].unique())
    task = next((name for name in tasks if name in WITH_ANSWER), tasks[0])
    own = trials[trials["task"] == task]
    tests = own[own["kind"] == "test"]
    images = tests.groupby(_CONDITION)["target"].nunique()
    design = {"n_images": round(images.mean()), "n_conditions": len(images), "seed": seed}
    here = round(len(own) / own["list"].nunique())
    table = power_table(N_RATERS, N_TRIALS, **design).assign(this_study=False)
    row = power_table([own["list"].nunique()], [here], **design).assign(this_study=True)
    table = pd.concat([table, row], ignore_index=True)
    table.insert(0, "task", task)
    return table.sort_values(["raters", "trials"], kind="stable").reset_index(drop=True)
