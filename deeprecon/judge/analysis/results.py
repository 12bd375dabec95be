"""All results of human judgement: what raters and, separately, model observers answered."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from deeprecon.judge.analysis.accuracy import accuracy_table, image_table
from deeprecon.judge.analysis.preferences import comparison_table, preference_table
from deeprecon.judge.analysis.reliability import agreement_table
from deeprecon.judge.analysis.selection import KEPT
from deeprecon.judge.analysis.tracking import metric_table, observer_table

RATERS = "raters"
"""People, in the column `judges`; every other judge is a model observer."""


def judgement_tables(
    people: pd.DataFrame,
    observers: pd.DataFrame,
    image_scores: pd.DataFrame,
    *,
    n_bootstrap: int,
    n_permutations: int,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """The tables of accuracy, preference, agreement, images and metrics.

    Parameters
    ----------
    people : `judge/responses.tsv`, one row per answer
    observers : `judge/observers.tsv`, the answers of model observers to the same trials
    image_scores : `evaluation/image_scores.tsv`
    n_bootstrap, n_permutations, seed : int

    Returns
    -------
    dict
        accuracy, preferences, comparisons and images, with the first column `judges`: "raters"
        or the name of a model observer; agreement, metrics and observers.

    Raises
    ------
    InputError
        If a table lacks a column.
    """
    observers = observers.assign(kept=True)
    # A formula always gives the same answer to the same pictures, so that one is enough.
    once = observers.drop_duplicates(["rater", "item", "kind"])
    judges = {RATERS: people} if len(people) else {}
    each = judges | {str(name): part for name, part in once.groupby("rater", sort=False)}
    resampled = {"n_bootstrap": n_bootstrap, "seed": seed}
    tested = resampled | {"n_permutations": n_permutations}
    return {
        "accuracy": _by_judge(accuracy_table, each, **tested),
        "preferences": _by_judge(preference_table, each, **resampled),
        "comparisons": _by_judge(comparison_table, each, **tested),
        "images": _by_judge(image_table, judges | {"model observers": once}),
        "agreement": agreement_table(people, **resampled),
        "metrics": metric_table(people, image_scores, **tested),
        "observers": observer_table(people, observers, **resampled),
    }


def _by_judge(
    analyse: Callable[..., pd.DataFrame], judges: Mapping[str, pd.DataFrame], **options: Any
) -> pd.DataFrame:
    """The table of each judge, below each other, with a first column that names the judge."""
    tables = []
    for name, responses in judges.items():
        table = analyse(responses, **options)
        # No model observer is ever excluded: its rows for "kept" and "all" are the same.
        table = table if name == RATERS else table[table["raters"] == KEPT]
        table.insert(0, "judges", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
