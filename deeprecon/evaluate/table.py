"""The evaluation table: one tidy row per score, for each image and for the whole set.

Columns, in order: those of `COLUMNS`. A row whose `stimulus_id` is "all" is the mean over the
set, with its confidence interval and, for identification, the p value of the permutation test;
the other rows are single images. `direction` says what a score compares: "own" (an image with its
own reconstruction only) or, for identification, what is fixed while the others compete: "recon"
or "true". `n` counts the images with a defined score. `floor` and `ceiling` are the same score of
reconstructions from shuffled features and from true features.
"""

import logging
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.errors import InputError
from deeprecon.evaluate.metrics import (
    Fixed,
    pixel_correlation,
    similarity_matrix,
    ssim,
    two_way_identification,
)
from deeprecon.evaluate.statistics import (
    Interval,
    bootstrap_ci,
    bootstrap_identification_ci,
    permutation_test,
)

KEYS = ("subject", "roi", "method", "set")
COLUMNS = (
    *KEYS,
    "stimulus_id",
    "metric",
    "direction",
    "value",
    "n",
    "floor",
    "ceiling",
    "ci_low",
    "ci_high",
    "p",
)
WHOLE_SET = "all"

logger = logging.getLogger(__name__)


def _if_given(score: Callable[[NDArray], NDArray], array: NDArray | None) -> NDArray | None:
    """Apply a score to the floor's or the ceiling's array, where the study has one."""
    return None if array is None else score(array)


def _mean(values: NDArray) -> float:
    """Mean of the defined values, NaN if there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


@dataclass(frozen=True)
class _Set:
    """One reconstructed stimulus set: what its rows are called and how they are tested."""

    keys: Mapping[str, str]
    stimulus_id: Sequence[str]
    groups: Sequence[Hashable] | None
    seed: int
    n_permutations: int
    n_bootstrap: int

    def __post_init__(self) -> None:
        if sorted(self.keys) != sorted(KEYS):
            raise InputError(f"keys are {sorted(self.keys)}, expected {sorted(KEYS)}")
        if WHOLE_SET in self.stimulus_id or len(set(self.stimulus_id)) < len(self.stimulus_id):
            raise InputError(
                f"stimulus_id of set {self.keys['set']!r}: expected unique names other than "
                f"{WHOLE_SET!r}"
            )
        if self.groups is not None and len(self.groups) != len(self.stimulus_id):
            raise InputError(
                f"groups has {len(self.groups)} entries but stimulus_id {len(self.stimulus_id)}"
            )

    def rows(
        self,
        metric: str,
        direction: str,
        values: NDArray,
        floor: NDArray | None,
        ceiling: NDArray | None,
        interval: Interval,
        p: float = math.nan,
    ) -> pd.DataFrame:
        """One row per image and, first, the row of the whole set."""
        n = len(self.stimulus_id)
        if len(values) != n:
            raise InputError(
                f"{len(values)} images but {n} stimulus_id in set {self.keys['set']!r}"
            )
        floor = np.full(n, np.nan) if floor is None else floor
        ceiling = np.full(n, np.nan) if ceiling is None else ceiling
        defined = ~np.isnan(values)
        if not defined.all():
            logger.warning(
                "%s: %d of %d images have no defined %s",
                dict(self.keys),
                n - defined.sum(),
                n,
                metric,
            )
        table = pd.DataFrame(
            {
                **self.keys,
                "stimulus_id": [WHOLE_SET, *self.stimulus_id],
                "metric": metric,
                "direction": direction,
                "value": [_mean(values), *values],
                "n": [defined.sum(), *defined.astype(int)],
                "floor": [_mean(floor), *floor],
                "ceiling": [_mean(ceiling), *ceiling],
                "ci_low": [interval.low, *[math.nan] * n],
                "ci_high": [interval.high, *[math.nan] * n],
                "p": [p, *[math.nan] * n],
            }
        )
        return table[list(COLUMNS)]

    def image_rows(
        self, metric: str, values: NDArray, floor: NDArray | None, ceiling: NDArray | None
    ) -> pd.DataFrame:
        """Rows of a score of single images."""
        defined = ~np.isnan(values)
        interval = Interval(math.nan, math.nan, math.nan)
        if defined.any():
            groups = None if self.groups is None else list(compress(self.groups, defined))
            interval = bootstrap_ci(
                values[defined], self.n_bootstrap, seed=self.seed, groups=groups
            )
        return self.rows(metric, "own", values, floor, ceiling, interval)

    def identification_rows(
        self,
        metric: str,
        true: NDArray,
        recon: NDArray,
        floor: NDArray | None,
        ceiling: NDArray | None,
    ) -> list[pd.DataFrame]:
        """Rows of two-way identification by pixels or features, in both directions."""
        similarity = partial(similarity_matrix, true)
        own, low, high = (
            similarity(recon),
            _if_given(similarity, floor),
            _if_given(similarity, ceiling),
        )
        if undefined := int(np.isnan(own).sum()):
            logger.warning(
                "%s: %d of %d similarities of %s are undefined and count as not identified",
                dict(self.keys),
                undefined,
                own.size,
                metric,
            )
        tables = []
        for fixed in get_args(Fixed):
            score = partial(two_way_identification, fixed=fixed, groups=self.groups)
            scores = score(own), _if_given(score, low), _if_given(score, high)
            interval = bootstrap_identification_ci(
                own, self.n_bootstrap, seed=self.seed, fixed=fixed, groups=self.groups
            )
            test = permutation_test(own, self.n_permutations, self.seed, fixed, self.groups)
            tables.append(self.rows(metric, fixed, *scores, interval, test.p_value))
        return tables


def evaluate_set(
    true: NDArray,
    recon: NDArray,
    *,
    keys: Mapping[str, str],
    stimulus_id: Sequence[str],
    floor: NDArray | None = None,
    ceiling: NDArray | None = None,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    n_permutations: int = 9999,
    n_bootstrap: int = 10_000,
) -> pd.DataFrame:
    """Score one set of reconstructed images by every metric that needs no network.

    Metrics: `pixel_correlation`, `ssim`, and `pixel_identification` in both directions.

    Parameters
    ----------
    true, recon : (n, H, W, 3) arrays, 0-255
        Image i of one belongs to image i of the other.
    keys : mapping
        What the rows are about: subject, roi, method and set.
    stimulus_id : n unique strings
    floor, ceiling : (n, H, W, 3) arrays, optional
        Reconstructions from shuffled and from true features, made with the same settings.
    groups : n labels, optional
        Images of one group, such as crops of one photograph, do not compete with each other and
        are drawn together by the bootstrap.
    seed : int
        Of the permutation test and the bootstrap.
    n_permutations, n_bootstrap : int

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, 4 (n + 1) rows: for each metric and direction the set, then each image.

    Raises
    ------
    InputError
        If shapes, keys, names or groups do not fit together.
    """
    for name, images in (("floor", floor), ("ceiling", ceiling)):
        if images is not None and images.shape != true.shape:
            raise InputError(
                f"true images have shape {true.shape} but {name} images {images.shape}"
            )
    one = _Set(keys, stimulus_id, groups, seed, n_permutations, n_bootstrap)
    tables = []
    for name, metric in (("pixel_correlation", pixel_correlation), ("ssim", ssim)):
        score = partial(metric, true)
        scores = score(recon), _if_given(score, floor), _if_given(score, ceiling)
        tables.append(one.image_rows(name, *scores))
    tables += one.identification_rows("pixel_identification", true, recon, floor, ceiling)
    return pd.concat(tables, ignore_index=True)


def feature_identification_rows(
    true: Mapping[str, NDArray],
    recon: Mapping[str, NDArray],
    *,
    keys: Mapping[str, str],
    stimulus_id: Sequence[str],
    floor: Mapping[str, NDArray] | None = None,
    ceiling: Mapping[str, NDArray] | None = None,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    n_permutations: int = 9999,
    n_bootstrap: int = 10_000,
) -> pd.DataFrame:
    """Score one set by two-way identification in the features of a network, layer by layer.

    Parameters
    ----------
    true, recon : mapping, layer -> (n, *unit_shape) array
        Features of the true and of the reconstructed images. Layers are read one at a time, so
        that a mapping may load them when asked.
    floor, ceiling : mapping, optional
        Features of the reconstructions from shuffled and from true features.
    keys, stimulus_id, groups, seed, n_permutations, n_bootstrap
        As for `evaluate_set`.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; metric `identification_<layer>`, both directions.

    Raises
    ------
    InputError
        If a layer is missing, or shapes, keys, names or groups do not fit together.
    """
    for name, features in (("recon", recon), ("floor", floor), ("ceiling", ceiling)):
        missing = [layer for layer in true if features is not None and layer not in features]
        if missing:
            raise InputError(
                f"{name} features: no layer {missing[0]!r}, which the true images have"
            )
    if not true:
        raise InputError("true features hold no layer")
    one = _Set(keys, stimulus_id, groups, seed, n_permutations, n_bootstrap)
    tables = []
    for layer in true:
        low = None if floor is None else floor[layer]
        high = None if ceiling is None else ceiling[layer]
        tables += one.identification_rows(
            f"identification_{layer}", true[layer], recon[layer], low, high
        )
    return pd.concat(tables, ignore_index=True)
