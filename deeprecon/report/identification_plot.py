"""Plot of two-way identification with its references: control, retrieval, true features."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deeprecon.evaluate.table import KEYS, RECONSTRUCTION
from deeprecon.report.style import COLOURS, STYLE


def plot_identification(
    scores: pd.DataFrame, note: str, published: Mapping[str, Mapping[str, float]] | None = None
) -> Figure:
    """Plot two-way identification by pixels: bars with intervals, and marks for the references.

    Parameters
    ----------
    scores : scores of all methods, see `evaluate.table`
    note : text below the plot
    published : stimulus set -> source -> published value, drawn as a line

    Returns
    -------
    Figure with one panel for each stimulus set
    """
    of_pixels = (scores["metric"] == "pixel_identification") & (scores["direction"] == "recon")
    shown = scores[of_pixels & (scores["condition"] == RECONSTRUCTION)]
    nearest = scores[of_pixels & (scores["condition"] == "nearest_training")].set_index([*KEYS])
    sets = list(dict.fromkeys(shown["set"]))
    with mpl.rc_context(STYLE):
        bars = [int((shown["set"] == name).sum()) for name in sets]
        width = 0.5 * sum(bars) + 0.4 * len(sets) + 2.2  # inches
        figure = Figure(figsize=(width, 4.2), layout="constrained")
        if not sets:
            figure.text(0.5, 0.5, "no set has\ntwo images", ha="center")
            return figure
        axes = figure.subplots(1, len(sets), sharey=True, squeeze=False, width_ratios=bars)[0]
        for axis, name in zip(axes, sets, strict=True):
            part = shown[shown["set"] == name].reset_index(drop=True)
            at = np.arange(len(part))
            low = (part["value"] - part["ci_low"]).clip(lower=0)
            high = (part["ci_high"] - part["value"]).clip(lower=0)
            retrieved = nearest["value"].reindex(pd.MultiIndex.from_frame(part[[*KEYS]]))
            axis.bar(at, part["value"], color=COLOURS[0], width=0.7)
            axis.errorbar(at, part["value"], [low, high], fmt="none", color="0.2", capsize=3)
            for values, colour, name_of in (
                (part["true_features"], COLOURS[2], "ceiling"),
                (retrieved, COLOURS[4], "nearest\ntraining"),
                (part["permuted_control"], COLOURS[1], "floor"),
            ):
                axis.plot(at, values, "_", color=colour, markersize=18, label=name_of)
            axis.axhline(0.5, color="0.4", linewidth=0.8, linestyle=":", label="chance")
            for source, value in (published or {}).get(name, {}).items():
                axis.axhline(value, color=COLOURS[3], linewidth=1, label=source)
            labels = part["roi"] + "\n" + part["method"].str.replace("_", "\n")
            axis.set_xticks(at, list(labels), fontsize=8)
            axis.set_title(f"{name} (n = {part['n'].iloc[0]})")
        axes[0].set_ylim(0, 1.05)
        axes[0].set_ylabel("pixel two-way identification")
        axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.supxlabel(
            "bars: mean over images with bootstrap 95 % interval; floor: decoders trained on "
            "permuted labels; nearest training: the training image nearest in decoded features "
            f"instead of a reconstruction; ceiling: true features. {note}",
            fontsize=8,
            wrap=True,
        )
    return figure
