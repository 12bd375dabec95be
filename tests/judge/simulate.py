"""Simulated raters: answers to the trials of a study, for tests, power and documentation.

What they say is known beforehand. They are no people and no model observers, and nothing of theirs
belongs among results.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit

from deeprecon.errors import InputError

SCHEMA = "deeprecon-ratings/1"
Kind = Literal["attentive", "clicker", "one_side"]
Strengths = Mapping[tuple[str, str], float]

_BEGIN = datetime(2026, 1, 5, 10, tzinfo=UTC)
_COLUMNS = ("list", "order", "trial_id", "task", "kind", "item", "target_side", "left", "right")
_PAUSE_MS = 800  # between an answer and the next trial


def simulate_ratings(
    trials: pd.DataFrame,
    *,
    ability: float = 1.5,
    strengths: Strengths | None = None,
    rater_sd: float = 0.5,
    item_sd: float = 1.0,
    lapse: float = 0.02,
    side_bias: float = 0.0,
    kind: Kind = "attentive",
    lists: Sequence[int] | None = None,
    study: str = "simulated",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Results of one simulated rater for each list.

    Parameters
    ----------
    trials : DataFrame
        The key of a study, as `deeprecon.judge.study.read_key` gives it.
    ability : float
        Mean logit of a right answer in identification and colour_shape.
    strengths : (roi, method) -> float, optional
        Log strengths of conditions in preferences; those not named have 0.
    rater_sd, item_sd : float
        Standard deviations, in logits, of what a rater adds to all trials of a task (of
        preferences: nothing) and of what an image adds. An image adds the same for all raters,
        lists and subjects; in preferences it favours one of two conditions.
    lapse : float
        Share of trials answered by a coin.
    side_bias : float
        Logits in favour of the left side.
    kind : {"attentive", "clicker", "one_side"}
        A clicker answers fast and by a coin; "one_side" always chooses the left.
    lists : sequence of int, optional
        Lists that are answered; all, if not given.
    study : str
        SHA-256 of the key, as the reader of ratings expects it.
    seed : int

    Returns
    -------
    list of dict
        Files of ratings in the project's own format, rater "r001" for list 1.

    Raises
    ------
    InputError
        If the kind is unknown, or the table lacks columns or lists.

    Notes
    -----
    The right picture of a catch is chosen but for lapses. A repeat is answered anew. Response times
    are log-normal, median 1.6 s (clickers 0.2 s).

    Examples
    --------
    >>> row = dict.fromkeys(["subject", "roi", "method", "foil_roi", "foil_method"], "n/a")
    >>> row |= {"list": 1, "order": 1, "trial_id": "t000001", "task": "identification"}
    >>> row |= {"kind": "catch", "item": "i1", "set": "letters", "target": "A"}
    >>> row |= {"target_side": "right", "left": "0a", "right": "0b"}
    >>> rated = simulate_ratings(pd.DataFrame([row]), lapse=0)
    >>> rated[0]["rater"], rated[0]["trials"][0]["response"]
    ('r001', 'right')
    """
    if kind not in get_args(Kind):
        raise InputError(f"kind: found {kind!r}, expected one of {', '.join(get_args(Kind))}")
    missing = [name for name in _COLUMNS if name not in trials]
    if missing:
        raise InputError(f"trials: no column {missing[0]!r}; found {list(trials.columns)}")
    known = trials["list"].unique().tolist()
    wanted = known if lists is None else list(lists)
    unknown = [number for number in wanted if number not in known]
    if unknown:
        raise InputError(f"lists: found {unknown[0]}, expected some of {known[0]} to {known[-1]}")
    trials = trials.reset_index(drop=True)
    logits = _logits(trials, ability, strengths or {}, item_sd, seed)
    rated = []
    for number in wanted:
        rng = np.random.default_rng([seed, 1, number])
        own = (trials["list"] == number).to_numpy()
        part = trials[own].sort_values("order")
        chose = _answers(part, logits[part.index], rater_sd, lapse, side_bias, kind, rng)
        rated.append(_result(part, chose, number, kind, study, rng))
    return rated


def _logits(
    trials: pd.DataFrame, ability: float, strengths: Strengths, item_sd: float, seed: int
) -> pd.Series:
    """Logit of choosing the target, what raters differ in aside; infinite for catches."""
    preference = trials["task"] == "preference"
    own, other = (
        np.array([strengths.get(key, 0.0) for key in zip(trials[roi], trials[method], strict=True)])
        for roi, method in (("roi", "method"), ("foil_roi", "foil_method"))
    )
    logit = pd.Series(np.where(preference, own - other, ability), index=trials.index)
    # In the order of names, so that the order of trials changes nothing.
    pair = ["roi", "method", "foil_roi", "foil_method"]
    named = trials[["task", "set", "target", *pair]].astype(str)
    named.loc[~preference, pair] = ""
    codes = named.groupby(list(named.columns), sort=True).ngroup()
    effects = np.random.default_rng([seed, 0]).normal(0, item_sd, codes.max() + 1)
    logit += effects[codes]
    return logit.mask(trials["kind"] == "catch", np.inf)


def _answers(
    part: pd.DataFrame,
    logits: pd.Series,
    rater_sd: float,
    lapse: float,
    side_bias: float,
    kind: Kind,
    rng: Generator,
) -> NDArray[np.bool_]:
    """Whether the left picture is chosen, a value for each trial."""
    target_left = (part["target_side"] == "left").to_numpy()
    n = len(part)
    own = rng.normal(0, rater_sd) * (part["task"] != "preference").to_numpy()
    coin = rng.random(n) < 0.5
    towards_left = np.where(target_left, 1, -1) * (logits.to_numpy() + own)
    left = rng.random(n) < expit(towards_left + side_bias)
    lapsed = rng.random(n) < lapse
    if kind == "one_side":
        return np.ones(n, dtype=bool)
    return coin if kind == "clicker" else np.where(lapsed, coin, left)


def _result(
    part: pd.DataFrame,
    left: NDArray[np.bool_],
    number: int,
    kind: Kind,
    study: str,
    rng: Generator,
) -> dict[str, Any]:
    """One file of ratings."""
    median, spread = (1600, 0.45) if kind == "attentive" else (200, 0.25)
    times = np.rint(median * np.exp(spread * rng.standard_normal(len(part)))).astype(int)
    clock = np.cumsum(times + _PAUSE_MS)
    begin = _BEGIN + timedelta(hours=number)
    trials = [
        {
            "trial_id": str(trial_id),
            "order": int(order),
            "left": str(shown_left),
            "right": str(shown_right),
            "response": "left" if chosen else "right",
            "rt_ms": int(rt),
            "t_ms": int(t),
            "focus_lost": 0,
        }
        for (trial_id, order, shown_left, shown_right), chosen, rt, t in zip(
            part[["trial_id", "order", "left", "right"]].to_numpy(object).tolist(),
            left,
            times,
            clock,
            strict=True,
        )
    ]
    return {
        "schema": SCHEMA,
        "study": study,
        "rater": f"r{number:03}",
        "list": int(number),
        "language": "en",
        "started": _time(begin),
        "finished": _time(begin + timedelta(milliseconds=int(clock[-1]) + _PAUSE_MS)),
        "client": {"viewport": [1280, 720], "dpr": 2, "touch": False},
        "external": dict.fromkeys(("PROLIFIC_PID", "STUDY_ID", "SESSION_ID", "JATOS_WORKER")),
        "resumed": 0,
        "trials": trials,
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
