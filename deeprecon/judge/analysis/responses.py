"""Read the tables of answers."""

import os

import pandas as pd

_TEXT = (
    "rater", "file", "trial_id", "task", "kind", "item", "repeats", "subject", "roi", "foil_roi",
    "method", "foil_method", "set", "aspect", "target", "foil", "target_side", "response",
)  # fmt: skip


def read_responses(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A table of answers: names stay text, letter for letter; NaN is an unknown time."""
    return pd.read_csv(
        path, sep="\t", dtype=dict.fromkeys(_TEXT, str), keep_default_na=False,
        na_values={name: [""] for name in ("rt_ms", "t_ms", "focus_lost")},
    )  # fmt: skip
