"""The report: one self-contained HTML page with pictures, scores, settings and versions."""

import base64
import math
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from deeprecon import __version__

SUMMARY_METRICS = ("pixel_identification", "pixel_correlation", "ssim")
_PACKAGES = ("numpy", "scipy", "scikit-learn", "scikit-image", "nibabel", "torch", "snakemake")


def _score(value: float) -> str:
    """Two decimals, or a dash for what does not exist."""
    return "–" if pd.isna(value) else f"{value:.2f}"


def _p_value(value: float) -> str:
    """Three decimals; never zero."""
    if pd.isna(value):
        return "–"
    return f"{value:.3f}" if value >= 0.001 else f"{10 ** math.ceil(math.log10(value)):.4f} or less"


def _number(value: float) -> str:
    """Three significant digits, or a dash for what does not exist."""
    return "–" if pd.isna(value) else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def template(name: str) -> Template:
    """A page of this package, with its filters."""
    environment = Environment(
        loader=PackageLoader("deeprecon", "report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(score=_score, pvalue=_p_value, number=_number)
    return environment.get_template(name)


def _data_uri(path: str | os.PathLike[str]) -> str:
    """A PNG file as text that an HTML page can hold."""
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode()


def build_page(
    settings: Mapping[str, Any],
    galleries: Mapping[str, str | os.PathLike[str]],
    comparisons: Mapping[str, str | os.PathLike[str]],
    losses: Mapping[str, str | os.PathLike[str]],
    strips: Mapping[str, str | os.PathLike[str]],
    identification: str | os.PathLike[str],
    decoding: Mapping[str, str | os.PathLike[str]],
    scores: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    quality: Mapping[str, str],
    simulated: bool,
) -> str:
    """Fill the page template.

    Parameters
    ----------
    settings : of the study, printed whole
    galleries, comparisons, losses, strips : stimulus set -> PNG file
    identification : PNG file of the plot
    decoding : what a plot shows -> PNG file
    scores : tidy table of all methods (`evaluate.table`)
    tables : title -> table, such as the samples of each stimulus set; any columns
    quality : subject -> address of its page of quality, relative to this page
    simulated : whether the page must say that the data are simulated

    Returns
    -------
    HTML text that needs no other file
    """
    return template("page.html").render(
        study=settings["study"],
        subjects=settings["subjects"],
        floor=settings["evaluate"].get("floor"),
        judge="judge" in settings,
        simulated=simulated,
        version=__version__,
        galleries=[(name, _data_uri(path)) for name, path in galleries.items()],
        comparisons=[(name, _data_uri(path)) for name, path in comparisons.items()],
        losses=[(name, _data_uri(path)) for name, path in losses.items()],
        strips=[(name, _data_uri(path)) for name, path in strips.items()],
        identification=_data_uri(identification),
        decoding=[(text, _data_uri(path)) for text, path in decoding.items()],
        scores=_summary(scores),
        tables=[(title, table.to_dict("records")) for title, table in tables.items()],
        quality=list(quality.items()),
        versions=[f"{name} {version(name)}" for name in _PACKAGES],
        settings=yaml.safe_dump(dict(settings), sort_keys=False, default_flow_style=None),
    )


def _summary(scores: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows of whole sets, in the order of the metrics above."""
    whole = scores[scores["stimulus_id"] == "all"]
    whole = whole[whole["direction"] != "true"]
    parts = [whole[whole["metric"] == metric] for metric in SUMMARY_METRICS]
    return pd.concat(parts).to_dict("records")
