"""Templates of the HTML pages, and the number formats that they share."""

import math
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from deeprecon import package_data

_P_VALUES = ("p", "p_holm", "p_subjects")


def template(name: str) -> Template:
    """Load a template, named by its path in the package, with the filters for numbers."""
    environment = Environment(
        loader=FileSystemLoader(package_data.FOLDER), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(score=_score, pvalue=_p_value, number=_number)
    return environment.get_template(name)


def cells(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows of a table, with numbers rounded to two decimals and p-values to three."""
    rounded = table.copy()
    for column in rounded.select_dtypes("float"):
        rounded[column] = rounded[column].map(_p_value if column in _P_VALUES else _score)
    return rounded.to_dict("records")


def _score(value: float) -> str:
    """Two decimals, or a dash for a value that is not defined."""
    return "–" if pd.isna(value) else f"{value:.2f}"


def _p_value(value: float) -> str:
    """Three decimals; never zero."""
    if pd.isna(value):
        return "–"
    return f"{value:.3f}" if value >= 0.001 else f"{10 ** math.ceil(math.log10(value)):.4f} or less"


def _number(value: float) -> str:
    """Three significant digits, or a dash for a value that is not defined."""
    return "–" if pd.isna(value) else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
