"""The page of human judgement: who judged what, how, and what it says of the reconstructions."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from deeprecon import __version__
from deeprecon.report.judgement_plot import RATERS, plot_accuracy, plot_preferences, ranking
from deeprecon.report.page import cells, template
from deeprecon.report.quality_figures import webp

Pictures = Mapping[tuple[str, str, str, str], Mapping[str, tuple[NDArray, NDArray]]]
"""(subject, roi, method, set) -> stimulus -> (original, reconstruction)."""


def build_judgement_page(
    *,
    study: str,
    simulated: bool,
    design: Mapping[str, Any],
    folder: str,
    layers: Sequence[str],
    tables: Mapping[str, pd.DataFrame],
    pictures: Pictures,
) -> str:
    """Draw and fill the page.

    Parameters
    ----------
    study : name
    simulated : whether the page must say that the brain data are simulated
    design : the content of `judge/study.json`
    folder : where files of ratings are put
    layers : of the study's network
    tables : power, raters, findings, accuracy, preferences, comparisons, agreement, images,
        metrics, observers: the files of `judge/` of these names
    pictures : to show the images of each condition, as raters identified them

    Returns
    -------
    HTML text that needs no other file
    """
    raters = tables["raters"]
    kept = int(raters["kept"].sum())
    note = "Simulated brain data. " if simulated else ""
    note += f"{kept} raters." if kept else "No person has judged: model observers alone."
    main = {
        name: table[table["raters"] == "kept"]
        for name, table in tables.items()
        if "raters" in table and name != "power"
    }
    ranked_by = RATERS if kept else "model observers"
    return template("judgement.html").render(
        study=study,
        simulated=simulated,
        version=__version__,
        design=design,
        folder=folder,
        n_raters=len(raters),
        n_kept=kept,
        accuracy=_picture(plot_accuracy(main["accuracy"], layers, note)),
        accuracy_rows=_of_people(tables["accuracy"]),
        preferences=(
            _picture(plot_preferences(main["preferences"], layers, note))
            if len(main["preferences"])
            else None
        ),
        preference_rows=_of_people(tables["preferences"]),
        comparison_rows=_of_people(tables["comparisons"]),
        observer_rows=cells(_observers(main)),
        agreement=_shown(main["agreement"].drop(columns="raters")),
        agreement_of_all=_shown(tables["agreement"].query("raters == 'all'")),
        metrics=_by_set(tables["metrics"]),
        with_observers=_shown(tables["observers"]),
        ranked_by=ranked_by,
        rankings=_rankings(tables["images"], pictures, ranked_by),
        raters=_shown(raters),
        findings=tables["findings"].fillna("n/a").to_dict("records"),
        power=_power(tables["power"]),
        precision=tables["power"].query("this_study").to_dict("records")[0],
    )


def _of_people(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows of raters, kept and all, without the column that says so."""
    return _shown(table[table["judges"] == RATERS].drop(columns="judges"))


def _shown(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows of a table without empty columns, yes and no in words."""
    table = table.dropna(axis="columns", how="all")
    shown = table.copy()
    for name in shown.select_dtypes(bool):
        shown[name] = shown[name].map({True: "yes", False: "no"})
    return cells(shown)


def _by_set(metrics: pd.DataFrame) -> list[tuple[str, list[dict[Any, Any]]]]:
    """(set, rows) of each set, all sets together first."""
    names = sorted(metrics["set"].unique(), key=lambda name: name != "all")
    return [(name, _shown(metrics[metrics["set"] == name].drop(columns="set"))) for name in names]


def _power(power: pd.DataFrame) -> list[dict[Any, Any]]:
    """Half widths: a row for each number of raters, a column for each number of trials."""
    usual = power[~power["this_study"].astype(bool)]
    wide = usual.pivot_table(index="raters", columns="trials", values="half_width")
    wide.columns = [f"{trials} trials" for trials in wide.columns]
    return cells(wide.reset_index())


def _observers(main: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean accuracy of each model observer in each task."""
    table = main["accuracy"]
    table = table[table["judges"] != RATERS]
    named = table.assign(task=table["task"].where(table["aspect"] == "n/a", table["aspect"]))
    wide = named.pivot_table(index="judges", columns="task", values="accuracy", sort=False)
    return wide.reset_index().rename(columns={"judges": "model observer"})


def _rankings(images: pd.DataFrame, pictures: Pictures, judges: str) -> list[tuple[str, str]]:
    """(title, picture) of each condition, of identification alone."""
    shown = images[(images["judges"] == judges) & (images["task"] == "identification")]
    found = []
    for key in pictures:
        subject, roi, method, name = key
        own = (shown["subject"] == subject) & (shown["roi"] == roi)
        part = shown[own & (shown["method"] == method) & (shown["set"] == name)]
        if len(part):
            title = f"{' '.join(key)}: share of {judges} who chose the original"
            found.append((" ".join(key), _image(ranking(part, pictures[key], title))))
    return found


def _picture(figure: Figure) -> str:
    """A figure as text that an HTML page can hold."""
    return "data:image/webp;base64," + base64.b64encode(webp(figure)).decode()


def _image(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
