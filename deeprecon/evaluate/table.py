"""The tables of evaluation: scores of whole sets, and of single images.

`scores.tsv` has one row for each score of a set, for the reconstructions and for every baseline
(columns `COLUMNS`; `condition` says which). `direction` is "own" for an image with its own
reconstruction; otherwise it names the side that is fixed while the other competes, "recon" or
"true". `n` is the number of images with a defined score. `permuted_control` and `true_features` are
the same score for the control's reconstructions (decoders trained on permuted labels) and for
reconstructions from true features. `split_half` is the score between the images of two halves of
the repetitions, from which `noise_ceiling` follows for correlations. `p` belongs to the permutation
test, `p_holm` is corrected for all tested scores of the set, and `p_wilcoxon` belongs to the legacy
test. A score that could not be computed also has a row, with the reason in its `note`.

`image_scores.tsv` has one row for each image: columns `IMAGE_COLUMNS`.
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
from deeprecon.evaluate.halves import SPLIT_HALF, image_noise_ceiling
from deeprecon.evaluate.legacy import wilcoxon_legacy
from deeprecon.evaluate.registry import ImageMetric, metrics_of
from deeprecon.evaluate.suite import VERSION, Score
from deeprecon.stats.bootstrap import Interval, bootstrap_ci, bootstrap_identification_ci
from deeprecon.stats.corrections import holm
from deeprecon.stats.permutation import permutation_test
from deeprecon.tables import read_tables

KEYS = ("subject", "roi", "method", "set")
COLUMNS = (
    *KEYS,
    "condition",
    "metric",
    "direction",
    "value",
    "n",
    "chance",
    "permuted_control",
    "true_features",
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
    *("value", "permuted_control", "true_features", "split_half"),
)
RECONSTRUCTION = "reconstruction"
CONTROL = "control"  # decoders trained on permuted labels
TRUE_FEATURES = "true_features"
REFERENCES = {
    "permuted_control": CONTROL,
    "true_features": TRUE_FEATURES,
    "split_half": SPLIT_HALF,
}  # column in rows of the reconstructions -> condition whose score it contains

Scores = Mapping[tuple[str, str], Score]  # (metric, direction) -> score

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tests:
    """Settings of the tests of scores.

    Attributes
    ----------
    seed : seed of permutations and bootstrap
    n_permutations, n_bootstrap : numbers of permutations and of bootstrap resamples
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
        """The p values of the permutation and the legacy test; NaN for a score without a test."""
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
    """Make the tables of one set: of the whole set, and of its images.

    Parameters
    ----------
    scores : condition -> scores; the conditions are "reconstruction" and, where they exist,
        "control", "true_features", "split_half" and baselines
    keys : subject, roi, method and set of the rows
    stimulus_id : n unique strings
    resampling : how images were resized to the study's size
    tests : tests of the reconstructions' scores
    missing : score that could not be computed -> reason

    Returns
    -------
    whole : DataFrame with the columns `COLUMNS`
    images : DataFrame with the columns `IMAGE_COLUMNS`

    Raises
    ------
    InputError
        If keys, names or numbers of images do not match.
    """
    _check(keys, stimulus_id)
    tests = tests or Tests()
    by_condition: dict[str, Scores] = {
        condition: {(score.metric, score.direction): score for score in given}
        for condition, given in scores.items()
    }
    rows, images = [], []
    for condition, given in by_condition.items():
        for which, score in given.items():
            if len(score.values) != len(stimulus_id):
                raise InputError(
                    f"{score.metric}: {len(score.values)} images but {len(stimulus_id)} "
                    f"stimulus_id in set {keys['set']!r}"
                )
            row: dict[str, Any] = {**keys, "condition": condition, **_described(score, tests)}
            row["resampling"] = ", then ".join(filter(None, (resampling, score.resized)))
            if condition == RECONSTRUCTION:
                _warn(score, keys)
                references = {
                    column: by_condition[other][which].values
                    for column, other in REFERENCES.items()
                    if which in by_condition.get(other, {})
                }
                row |= _tested(score, references, tests)
                images.append(_image_rows(score, references, keys, stimulus_id))
            rows.append(row)
    for metric, why in (missing or {}).items():
        rows.append({**keys, "condition": RECONSTRUCTION, "metric": metric, "note": why})
    return _whole(rows), pd.concat(images, ignore_index=True)


def _whole(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of a set, with p values corrected for the number of tested scores."""
    whole = pd.DataFrame(list(rows)).reindex(columns=list(COLUMNS))
    whole["p_holm"] = np.nan
    # Both directions test the same hypothesis. The correction counts the one that papers report.
    family = (whole["condition"] == RECONSTRUCTION) & (whole["direction"] == "recon")
    whole.loc[family, "p_holm"] = holm(whole.loc[family, "p"].to_numpy(float))
    whole["n"] = whole["n"].fillna(0).astype(int)
    whole["version"] = VERSION
    return whole


def _tested(
    score: Score, references: Mapping[str, NDArray[np.float64]], tests: Tests
) -> dict[str, float]:
    """The p values of a score of the reconstructions, and the scores that it is compared with."""
    p, p_wilcoxon = tests.p_values(score)
    found = {"p": p, "p_wilcoxon": p_wilcoxon}
    found |= {column: _mean(values) for column, values in references.items()}
    metric = metrics_of(ImageMetric).get(score.metric)
    if metric and metric.noise_ceiling and SPLIT_HALF in references:
        found["noise_ceiling"] = image_noise_ceiling(references[SPLIT_HALF])
    return found


def _check(keys: Mapping[str, str], stimulus_id: Sequence[str]) -> None:
    """Refuse missing or unknown keys, and duplicate stimuli."""
    if sorted(keys) != sorted(KEYS):
        raise InputError(f"keys are {sorted(keys)}, expected {sorted(KEYS)}")
    if not len(stimulus_id) or len(set(stimulus_id)) < len(stimulus_id):
        raise InputError(f"stimulus_id of set {keys['set']!r}: expected some unique names")


def _warn(score: Score, keys: Mapping[str, str]) -> None:
    """Log for how many images a score is undefined."""
    if undefined := int(np.isnan(score.values).sum()):
        logger.warning(
            "%s: %d of %d images have no defined %s",
            " ".join(keys.values()),
            undefined,
            len(score.values),
            score.metric,
        )


def _described(score: Score, tests: Tests) -> dict[str, Any]:
    """A score's value, interval and definition."""
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
    references: Mapping[str, NDArray[np.float64]],
    keys: Mapping[str, str],
    stimulus_id: Sequence[str],
) -> pd.DataFrame:
    """A row for each image."""
    described = {"metric": score.metric, "direction": score.direction, "value": score.values}
    table = pd.DataFrame({**keys, "stimulus_id": list(stimulus_id), **described, **references})
    return table.reindex(columns=list(IMAGE_COLUMNS))


def read_scores(*paths: str | os.PathLike[str]) -> pd.DataFrame:
    """Read and join tables of this module; ids and notes stay text.

    Raises
    ------
    InputError
        If a file cannot be read as a table.
    """
    table = read_tables(paths, text=("stimulus_id", "note", "condition"))
    return table.assign(note=table["note"].fillna("")) if "note" in table else table
