"""Which metrics and which model observers agree with people."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import rankdata

from deeprecon.errors import InputError
from deeprecon.evaluate.registry import METRICS
from deeprecon.judge.analysis.agreement import agreement_interval
from deeprecon.judge.analysis.reliability import item_counts, several_raters
from deeprecon.judge.analysis.selection import (
    check_responses,
    columns_of,
    each_and_all,
    kept_responses,
    mean_columns,
    tests,
)
from deeprecon.judge.analysis.statistics import percentile_interval
from deeprecon.judge.questions import SHOWN
from deeprecon.stats.corrections import holm
from deeprecon.stats.correlation import noise_ceiling

METRIC_COLUMNS = [
    "set", "metric", "direction", "better", "spearman", "low", "high", "p", "p_holm", "n_images",
    "n_conditions",
]  # fmt: skip
OBSERVER_COLUMNS = [
    "task", "judge", "agreement", "low", "high", "kappa", "n_raters", "n_answers",
]  # fmt: skip
RATERS = "raters"
NOISE_CEILING = "noise_ceiling"
MIN_IMAGES = 5
N_SPLITS = 200


def metric_table(
    responses: pd.DataFrame,
    image_scores: pd.DataFrame,
    *,
    n_bootstrap: int = 5000,
    n_permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlation of metrics with how well people identified the images of a condition.

    Parameters
    ----------
    responses : DataFrame
        One row per answer (`judge/responses.tsv`); only identification by kept raters is used.
    image_scores : DataFrame
        `evaluation/image_scores.tsv`: subject, roi, method, set, stimulus_id, metric, direction,
        value.
    n_bootstrap, n_permutations, seed : int

    Returns
    -------
    DataFrame
        A row for each set ("all" too, if there are several), metric and direction, best first:
        spearman (images are ranked within each subject, region and method, and the ranks of all of
        these are correlated), low and high (95 % percentile bootstrap over images), p (two-sided;
        images are permuted within conditions, equally in all of them), p_holm (over the metrics of
        a set), n_images, n_conditions. The sign is inverted for distances, where `better` is
        "smaller". The row "noise_ceiling" is the highest correlation that a metric could reach:
        the square root of the reliability of people's ranks (split halves of raters,
        Spearman-Brown, mean of 200 splits). Empty without answers in identification.

    Raises
    ------
    InputError
        If a table lacks a column.
    """
    needed = [*SHOWN, "stimulus_id", "metric", "direction", "value"]
    missing = [name for name in needed if name not in image_scores]
    if missing:
        raise InputError(f"image_scores: no column {missing[0]!r}")
    asked = tests(kept_responses(responses), "identification")
    rows: list[dict[Any, Any]] = []
    for name, part in each_and_all(asked, "set"):
        people = part.groupby([*SHOWN, "target"])["chose_target"].mean().rename("people")
        found = [_ceiling_row(part, seed)]
        joined = image_scores[needed].merge(
            people.reset_index(),
            left_on=[*SHOWN, "stimulus_id"],
            right_on=[*SHOWN, "target"],
        )
        for (metric, direction), scores in joined.groupby(["metric", "direction"], sort=False):
            row = _metric_row(str(metric), scores, n_bootstrap, n_permutations, seed)
            found += [{"metric": metric, "direction": direction} | row] if row else []
        table = pd.DataFrame(found, columns=METRIC_COLUMNS).assign(set=name)
        table["p_holm"] = holm(table["p"].to_numpy(float))
        rows += table.sort_values("spearman", ascending=False, kind="stable").to_dict("records")
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


def _metric_row(
    metric: str, scores: pd.DataFrame, n_bootstrap: int, n_permutations: int, seed: int
) -> dict[str, Any] | None:
    """Correlation of a metric with people, None if too few images have both."""
    scores = scores.dropna(subset=["value", "people"])
    scores = scores[scores.groupby(SHOWN)["value"].transform("size") >= MIN_IMAGES]
    if scores.empty:
        return None
    condition = scores.groupby(SHOWN).ngroup().to_numpy()
    image = (scores["set"] + "/" + scores["target"]).factorize()[0]
    better = METRICS[metric].better if metric in METRICS else "larger"
    sign = -1.0 if better == "smaller" else 1.0
    x = _ranks(scores["people"].to_numpy(float), condition)
    y = _ranks(sign * scores["value"].to_numpy(float), condition)
    rng = np.random.default_rng(seed)
    n = image.max() + 1
    found = percentile_interval(
        lambda draws: _correlation(draws[:, image], x, y), n, n_bootstrap, rng
    )
    return {
        "better": better,
        **columns_of(found, "spearman"),
        "p": _p_value(found.estimate, x, y, condition, image, n_permutations, rng),
        "n_images": n,
        "n_conditions": condition.max() + 1,
    }


def _ranks(values: NDArray[np.float64], condition: NDArray[np.integer]) -> NDArray[np.float64]:
    """Ranks within each condition, with mean zero and variance one; zero if all are equal."""
    ranks = np.empty(len(values))
    for number in np.unique(condition):
        rows = condition == number
        own = rankdata(values[rows])
        own -= own.mean()
        spread = own.std()
        ranks[rows] = own / spread if spread > 0 else 0
    return ranks


def _correlation(weights: NDArray, x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Weighted correlation of centred ranks, for each row of weights."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result: NDArray[np.float64] = (weights @ (x * y)) / np.sqrt(
            (weights @ x**2) * (weights @ y**2)
        )
    return result


def _p_value(
    estimate: float,
    x: NDArray,
    y: NDArray,
    condition: NDArray[np.integer],
    image: NDArray[np.integer],
    n_permutations: int,
    rng: Generator,
) -> float:
    """P value of a permutation of images within conditions (Phipson and Smyth 2010).

    Conditions with the same images are permuted alike, because an image that is easy in one
    subject tends to be easy in the others, for people as well as for a metric.
    """
    if np.isnan(estimate):
        return float("nan")
    covariance = np.zeros(n_permutations)
    keys = rng.random((n_permutations, image.max() + 1))
    for number in np.unique(condition):
        rows = np.flatnonzero(condition == number)
        rows = rows[image[rows].argsort()]
        covariance += x[rows][keys[:, image[rows]].argsort(axis=1)] @ y[rows]
    as_much = np.abs(covariance) >= abs(x @ y) - 1e-9
    return float((1 + as_much.sum()) / (1 + n_permutations))


def _ceiling_row(asked: pd.DataFrame, seed: int) -> dict[str, Any]:
    """The noise ceiling: the reliability of how people rank images."""
    rater = asked["rater"].factorize()[0]
    keys = asked.groupby([*SHOWN, "target"]).ngroup().to_numpy()
    condition = asked.groupby(SHOWN).ngroup().to_numpy()
    of_key = np.zeros(keys.max() + 1, dtype=int)
    of_key[keys] = condition
    right = asked["chose_target"].to_numpy(float)
    rng = np.random.default_rng(seed)
    found = []
    n = rater.max() + 1
    for _ in range(N_SPLITS if n > 1 else 0):
        half = rng.permutation(n) < n // 2
        with np.errstate(invalid="ignore"):
            means = [
                np.bincount(keys[rows], right[rows], len(of_key))
                / np.bincount(keys[rows], minlength=len(of_key))
                for rows in (half[rater], ~half[rater])
            ]
        both = np.isfinite(means[0]) & np.isfinite(means[1])
        x, y = (_ranks(mean[both], of_key[both]) for mean in means)
        found.append(_correlation(np.ones((1, len(x))), x, y)[0] if len(x) else np.nan)
    defined = [value for value in found if np.isfinite(value)]
    r = float(np.mean(defined)) if defined else float("nan")
    return {
        "metric": NOISE_CEILING,
        "direction": "n/a",
        "better": "n/a",
        "spearman": float(noise_ceiling(r, 2)) if r > 0 else float("nan"),
        "n_images": asked["target"].nunique(),
        "n_conditions": condition.max() + 1,
    }


def observer_table(
    people: pd.DataFrame, observers: pd.DataFrame, *, n_bootstrap: int = 5000, seed: int = 0
) -> pd.DataFrame:
    """How often model observers and people chose the same picture, trial by trial.

    Parameters
    ----------
    people : DataFrame
        One row per answer (`judge/responses.tsv`); without catches, repeats and excluded raters.
    observers : DataFrame
        One row per model observer (column rater) and trial (`judge/observers.tsv`).
    n_bootstrap, seed : int

    Returns
    -------
    DataFrame
        A row for each task ("all" too, if there are several) and judge, most similar first:
        agreement, low, high (95 % interval over raters and images), kappa (agreement beyond what
        follows from the shares of correct answers: the error consistency of Geirhos et al. 2020,
        which is Cohen's kappa), n_raters, n_answers. The judge "raters" gives the agreement of
        pairs of raters with each other. Empty without answers.
    """
    asked = tests(kept_responses(people))
    asked = asked[asked["trial_id"] != "n/a"]
    rows: list[dict[Any, Any]] = []
    for task, part in each_and_all(asked, "task"):
        found = [_raters_row(part, n_bootstrap, seed)]
        for observer, answers in check_responses(observers).groupby("rater", sort=False):
            by_trial = answers.set_index("trial_id")["chose_target"].to_dict()
            found.append({"judge": observer} | _agreement(part, by_trial, n_bootstrap, seed))
        table = pd.DataFrame(found, columns=OBSERVER_COLUMNS).assign(task=task)
        rows += table.sort_values("agreement", ascending=False, kind="stable").to_dict("records")
    return pd.DataFrame(rows, columns=OBSERVER_COLUMNS)


def _agreement(
    part: pd.DataFrame, by_trial: Mapping[Any, Any], n_bootstrap: int, seed: int
) -> dict[str, Any]:
    other = part["trial_id"].map(by_trial)
    part, other = part[other.notna()], other[other.notna()]
    chose = part["chose_target"].to_numpy(bool), other.to_numpy(bool)
    agreement = mean_columns("agreement", part, chose[0] == chose[1], n_bootstrap, seed)
    a, b = (float(side.mean()) if len(side) else np.nan for side in chose)
    chance = a * b + (1 - a) * (1 - b)
    return {
        **agreement,
        "kappa": (agreement["agreement"] - chance) / (1 - chance) if chance < 1 else np.nan,
        "n_raters": part["rater"].nunique(),
        "n_answers": len(part),
    }


def _raters_row(part: pd.DataFrame, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """Agreement of raters with each other, as a reference for that of an observer with raters."""
    once = several_raters(part)
    row: dict[str, Any] = {
        "judge": RATERS,
        "n_raters": once["rater"].nunique(),
        "n_answers": len(once),
    }
    if once.empty:
        return row
    counts = item_counts(once, once["chose_target"].to_numpy(bool))
    interval = agreement_interval("agreement", counts, n_bootstrap, seed)
    return row | columns_of(interval, "agreement")
