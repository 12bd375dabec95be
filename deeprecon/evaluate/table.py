"""The tables of evaluation: scores of whole sets, and of single images.

`scores.tsv` has a row for each score of a set, for the reconstructions and for each baseline
(column `pictures`): columns `COLUMNS`. `direction` says what is compared: "own" (an image with its
own reconstruction) or what is fixed while the others compete, "recon" or "true". `n` counts the
images with a defined score. `floor` and `ceiling` are the same score of reconstructions by the
control (permuted labels) and from true features; `split_half` is that between the pictures of two
halves of the repetitions, and `noise_ceiling` follows from it for correlations. `p` is of the
permutation test, `p_holm` is corrected for the scores of the set that are tested, `p_wilcoxon` is
the legacy test. What could not be computed has a row too, with the reason as `note`.

`image_scores.tsv` has a row for each image: columns `IMAGE_COLUMNS`.
"""

import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.evaluate.halves import CORRELATIONS, SPLIT_HALF, picture_ceiling
from deeprecon.evaluate.legacy import wilcoxon_legacy
from deeprecon.evaluate.suite import VERSION, Score
from deeprecon.stats.bootstrap import Interval, bootstrap_ci, bootstrap_identification_ci
from deeprecon.stats.corrections import holm
from deeprecon.stats.permutation import permutation_test

KEYS = ("subject", "roi", "method", "set")
COLUMNS = (
    *KEYS,
    "pictures",
    "metric",
    "direction",
    "value",
    "n",
    "chance",
    "floor",
    "ceiling",
    "split_half",
    "noise_ceiling",
    "ci_low",
    "ci_high",
    "p",
    "p_holm",
    "p_wilcoxon",
    "colour",
    "size",
    "resampling",
    "version",
    "note",
)
IMAGE_COLUMNS = (
    *(*KEYS, "stimulus_id", "metric", "direction"),
    *("value", "floor", "ceiling", "split_half"),
)
RECONSTRUCTION = "reconstruction"
CONTROL = "control"  # decoders trained on permuted labels
TRUE_FEATURES = "true_features"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tests:
    """How scores are tested.

    Attributes
    ----------
    seed : of permutations and bootstrap
    n_permutations, n_bootstrap : int
    """

    seed: int = 0
    n_permutations: int = 9999
    n_bootstrap: int = 10_000

    __test__ = False  # for pytest, which collects classes of this name

    def interval(self, score: Score) -> Interval:
        """95 % interval of a score's mean."""
        options: dict[str, Any] = {"n_resamples": self.n_bootstrap, "seed": self.seed}
        if score.similarity is not None:
            if len(score.similarity) < 3:
                return Interval(_mean(score.values), math.nan, math.nan)
            fixed: Any = score.direction
            return bootstrap_identification_ci(score.similarity, fixed=fixed, **options)
        defined = ~np.isnan(score.values)
        if not defined.any():
            return Interval(math.nan, math.nan, math.nan)
        return bootstrap_ci(score.values[defined], **options)

    def p_values(self, score: Score) -> tuple[float, float]:
        """Of the permutation test and of the legacy test; NaN for what is not tested."""
        if score.similarity is None:
            return math.nan, math.nan
        fixed: Any = score.direction
        test = permutation_test(score.similarity, self.n_permutations, self.seed, fixed)
        return test.p_value, wilcoxon_legacy(score.values)


def _mean(values: Any) -> float:
    """Mean of the defined values, NaN if there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def score_table(
    scores: Mapping[str, Iterable[Score]],
    *,
    keys: Mapping[str, str],
    stimulus_id: Sequence[str],
    resampling: str,
    tests: Tests | None = None,
    missing: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of one set: of the set as a whole, and of its images.

    Parameters
    ----------
    scores : what the pictures are -> their scores
        "reconstruction" and, where there are any, "control", "true_features", "split_half" and
        baselines.
    keys : subject, roi, method and set of the rows
    stimulus_id : n unique strings
    resampling : how images were brought to one size
    tests : of the reconstructions' scores
    missing : score that could not be computed -> why

    Returns
    -------
    whole : DataFrame with the columns `COLUMNS`
    images : DataFrame with the columns `IMAGE_COLUMNS`

    Raises
    ------
    InputError
        If keys, names or numbers of images do not fit together.
    """
    _check(keys, stimulus_id)
    tests = tests or Tests()
    by_pictures = {
        pictures: {(score.metric, score.direction): score for score in given}
        for pictures, given in scores.items()
    }
    beside = {
        column: by_pictures.get(name, {})
        for column, name in (
            ("floor", CONTROL), ("ceiling", TRUE_FEATURES), ("split_half", SPLIT_HALF)
        )
    }  # fmt: skip
    rows, images = [], []
    for pictures, given in by_pictures.items():
        for place, score in given.items():
            if len(score.values) != len(stimulus_id):
                raise InputError(
                    f"{score.metric}: {len(score.values)} images but {len(stimulus_id)} "
                    f"stimulus_id in set {keys['set']!r}"
                )
            row: dict[str, Any] = {**keys, "pictures": pictures}
            row |= _described(score, tests)
            row["resampling"] = ", then ".join(filter(None, (resampling, score.resized)))
            if pictures == RECONSTRUCTION:
                _warn(score, keys)
                row["p"], row["p_wilcoxon"] = tests.p_values(score)
                others = {
                    column: of_kind[place].values
                    for column, of_kind in beside.items()
                    if place in of_kind
                }
                row |= {column: _mean(values) for column, values in others.items()}
                if score.metric in CORRELATIONS and "split_half" in others:
                    row["noise_ceiling"] = picture_ceiling(others["split_half"])
                images.append(_image_rows(score, others, keys, stimulus_id))
            rows.append(row)
    for metric, why in (missing or {}).items():
        rows.append({**keys, "pictures": RECONSTRUCTION, "metric": metric, "note": why})
    whole = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    whole["p_holm"] = np.nan
    # The two directions test one thing: the correction counts the one of the field.
    family = (whole["pictures"] == RECONSTRUCTION) & (whole["direction"] == "recon")
    whole.loc[family, "p_holm"] = holm(whole.loc[family, "p"].to_numpy(float))
    whole["n"] = whole["n"].fillna(0).astype(int)
    whole["version"] = VERSION
    return whole, pd.concat(images, ignore_index=True)


def _check(keys: Mapping[str, str], stimulus_id: Sequence[str]) -> None:
    """Refuse keys that rows have not, and names that come twice."""
    if sorted(keys) != sorted(KEYS):
        raise InputError(f"keys are {sorted(keys)}, expected {sorted(KEYS)}")
    if not len(stimulus_id) or len(set(stimulus_id)) < len(stimulus_id):
        raise InputError(f"stimulus_id of set {keys['set']!r}: expected some unique names")


def _warn(score: Score, keys: Mapping[str, str]) -> None:
    """Say how many images a score is not defined of."""
    if undefined := int(np.isnan(score.values).sum()):
        logger.warning(
            "%s: %d of %d images have no defined %s",
            " ".join(keys.values()),
            undefined,
            len(score.values),
            score.metric,
        )


def _described(score: Score, tests: Tests) -> dict[str, Any]:
    """A score's value and interval, and how it is defined."""
    defined = int((~np.isnan(score.values)).sum())
    undefined = 0 if score.similarity is None else int(np.isnan(score.similarity).sum())
    interval = tests.interval(score)
    return {
        "metric": score.metric,
        "direction": score.direction,
        "value": _mean(score.values),
        "n": defined,
        "chance": score.chance,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "colour": score.colour,
        "size": score.size,
        "note": f"{undefined} undefined similarities count as missed" if undefined else "",
    }


def _image_rows(
    score: Score,
    others: Mapping[str, NDArray[np.float64]],
    keys: Mapping[str, str],
    stimulus_id: Sequence[str],
) -> pd.DataFrame:
    """A row for each image."""
    described = {"metric": score.metric, "direction": score.direction, "value": score.values}
    table = pd.DataFrame({**keys, "stimulus_id": list(stimulus_id), **described, **others})
    return table.reindex(columns=list(IMAGE_COLUMNS))


def read_scores(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of this module; ids and notes stay text."""
    text = {"stimulus_id": str, "note": str, "pictures": str}
    table = pd.read_csv(path, sep="\t", dtype=text)
    return table.assign(note=table["note"].fillna("")) if "note" in table else table
