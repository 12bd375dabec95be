"""How precise a study with a given number of raters and trials will be, by simulation."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from deeprecon.errors import InputError
from deeprecon.judge.analysis.selection import WITH_ANSWER
from deeprecon.judge.analysis.statistics import two_way_interval
from deeprecon.judge.questions import CONDITION

N_RATERS = (6, 12, 20, 40)
N_TRIALS = (50, 100, 150, 300)
ACCURACY = 0.75
"""Mean accuracy of simulated studies."""
SCORED = 0.88
"""Share of trials that are neither catches nor repeats."""


def mean_accuracy(ability: float, sd: float) -> float:
    """Mean probability of a correct answer if logits are normally distributed.

    Parameters
    ----------
    ability, sd : mean and standard deviation of the logits

    Examples
    --------
    >>> round(mean_accuracy(1.0, 0.0), 3), round(mean_accuracy(1.0, 1.0), 3)
    (0.731, 0.697)
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return float((expit(ability + sd * nodes) * weights).sum() / weights.sum())


def ability_for(accuracy: float, sd: float) -> float:
    """Mean logit that gives an accuracy: the inverse of `mean_accuracy`.

    Raises
    ------
    InputError
        If the accuracy is not between 0 and 1.

    Examples
    --------
    >>> round(mean_accuracy(ability_for(0.75, 1.2), 1.2), 6)
    0.75
    """
    if not 0 < accuracy < 1:
        raise InputError(f"accuracy: found {accuracy}, expected between 0 and 1")
    limit = 50 * (1 + sd)
    return float(brentq(lambda ability: mean_accuracy(ability, sd) - accuracy, -limit, limit))


def power_table(
    n_raters: Sequence[int],
    n_trials: Sequence[int],
    *,
    n_images: int,
    n_conditions: int,
    rater_sd: float = 0.5,
    item_sd: float = 1.0,
    n_studies: int = 60,
    n_resamples: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Half-width of the 95 % confidence interval of the accuracy in one condition.

    Parameters
    ----------
    n_raters, n_trials : numbers to try; trials per rater, including catches and repeats
    n_images : images per condition
    n_conditions : number of conditions among which a rater's trials are divided
    rater_sd, item_sd : standard deviations of raters and of images (logits)
    n_studies : simulated studies per row, with a mean accuracy of `ACCURACY`
    n_resamples : bootstrap resamples per study
    seed : int

    Returns
    -------
    DataFrame
        A row for each number of raters and trials: raters, trials, images, answers (of all raters
        to one condition), half_width (of `two_way_interval`, mean over studies).

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
    for name, smallest in (
        ("n_raters", min(n_raters)), ("n_trials", min(n_trials)), ("n_images", n_images),
        ("n_conditions", n_conditions), ("n_studies", n_studies),
    ):  # fmt: skip
        if smallest < 1:
            raise InputError(f"{name}: found {smallest}, expected at least 1")
    ability = ability_for(ACCURACY, float(np.hypot(rater_sd, item_sd)))
    rows = []
    for raters, trials in itertools.product(n_raters, n_trials):
        answers = max(1, round(SCORED * trials * raters / n_conditions))
        rng = np.random.default_rng([seed, raters, trials])
        widths = []
        for _ in range(n_studies):
            study = _simulated(raters, n_images, answers, ability, rater_sd, item_sd, rng)
            interval = two_way_interval(*study, n_resamples, int(rng.integers(2**31)))
            widths.append((interval.high - interval.low) / 2)
        rows.append((raters, trials, n_images, answers, float(np.nanmean(widths))))
    return pd.DataFrame(rows, columns=["raters", "trials", "images", "answers", "half_width"])


def _simulated(
    n_raters: int,
    n_images: int,
    n_answers: int,
    ability: float,
    rater_sd: float,
    item_sd: float,
    rng: Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """Outcomes, raters and images of a study; each rater goes on where the previous one stopped."""
    answer = np.arange(n_answers)
    raters, images = answer * n_raters // n_answers, rng.permutation(n_images)[answer % n_images]
    logit = ability + rng.normal(0, rater_sd, n_raters)[raters]
    logit += rng.normal(0, item_sd, n_images)[images]
    return rng.random(n_answers) < expit(logit), raters, images


def study_power(trials: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The precision of a study, beside that of usual numbers of raters and trials.

    Parameters
    ----------
    trials : DataFrame from `deeprecon.judge.trials.build_trials`
    seed : int

    Returns
    -------
    DataFrame
        As `power_table`, for the first task that has a right answer (or the first task), with the
        additional columns task (first) and this_study (bool, last).
    """
    tasks = list(trials["task"].unique())
    task = next((name for name in tasks if name in WITH_ANSWER), tasks[0])
    own = trials[trials["task"] == task]
    tests = own[own["kind"] == "test"]
    images = tests.groupby(CONDITION)["target"].nunique()
    design = {"n_images": round(images.mean()), "n_conditions": len(images), "seed": seed}
    here = round(len(own) / own["list"].nunique())
    table = power_table(N_RATERS, N_TRIALS, **design).assign(this_study=False)
    row = power_table([own["list"].nunique()], [here], **design).assign(this_study=True)
    table = pd.concat([table, row], ignore_index=True)
    table.insert(0, "task", task)
    return table.sort_values(["raters", "trials"], kind="stable").reset_index(drop=True)
