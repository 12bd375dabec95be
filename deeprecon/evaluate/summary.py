"""The wide table: a row a method, region and set, a column a score."""

import pandas as pd

from deeprecon.evaluate.baselines import BASELINES
from deeprecon.evaluate.table import CONTROL, KEYS, RECONSTRUCTION, TRUE_FEATURES

# In the order of papers' tables.
SUMMARY = (
    "pixel_correlation",
    "ssim",
    "pixel_identification",
    "pixel_identification_10way",
    "pixel_identification_50way",
    "pixel_top1",
    "pixel_top10",
    "colour_identification",
    "pixel_identification_of_colour",
    "pixel_identification_of_shape",
    "brain_correlation",
    "brain_identification",
    "alexnet_2",
    "alexnet_5",
    "inception",
    "clip",
    "efficientnet_b1_v1",
    "efficientnet_b1_v2",
    "swav",
    "lpips_alex",
    "dreamsim",
)


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Values of whole sets, scores side by side, as people read them.

    Parameters
    ----------
    scores : table `COLUMNS` of `evaluate.table`

    Returns
    -------
    DataFrame
        A row for each kind of pictures of each set, `n` images; of identification the direction in
        which the reconstruction is fixed. A score that was never computed has no column.
    """
    wide = _wide(scores, list(SUMMARY), [*KEYS, "pictures"], "metric")
    counted = scores.groupby([*KEYS, "pictures"], sort=False)["n"].max().rename("n").reset_index()
    return counted.merge(wide, how="right", on=[*KEYS, "pictures"])


def beside_baselines(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One score of the reconstructions and of every baseline: a row a method, region and set.

    Parameters
    ----------
    scores : table `COLUMNS` of `evaluate.table`
    metric : such as "pixel_correlation"
    """
    wide = _wide(scores, [metric], list(KEYS), "pictures")
    order = [CONTROL, *BASELINES, RECONSTRUCTION, TRUE_FEATURES]
    return wide[[*KEYS, *(name for name in order if name in wide)]]


def _wide(scores: pd.DataFrame, metrics: list[str], rows: list[str], columns: str) -> pd.DataFrame:
    """Values of some scores, spread over columns in the order in which they come."""
    shown = scores[scores["metric"].isin(metrics) & (scores["direction"] != "true")]
    shown = shown.dropna(subset=["value"])
    if shown.empty:
        return pd.DataFrame(columns=rows)
    wide = shown.pivot_table(values="value", index=rows, columns=columns, sort=False)
    known = [name for name in metrics if name in wide] if columns == "metric" else [*wide.columns]
    return wide[known].reset_index()
