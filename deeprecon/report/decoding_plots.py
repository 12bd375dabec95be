"""Plots of decoding accuracy by layer, by region and by number of repetitions."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deeprecon.report.style import COLOURS, STYLE

METRICS = {
    "profile_correlation": "profile correlation\n(mean over units)",
    "pattern_correlation": "pattern correlation\n(mean over stimuli)",
    "pairwise_identification": "pairwise identification\n(mean over stimuli)",
}
_CHANCE = {"pairwise_identification": 0.5}


def _over_subjects(rows: pd.DataFrame, by: str, order: Sequence[object]) -> pd.DataFrame:
    """Mean and standard error over subjects, for each value of a column in the given order."""
    groups = rows.groupby(by)["value"]
    n = groups.count()
    table = pd.DataFrame({"mean": groups.mean(), "sem": groups.std(ddof=1) / np.sqrt(n)})
    return table.reindex(list(order))


def _draw(axis: Axes, rows: pd.DataFrame, by: str, order: Sequence[object], **style: Any) -> None:
    """Draw means over subjects with standard errors, and one dot per subject."""
    table, at = _over_subjects(rows, by, order), np.arange(len(order))
    several = len(rows["subject"].unique()) > 1
    line = axis.errorbar(
        at, table["mean"], table["sem"] if several else None,
        marker="o", markersize=3.5, capsize=2, **style,
    )  # fmt: skip
    if several:
        position = {name: i for i, name in enumerate(order)}
        axis.plot(
            rows[by].map(position), rows["value"], ".", markersize=3,
            color=line[0].get_color(), alpha=0.5,
        )  # fmt: skip


def _panels(
    scores: pd.DataFrame,
    order: Sequence[str],
    draw: Callable[[Axes, pd.DataFrame], None],
    xlabel: str,
    note: str,
) -> Figure:
    """Figure with one row of panels per metric and one column per stimulus set."""
    sets = list(dict.fromkeys(scores["set"]))
    width = max(max(2.6, 0.28 * len(order) + 1.0) * len(sets), 4.5) + 2.0
    figure = Figure(figsize=(width, 7.2), layout="constrained")
    axes = figure.subplots(len(METRICS), len(sets), sharex=True, sharey="row", squeeze=False)
    for row, (metric, label) in zip(axes, METRICS.items(), strict=True):
        for axis, name in zip(row, sets, strict=True):
            axis.axhline(_CHANCE.get(metric, 0), color="0.7", linewidth=0.8, zorder=0)
            draw(axis, scores[(scores["set"] == name) & (scores["metric"] == metric)])
            axis.set_xticks(range(len(order)), list(order), rotation=60, fontsize=8)
        row[0].set_ylabel(label)
    for axis, name in zip(axes[0], sets, strict=True):
        axis.set_title(name)
    handles = {
        text: line for line, text in zip(*axes[0, 0].get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside right upper")
    subjects = scores["subject"].nunique()
    spread = f"bars: standard error over {subjects} subjects, dots: each of them\n"
    figure.supxlabel(f"{xlabel}\n{spread if subjects > 1 else 'one subject. '}{note}", fontsize=9)
    return figure


def plot_by_layer(scores: pd.DataFrame, layers: Sequence[str], note: str) -> Figure:
    """Plot three scores by layer: one line per region and decoder; controls are dashed.

    Parameters
    ----------
    scores : tidy table, columns subject, roi, decoder, permuted, set, layer, metric, value
    layers : layers in the order of the axis
    note : text below the plot, such as "simulated data"
    """

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        for (roi, decoder), lines in rows.groupby(["roi", "decoder"], sort=False):
            style = "--" if lines["permuted"].iloc[0] else "-"
            _draw(axis, lines, "layer", layers, linestyle=style, label=f"{roi} {decoder}")

    with mpl.rc_context(STYLE):
        return _panels(scores, layers, draw, "layer", note)


def plot_by_region(scores: pd.DataFrame, layers: Sequence[str], note: str) -> Figure:
    """Plot three scores by region: one line per layer and decoder, without the controls.

    Parameters are those of `plot_by_layer`.
    """
    shown = scores[~scores["permuted"].astype(bool)]
    rois = list(dict.fromkeys(shown["roi"]))
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.92, len(layers)))
    styles = dict(zip(dict.fromkeys(shown["decoder"]), ("-", ":", "-.", "--"), strict=False))

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        for layer, colour in zip(layers, colours, strict=True):
            of_layer = rows[rows["layer"] == layer]
            for decoder, lines in of_layer.groupby("decoder", sort=False):
                name = f"{layer} {decoder}" if len(styles) > 1 else layer
                style = {"color": colour, "linestyle": styles.get(decoder, "-"), "label": name}
                _draw(axis, lines, "roi", rois, **style)

    with mpl.rc_context(STYLE):
        return _panels(shown, rois, draw, "region", note)


def plot_repetitions(repetitions: pd.DataFrame, note: str) -> Figure:
    """Plot profile correlation against the number of averaged samples.

    Each line is the mean over layers for a region and a decoder. The noise ceiling is dotted.

    Parameters
    ----------
    repetitions : tidy table, columns subject, roi, decoder, permuted, set, layer, n_repetitions,
        metric, value, ceiling
    note : text below the plot
    """
    of_profiles = repetitions["metric"] == "profile_correlation"
    shown = repetitions[of_profiles & repetitions["value"].notna()]  # undefined for a single image
    sets = list(dict.fromkeys(shown["set"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(sets) + 2.0, 3.4), layout="constrained")
        if not sets:
            why = "no decoder was\ntrained here" if repetitions.empty else "no set has\ntwo images"
            figure.text(0.5, 0.5, why, ha="center")
            return figure
        axes = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
        for axis, name in zip(axes, sets, strict=True):
            rows = shown[shown["set"] == name]
            groups = rows.groupby(["roi", "decoder"], sort=False)
            for ((roi, decoder), lines), colour in zip(groups, COLOURS * 9, strict=False):
                means = lines.groupby("n_repetitions")[["value", "ceiling"]].mean()
                control = bool(lines["permuted"].iloc[0])
                style = "--" if control else "-"
                axis.plot(
                    means.index, means["value"], style, marker="o", markersize=3.5,
                    color=colour, label=f"{roi} {decoder}",
                )  # fmt: skip
                if not control:
                    axis.plot(means.index, means["ceiling"], ":", color=colour, linewidth=1)
            axis.axhline(0, color="0.7", linewidth=0.8, zorder=0)
            counts = sorted(rows["n_repetitions"].unique())
            axis.set_xscale("log", base=2)
            axis.set_xticks(counts, [f"{n}" for n in counts])
            axis.set_title(name)
        axes[0].set_ylabel(METRICS["profile_correlation"])
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
        figure.supxlabel(
            f"test samples averaged (dotted: noise ceiling); mean over layers. {note}", fontsize=9
        )
    return figure
