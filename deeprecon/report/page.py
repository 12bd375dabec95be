"""The report: one self-contained HTML page with pictures, scores, settings and versions."""

import base64
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from deeprecon import __version__
from deeprecon.evaluate.baselines import BASELINES
from deeprecon.evaluate.summary import beside_baselines
from deeprecon.evaluate.table import CONTROL, RECONSTRUCTION, TRUE_FEATURES
from deeprecon.provenance import commit
from deeprecon.validity.result import STATUSES, Check

SUMMARY_METRICS = (
    "pixel_identification",
    "pixel_correlation",
    "ssim",
    "pixel_identification_of_colour",
    "pixel_identification_of_shape",
    "brain_correlation",
)
BASELINE_METRICS = ("pixel_correlation", "pixel_identification", "ssim")
EXPLAINED = {
    CONTROL: "reconstructions by decoders trained on permuted labels",
    **BASELINES,
    TRUE_FEATURES: "reconstructions from the features of the originals themselves",
}
File = str | os.PathLike[str]
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


def _data_uri(path: File) -> str:
    """A PNG file as text that an HTML page can hold."""
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode()


@dataclass(frozen=True)
class Pictures:
    """Figures of a study as PNG files.

    Attributes
    ----------
    galleries, comparisons, losses, strips : stimulus set -> file
    identification : plot of scores
    checks, check_values : plots of validity checks
    decoding : what a plot shows -> file
    """

    galleries: Mapping[str, File]
    comparisons: Mapping[str, File]
    losses: Mapping[str, File]
    strips: Mapping[str, File]
    identification: File
    checks: File
    check_values: File
    decoding: Mapping[str, File]


def build_page(
    settings: Mapping[str, Any],
    pictures: Pictures,
    scores: pd.DataFrame,
    compared: pd.DataFrame,
    over_subjects: pd.DataFrame,
    vividness: pd.DataFrame,
    checks: Sequence[Check],
    tables: Mapping[str, pd.DataFrame],
    quality: Mapping[str, str],
    hashes: Mapping[str, str],
    simulated: bool,
) -> str:
    """Fill the page template.

    Parameters
    ----------
    settings : of the study, printed whole
    pictures : figures
    scores : tidy table of all methods (`evaluate.table`)
    compared : methods and regions in pairs (`evaluate.comparisons`)
    over_subjects, vividness : of `evaluate.subjects` and `evaluate.vividness`; may have no row
    checks : all validity checks
    tables : title -> table, such as the samples of each stimulus set; any columns
    quality : subject -> address of its page of quality, relative to this page
    hashes : file that the study started from -> SHA-256
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
        galleries=_uris(pictures.galleries),
        comparisons=_uris(pictures.comparisons),
        losses=_uris(pictures.losses),
        strips=_uris(pictures.strips),
        identification=_data_uri(pictures.identification),
        checks_figure=_data_uri(pictures.checks),
        check_values=_data_uri(pictures.check_values),
        decoding=_uris(pictures.decoding),
        halved=bool(scores["split_half"].notna().any()),
        scores=[(metric, _of_reconstructions(scores, metric)) for metric in SUMMARY_METRICS],
        baselines=[
            (metric, cells(beside_baselines(scores, metric))) for metric in BASELINE_METRICS
        ],
        explained=EXPLAINED,
        missing=sorted({(row.metric, row.note) for row in _not_computed(scores)}),
        compared=cells(compared[compared["metric"] == "pixel_identification"]),
        over_subjects=cells(over_subjects[over_subjects["metric"].isin(SUMMARY_METRICS)]),
        vividness=cells(vividness),
        checks=[{**asdict(check), "title": check.title} for check in checks],
        counts={status: sum(c.status == status for c in checks) for status in STATUSES},
        tables=[(title, table.to_dict("records")) for title, table in tables.items()],
        quality=list(quality.items()),
        commit=commit(),
        versions=[f"{name} {version(name)}" for name in _PACKAGES],
        hashes=list(hashes.items()),
        settings=yaml.safe_dump(dict(settings), sort_keys=False, default_flow_style=None),
    )


def _uris(files: Mapping[str, File]) -> list[tuple[str, str]]:
    """(name, text of the picture) of several files."""
    return [(name, _data_uri(path)) for name, path in files.items()]


def cells(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows of a table, numbers with two or three digits."""
    rounded = table.copy()
    for column in rounded.select_dtypes("float"):
        if column in ("p", "p_holm", "p_subjects"):
            rounded[column] = rounded[column].map(_p_value)
        else:
            rounded[column] = rounded[column].map(_score)
    return rounded.to_dict("records")


def _not_computed(scores: pd.DataFrame) -> Iterator[Any]:
    """Rows of scores that say why there is none."""
    yield from scores[scores["note"].str.startswith("not computed")].itertuples()


def _of_reconstructions(scores: pd.DataFrame, metric: str) -> list[dict[Any, Any]]:
    """Rows of one score; of identification, those in which the reconstruction is fixed."""
    own = (scores["pictures"] == RECONSTRUCTION) & (scores["direction"] != "true")
    return scores[own & (scores["metric"] == metric)].to_dict("records")
