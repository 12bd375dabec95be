"""The report of a study: one self-contained HTML page of images, scores, checks and settings."""

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from deeprecon import __version__
from deeprecon.evaluate.baselines import BASELINES
from deeprecon.evaluate.summary import beside_baselines, own_metrics
from deeprecon.evaluate.table import CONTROL, RECONSTRUCTION, TRUE_FEATURES, read_scores
from deeprecon.provenance import commit, sha256
from deeprecon.report.templates import cells, template
from deeprecon.tables import read_table, read_tables
from deeprecon.validity.result import STATUSES, Check, read_checks

SUMMARY_METRICS = (
    "pixel_identification",
    "pixel_correlation",
    "ssim",
    "pixel_identification_of_colour",
    "pixel_identification_of_shape",
    "brain_correlation",
)
BASELINE_METRICS = ("pixel_correlation", "pixel_identification", "ssim")
LABELS = {CONTROL: "permuted labels (control)"}  # of columns with names that readers do not know
EXPLAINED = {
    LABELS[CONTROL]: "reconstructions by decoders trained on permuted labels",
    **BASELINES,
    TRUE_FEATURES: "reconstructions from the true features of the presented images",
}
HEADINGS = {
    "decoding_by_layer": "Accuracy by layer",
    "decoding_by_region": "Accuracy by region",
    "decoding_by_repetitions": "Accuracy by number of repetitions",
    "decoding_by_training": "Accuracy by number of training samples",
}
File = str | os.PathLike[str]
_PACKAGES = ("numpy", "scipy", "scikit-learn", "scikit-image", "nibabel", "torch", "snakemake")


@dataclass(frozen=True)
class Figures:
    """Figures of a study, as PNG files.

    Attributes
    ----------
    galleries, comparisons, losses, snapshots : stimulus set -> file
    decoding : plots of decoding accuracy, named as in `HEADINGS`
    identification : plot of two-way identification
    checks, check_values : plots of the validity checks
    """

    galleries: Mapping[str, File]
    comparisons: Mapping[str, File]
    losses: Mapping[str, File]
    snapshots: Mapping[str, File]
    decoding: Sequence[File]
    identification: File
    checks: File
    check_values: File


@dataclass(frozen=True)
class Results:
    """Numbers of a study.

    Attributes
    ----------
    scores : scores of all methods, see `evaluate.table`
    pairs : paired comparisons of methods and of regions, see `evaluate.comparisons`
    over_subjects, vividness : see `evaluate.subjects` and `evaluate.vividness`; may be empty
    checks : all validity checks
    others : heading -> any table to show in full, such as the samples of each stimulus set
    """

    scores: pd.DataFrame
    pairs: pd.DataFrame
    over_subjects: pd.DataFrame
    vividness: pd.DataFrame
    checks: Sequence[Check]
    others: Mapping[str, pd.DataFrame]


def read_results(
    scores: File,
    pairs: File,
    over_subjects: File,
    vividness: File,
    checks: File,
    others: Mapping[str, Sequence[File]],
) -> Results:
    """Read the results of a study from its TSV files.

    Parameters
    ----------
    scores, pairs, over_subjects, vividness, checks : files
    others : heading -> files to join into one table; a table without rows is left out

    Raises
    ------
    InputError
        If a file is not a readable table.
    """
    tables = {title: read_tables(paths) for title, paths in others.items()}
    return Results(
        read_scores(scores),
        read_table(pairs),
        read_table(over_subjects),
        read_table(vividness),
        read_checks(checks),
        {title: table for title, table in tables.items() if len(table)},
    )


def build_page(
    settings: Mapping[str, Any],
    figures: Figures,
    results: Results,
    quality: Mapping[str, File],
    sources: Sequence[File],
    simulated: bool,
) -> str:
    """Fill in the page template.

    Parameters
    ----------
    settings : settings of the study, printed in full
    figures, results : what the page shows
    quality : subject -> quality report, in the folder of this page
    sources : input files of the study, listed with their SHA-256
    simulated : whether the page must say that the data are simulated

    Returns
    -------
    HTML text; the page needs no other file
    """
    return template("report/page.html").render(
        study=settings["study"],
        subjects=settings["subjects"],
        control=settings["evaluate"].get("permuted_control"),
        judge="judge" in settings,
        simulated=simulated,
        version=__version__,
        commit=commit(),
        versions=[f"{name} {version(name)}" for name in _PACKAGES],
        hashes=[(Path(path).name, sha256(Path(path))) for path in sources],
        quality=[(subject, Path(path).name) for subject, path in quality.items()],
        settings=yaml.safe_dump(dict(settings), sort_keys=False, default_flow_style=None),
        explained=EXPLAINED,
        **_embedded(figures),
        **_rows(results),
    )


def _embedded(figures: Figures) -> dict[str, Any]:
    """Variables of the template for the figures."""
    return {
        "galleries": _uris(figures.galleries),
        "comparisons": _uris(figures.comparisons),
        "losses": _uris(figures.losses),
        "snapshots": _uris(figures.snapshots),
        "decoding": [(HEADINGS[Path(path).stem], _data_uri(path)) for path in figures.decoding],
        "identification": _data_uri(figures.identification),
        "checks_figure": _data_uri(figures.checks),
        "check_values": _data_uri(figures.check_values),
    }


def _rows(results: Results) -> dict[str, Any]:
    """Variables of the template for the results."""
    scores, pairs, checks = results.scores, results.pairs, results.checks
    over_subjects, shown = results.over_subjects, [*SUMMARY_METRICS, *own_metrics(scores)]
    return {
        "halved": bool(scores["split_half"].notna().any()),
        "scores": [(metric, _of_reconstructions(scores, metric)) for metric in shown],
        "baselines": [
            (metric, cells(beside_baselines(scores, metric).rename(columns=LABELS)))
            for metric in BASELINE_METRICS
        ],
        "missing": sorted({(row.metric, row.note) for row in _not_computed(scores)}),
        "pairs": cells(pairs[pairs["metric"] == "pixel_identification"]),
        "over_subjects": cells(over_subjects[over_subjects["metric"].isin(shown)]),
        "vividness": cells(results.vividness),
        "checks": [{**asdict(check), "title": check.title} for check in checks],
        "counts": {status: sum(c.status == status for c in checks) for status in STATUSES},
        "tables": [(title, table.to_dict("records")) for title, table in results.others.items()],
    }


def _uris(files: Mapping[str, File]) -> list[tuple[str, str]]:
    """(name, data URI) of several PNG files."""
    return [(name, _data_uri(path)) for name, path in files.items()]


def _data_uri(path: File) -> str:
    """A PNG file as a data URI, to embed in the page."""
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode()


def _not_computed(scores: pd.DataFrame) -> Iterator[Any]:
    """Rows of scores that were not computed, with the reason in their notes."""
    yield from scores[scores["note"].str.startswith("not computed")].itertuples()


def _of_reconstructions(scores: pd.DataFrame, metric: str) -> list[dict[Any, Any]]:
    """Rows of one score; for identification, those in which the reconstruction is fixed."""
    own = (scores["condition"] == RECONSTRUCTION) & (scores["direction"] != "true")
    return scores[own & (scores["metric"] == metric)].to_dict("records")
