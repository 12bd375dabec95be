"""The page on human judgement: who judged the reconstructions, how, and with what result."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from deeprecon import __version__
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.judge.analysis.results import RATERS
from deeprecon.judge.analysis.selection import ALL, EVERY, KEPT
from deeprecon.reconstruct.store import read_images
from deeprecon.report.judgement_plot import plot_accuracy, plot_preferences, ranking
from deeprecon.report.page import cells, template
from deeprecon.report.style import webp

Pictures = Mapping[tuple[str, str, str, str], Mapping[str, tuple[NDArray, NDArray]]]
"""(subject, roi, method, set) -> stimulus -> (original, reconstruction)."""

TABLES = (
    "power", "raters", "findings", "accuracy", "preferences", "comparisons", "agreement",
    "images", "metrics", "observers",
)  # fmt: skip


def read_tables(files: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Read the tables that the page shows; empty cells are NaN and "n/a" stays text.

    Parameters
    ----------
    files : name in TABLES -> path; other names are ignored
    """
    text = dict.fromkeys(("target", "rater", "file"), str)
    return {
        name: pd.read_csv(files[name], sep="\t", dtype=text, keep_default_na=False, na_values=[""])
        for name in TABLES
    }


def read_pictures(
    targets: Sequence[str],
    results: Sequence[str],
    tables: Sequence[str],
    image: Mapping[str, Any],
) -> Pictures:
    """Read the originals and reconstructions that the page shows.

    Parameters
    ----------
    targets : "subject/roi/method/set" of each result
    results : files of reconstructions
    tables : stimulus table of each set, named after it
    image : size and resampling of the originals, as `deeprecon.data.stimuli.load_images` takes them
    """
    stimuli = {Path(path).stem: read_stimuli(path) for path in tables}
    pictures = {}
    for target, file in zip(targets, results, strict=True):
        subject, roi, method, name = target.split("/")
        ids = list(stimuli[name]["stimulus_id"])
        pairs = zip(load_images(stimuli[name], **image), read_images(file, ids), strict=True)
        pictures[subject, roi, method, name] = dict(zip(ids, pairs, strict=True))
    return pictures


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
    """Draw the figures and fill the page.

    Parameters
    ----------
    study : name of the study
    simulated : whether the brain data are simulated, which the page must say
    design : content of `judge/study.json`
    folder : folder of the rating files
    layers : layers of the study's network
    tables : name in TABLES -> table, from `read_tables`
    pictures : originals and reconstructions of each condition, from `read_pictures`

    Returns
    -------
    HTML text that needs no other file
    """
    raters = tables["raters"]
    kept = int(raters["kept"].sum())
    note = "Simulated brain data. " if simulated else ""
    note += f"{kept} raters." if kept else "No person has judged yet: model observers only."
    judged = ("accuracy", "preferences", "agreement")
    main = {name: tables[name][tables[name]["raters"] == KEPT] for name in judged}
    ranked_by = RATERS if kept else "model observers"
    return template("report/judgement.html").render(
        study=study,
        simulated=simulated,
        version=__version__,
        design=design,
        folder=folder,
        n_raters=len(raters),
        n_kept=kept,
        accuracy=_picture(plot_accuracy(main["accuracy"], layers, note)),
        accuracy_rows=_of_people(tables["accuracy"]),
        preferences=_preferences(main["preferences"], layers, note),
        preference_rows=_of_people(tables["preferences"]),
        comparison_rows=_of_people(tables["comparisons"]),
        observer_rows=cells(_observers(main["accuracy"])),
        agreement=_shown(main["agreement"].drop(columns="raters")),
        agreement_of_all=_shown(tables["agreement"][tables["agreement"]["raters"] == ALL]),
        metrics=_by_set(tables["metrics"]),
        with_observers=_shown(tables["observers"]),
        ranked_by=ranked_by,
        rankings=_rankings(tables["images"], pictures, ranked_by),
        raters=_shown(raters),
        findings=tables["findings"].fillna("n/a").to_dict("records"),
        power=_power(tables["power"]),
        precision=tables["power"].query("this_study").to_dict("records")[0],
    )


def _preferences(preferences: pd.DataFrame, layers: Sequence[str], note: str) -> str | None:
    """The figure of preferences, None if there are none."""
    return _picture(plot_preferences(preferences, layers, note)) if len(preferences) else None


def _of_people(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows of people, for kept and for all raters, without the column `judges`."""
    return _shown(table[table["judges"] == RATERS].drop(columns="judges"))


def _shown(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows of a table, without empty columns and with yes and no for truth values."""
    table = table.dropna(axis="columns", how="all")
    shown = table.copy()
    for name in shown.select_dtypes(bool):
        shown[name] = shown[name].map({True: "yes", False: "no"})
    return cells(shown)


def _by_set(metrics: pd.DataFrame) -> list[tuple[str, list[dict[Any, Any]]]]:
    """(set, rows) of each set; all sets together come first."""
    names = sorted(metrics["set"].unique(), key=lambda name: name != EVERY)
    return [(name, _shown(metrics[metrics["set"] == name].drop(columns="set"))) for name in names]


def _power(power: pd.DataFrame) -> list[dict[Any, Any]]:
    """Half-widths: a row for each number of raters and a column for each number of trials."""
    usual = power[~power["this_study"].astype(bool)]
    wide = usual.pivot_table(index="raters", columns="trials", values="half_width")
    wide.columns = [f"{trials} trials" for trials in wide.columns]
    return cells(wide.reset_index())


def _observers(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of each model observer in each task."""
    table = accuracy[accuracy["judges"] != RATERS]
    named = table.assign(task=table["task"].where(table["aspect"] == "n/a", table["aspect"]))
    wide = named.pivot_table(index="judges", columns="task", values="accuracy", sort=False)
    return wide.reset_index().rename(columns={"judges": "model observer"})


def _rankings(images: pd.DataFrame, pictures: Pictures, judges: str) -> list[tuple[str, str]]:
    """(title, picture) of each condition in the identification task."""
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
    """A figure as a data URI."""
    return "data:image/webp;base64," + base64.b64encode(webp(figure)).decode()


def _image(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
