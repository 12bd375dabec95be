"""Tidy tables of how well layers are decoded."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from deeprecon.decode.models import Settings
from deeprecon.decode.settings import DEFAULTS
from deeprecon.decode.validate import Scores
from deeprecon.errors import InputError
from deeprecon.tables import read_table

Path = str | os.PathLike[str]


def validation_table(
    models: Sequence[Settings], scores: Sequence[Mapping[str, Scores]], keys: Mapping[str, Any]
) -> pd.DataFrame:
    """Accuracy on held-out training images: a row for each layer and each candidate.

    Parameters
    ----------
    models : settings of each candidate
    scores : for each candidate, layer -> Scores
    keys : first columns, such as the subject

    Returns
    -------
    DataFrame
        `chosen` is true for the candidate of a layer with the highest mean profile correlation.
    """
    rows = []
    for layer in scores[0]:
        means = [by_layer[layer].means() for by_layer in scores]
        accuracy = [row["profile_correlation"] for row in means]
        best = 0 if np.isnan(accuracy).all() else int(np.nanargmax(accuracy))
        for i, (settings, row) in enumerate(zip(models, means, strict=True)):
            n = {
                "n_units": scores[i][layer].profile_correlation.size,
                "n_images": scores[i][layer].pattern_correlation.size,
            }
            rows.append({**keys, "layer": layer, **settings, **row, **n, "chosen": i == best})
    return pd.DataFrame(rows)


def score_rows(scores: Scores, keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each score of a layer: mean, number of values, number of undefined values."""
    rows = []
    for (name, mean), values in zip(scores.means().items(), scores, strict=True):
        undefined = int(np.isnan(values).sum())
        counts = {"n": values.size - undefined, "n_undefined": undefined}
        rows.append({**keys, "metric": name, "value": mean, **counts})
    return rows


def stimulus_rows(
    scores: Scores, stimulus_id: Sequence[str], keys: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A row for each stimulus and each score of single stimuli."""
    return [
        {**keys, "stimulus_id": name, "metric": metric, "value": value}
        for metric in ("pattern_correlation", "pairwise_identification")
        for name, value in zip(stimulus_id, getattr(scores, metric), strict=True)
    ]


def _chosen(path: Path, layer: str) -> "pd.Series[Any]":
    """Row of the chosen settings of a layer in a file of `validation_table`."""
    table = read_table(path)
    rows = table[(table["layer"] == layer) & table["chosen"]]
    if len(rows) != 1:
        raise InputError(f"{path}: {len(rows)} chosen rows of layer {layer!r}, expected 1")
    return rows.iloc[0]


def read_settings(path: Path, layer: str) -> Settings:
    """Read the settings that cross-validation chose for a layer."""
    row = _chosen(path, layer)
    # Pandas reads whole numbers as floats if another row has none.
    whole = {"n_voxels", "tiles"}
    settings: Settings = {"model": row["model"]}
    for key in DEFAULTS[row["model"]]:
        value = row[key]
        settings[key] = value if value == "all" else int(value) if key in whole else float(value)
    return settings


def read_accuracy(path: Path, layer: str) -> float:
    """Read the mean profile correlation of a layer on held-out training images."""
    return float(_chosen(path, layer)["profile_correlation"])


KEYS = ["subject", "roi", "decoder", "permuted", "set", "layer", "metric"]
REPETITION_COLUMNS = [*KEYS, "n_repetitions", "used", "n_subsets", "value", "ceiling", "n_units"]


def with_ceilings(scores: pd.DataFrame, repetitions: pd.DataFrame) -> pd.DataFrame:
    """Add the noise ceiling for the number of averaged repetitions to scores, if there is one."""
    if repetitions.empty:
        return scores.assign(n_repetitions=np.nan, ceiling=np.nan)
    used = repetitions[repetitions["used"]]
    return scores.merge(used[[*KEYS, "n_repetitions", "ceiling"]], on=KEYS, how="left")
