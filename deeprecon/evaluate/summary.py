"""Wide tables: one row for each method, region and set, one column for each score."""

import pandas as pd

from deeprecon.evaluate.baselines import BASELINES
from deeprecon.evaluate.registry import METRICS
from deeprecon.evaluate.table import CONTROL, KEYS, RECONSTRUCTION, TRUE_FEATURES
from deeprecon.registry import is_import_path

# The first columns, in the order of published tables; some scores derive from a metric and have no
# entry of their own in the registry.
_FIRST = (
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
)
SUMMARY = tuple(
    dict.fromkeys([*_FIRST, *(name for name, one in METRICS.items() if one.in_summary)])
)


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Put the scores of whole sets in columns.

    Parameters
    ----------
    scores : table `COLUMNS` of `evaluate.table`

    Returns
    -------
    DataFrame
        One row for each condition of each set, with `n` images. Identification is the one in which
        the reconstruction is fixed. A score that was never computed has no column.
    """
    keys = [*KEYS, "condition"]
    wide = _wide(scores, [*SUMMARY, *own_metrics(scores)], keys, "metric")
    counted = scores.groupby(keys, sort=False)["n"].max().rename("n").reset_index()
    return counted.merge(wide, how="right", on=keys)


def own_metrics(scores: pd.DataFrame) -> list[str]:
    """Names of the user's own metrics in a table of scores."""
    return [name for name in scores["metric"].unique() if is_import_path(name)]


def beside_baselines(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Put one score of the reconstructions and of all baselines in columns.

    Parameters
    ----------
    scores : table `COLUMNS` of `evaluate.table`
    metric : name, such as "pixel_correlation"

    Returns
    -------
    DataFrame
        One row for each method, region and set; one column for each condition.
    """
    wide = _wide(scores, [metric], list(KEYS), "condition")
    order = [CONTROL, *BASELINES, RECONSTRUCTION, TRUE_FEATURES]
    return wide[[*KEYS, *(name for name in order if name in wide)]]


def _wide(scores: pd.DataFrame, metrics: list[str], rows: list[str], columns: str) -> pd.DataFrame:
    """Values of some scores in wide form, with columns in order of appearance."""
    shown = scores[scores["metric"].isin(metrics) & (scores["direction"] != "true")]
    shown = shown.dropna(subset=["value"])
    if shown.empty:
        return pd.DataFrame(columns=rows)
    wide = shown.pivot_table(values="value", index=rows, columns=columns, sort=False)
    known = [name for name in metrics if name in wide] if columns == "metric" else [*wide.columns]
    return wide[known].reset_index()
