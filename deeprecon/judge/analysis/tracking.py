"""Which metric, which model observer says what people say."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import rankdata

from deeprecon.errors import InputError
from deeprecon.evaluate.perceptual import PERCEPTUAL
from deeprecon.judge.analysis.agreement import agreement_interval, item_counts
from deeprecon.judge.analysis.selection import EVERY, check_responses, tests
from deeprecon.judge.analysis.statistics import two_way_interval
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
FEWEST_IMAGES = 5
N_SPLITS = 200
_CONDITION = ["subject", "roi", "method", "set"]
_SMALLER = {name for name, one in PERCEPTUAL.items() if one.kind != "identification"}


def metric_table(
    responses: pd.DataFrame,
    image_scores: pd.DataFrame,
    *,
    n_bootstrap: int = 5000,
    n_permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """How a metric ranks the images of a condition, against how well people identified them.

    Parameters
    ----------
    responses : DataFrame
        A row per answer (`judge/responses.tsv`); identification by kept raters is used.
    image_scores : DataFrame
        `evaluation/image_scores.tsv`: subject, roi, method, set, stimulus_id, metric, direction,
        value.
    n_bootstrap, n_permutations, seed : int

    Returns
    -------
    DataFrame
        A row for each set ("all" too, where there are several), metric and direction, best first:
        spearman (within conditions: ranks are taken in each subject, region and method, and
        correlated over all of them), low and high (95 % percentile bootstrap over images), p
        (two-sided; images permuted within conditions, in all of them alike) and p_holm (over the
        metrics of a set), n_images, n_conditions. Of distances the sign is turned: `better` says
        "smaller". The row "noise_ceiling" is what a metric could reach at most that knew how well
        people identify an image: the square root of the reliability of their ranks (halves of the
        raters, Spearman-Brown; mean of 200 splits). Empty if nobody has identified anything.

    Raises
    ------
    InputError
        If a table lacks a column.
    """
    needed = [*_CONDITION, "stimulus_id", "metric", "direction", "value"]
    missing = [name for name in needed if name not in image_scores]
    if missing:
        raise InputError(f"image_scores: no column {missing[0]!r}")
    checked = check_responses(responses)
    asked = tests(checked[checked["kept"]], "identification")
    rows: list[dict[Any, Any]] = []
    for name, part in _sets(asked):
        people = part.groupby([*_CONDITION, "target"])["chose_target"].mean().rename("people")
        found = [_ceiling_row(part, seed)]
        joined = image_scores[needed].merge(
            people.reset_index(),
            left_on=[*_CONDITION, "stimulus_id"],
            right_on=[*_CONDITION, "target"],
        )
        for (metric, direction), scores in joined.groupby(["metric", "direction"], sort=False):
            row = _metric_row(str(metric), scores, n_bootstrap, n_permutations, seed)
            found += [{"metric": metric, "direction": direction} | row] if row else []
        table = pd.DataFrame(found, columns=METRIC_COLUMNS).assign(set=name)
        table["p_holm"] = holm(table["p"].to_numpy(float))
        rows += table.sort_values("spearman", ascending=False, kind="stable").to_dict("records")
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


def _sets(asked: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    names = list(dict.fromkeys(asked["set"]))
    for name in names:
        yield name, asked[asked["set"] == name]
    if len(names) > 1:
        yield EVERY, asked


def _metric_row(
    metric: str, scores: pd.DataFrame, n_bootstrap: int, n_permutations: int, seed: int
) -> dict[str, Any] | None:
    """Correlation of a metric with people, None where too few images have both."""
    scores = scores.dropna(subset=["value", "people"])
    scores = scores[scores.groupby(_CONDITION)["value"].transform("size") >= FEWEST_IMAGES]
    if scores.empty:
        return None
    condition = scores.groupby(_CONDITION).ngroup().to_numpy()
    image = (scores["set"] + "/" + scores["target"]).factorize()[0]
    sign = -1.0 if metric in _SMALLER else 1.0
    x = _ranks(scores["people"].to_numpy(float), condition)
    y = _ranks(sign * scores["value"].to_numpy(float), condition)
    estimate = _correlation(np.ones((1, len(x))), x, y)[0]
    rng = np.random.default_rng(seed)
    n = image.max() + 1
    drawn = rng.multinomial(n, np.full(n, 1 / n), n_bootstrap)[:, image]
    resampled = _correlation(drawn, x, y)
    resampled = resampled[np.isfinite(resampled)]
    low, high = np.quantile(resampled, [0.025, 0.975]) if len(resampled) else (np.nan, np.nan)
    return {
        "better": "smaller" if sign < 0 else "larger",
        "spearman": estimate,
        "low": float(low),
        "high": float(high),
        "p": _p_value(estimate, x, y, condition, image, n_permutations, rng),
        "n_images": n,
        "n_conditions": condition.max() + 1,
    }


def _ranks(values: NDArray[np.float64], condition: NDArray[np.integer]) -> NDArray[np.float64]:
    """Ranks within each condition, mean zero and variance one; zero where all are equal."""
    ranks = np.empty(len(values))
    for number in np.unique(condition):
        rows = condition == number
        own = rankdata(values[rows])
        own -= own.mean()
        spread = own.std()
        ranks[rows] = own / spread if spread > 0 else 0
    return ranks


def _correlation(weights: NDArray, x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Of ranks around zero, for each row of weights."""
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
    """How often images, shuffled within conditions, correlate as much (Phipson and Smyth 2010).

    Conditions that hold the same images are shuffled alike: an image that is easy to see for one
    subject is so for the others, for people and for a metric.
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
    """What a metric could reach: the reliability of how people rank images."""
    rater = asked["rater"].factorize()[0]
    keys = asked.groupby([*_CONDITION, "target"]).ngroup().to_numpy()
    condition = asked.groupby(_CONDITION).ngroup().to_numpy()
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
    """How often a model observer chose the picture that a person chose, trial by trial.

    Parameters
    ----------
    people : DataFrame
        A row per answer (`judge/responses.tsv`); kept raters and trials that count are used.
    observers : DataFrame
        A row for each model observer (column rater) and trial (`judge/observers.tsv`).
    n_bootstrap, seed : int

    Returns
    -------
    DataFrame
        For each task ("all" too, where there are several) and judge, most alike first: agreement,
        low, high (95 %, over raters and images), kappa (agreement beyond what the shares of right
        answers alone give: error consistency of Geirhos et al. 2020, which is Cohen's kappa),
        n_raters, n_answers. The judge "raters" is what raters agree in with each other, in pairs,
        on what several of them have judged. Empty if nobody has judged.
    """
    checked = check_responses(people)
    asked = tests(checked[checked["kept"]], *dict.fromkeys(checked["task"]))
    asked = asked[asked["trial_id"] != "n/a"]
    names = list(dict.fromkeys(asked["task"]))
    rows: list[dict[Any, Any]] = []
    for task in names + ([EVERY] if len(names) > 1 else []):
        part = asked if task == EVERY else asked[asked["task"] == task]
        found = [_raters_row(part, n_bootstrap, seed)]
        for observer, answers in observers.groupby("rater", sort=False):
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
    same = chose[0] == chose[1]
    interval = two_way_interval(
        same, part["rater"].to_numpy(str), (part["set"] + part["target"]).to_numpy(str),
        n_bootstrap, seed=seed,
    )  # fmt: skip
    a, b = (float(side.mean()) if len(side) else np.nan for side in chose)
    chance = a * b + (1 - a) * (1 - b)
    return {
        "agreement": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "kappa": (interval.estimate - chance) / (1 - chance) if chance < 1 else np.nan,
        "n_raters": part["rater"].nunique(),
        "n_answers": len(part),
    }


def _raters_row(part: pd.DataFrame, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """What raters agree in with each other: what could be expected of an observer."""
    once = part.drop_duplicates(["rater", "item"])
    once = once[(once.groupby("item")["rater"].transform("nunique") > 1).to_numpy(bool)]
    row: dict[str, Any] = {
        "judge": RATERS,
        "n_raters": once["rater"].nunique(),
        "n_answers": len(once),
    }
    if once.empty:
        return row
    codes = once.assign(code=once["chose_target"].astype(float)).pivot_table(
        index="rater", columns="item", values="code"
    )
    interval = agreement_interval(
        "agreement", item_counts(codes.to_numpy(), 2), n_bootstrap, seed=seed
    )
    return row | {"agreement": interval.estimate, "low": interval.low, "high": interval.high}
