"""Plot of decoding accuracy against the number of training samples."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from deeprecon.report.decoding_plots import METRICS
from deeprecon.report.style import COLOURS, STYLE

_METRIC = "profile_correlation"


def plot_training(curves: pd.DataFrame, note: str) -> Figure:
    """Plot profile correlation against the number of training samples.

    Parameters
    ----------
    curves : tidy table, columns subject, roi, decoder, set, layer, n_images, n_samples, metric,
        value
    note : text below the plot

    Returns
    -------
    Figure with one panel per set; lines are means over layers and subjects for region and decoder
    """
    shown = curves[curves["metric"] == _METRIC]
    sets = list(dict.fromkeys(shown["set"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(sets) + 2.0, 3.4), layout="constrained")
        axes = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
        for axis, name in zip(axes, sets, strict=True):
            lines = shown[shown["set"] == name].groupby(["roi", "decoder"], sort=False)
            for ((roi, decoder), rows), colour in zip(lines, COLOURS * 9, strict=False):
                means = rows.groupby("n_samples")["value"].mean()
                label = f"{roi} {decoder}"
                axis.plot(means.index, means, "-o", markersize=3.5, color=colour, label=label)
            counts = sorted(shown["n_samples"].unique())
            axis.axhline(0, color="0.7", linewidth=0.8, zorder=0)
            axis.set_xscale("log", base=2)
            axis.set_xticks(counts, [f"{n}" for n in counts], fontsize=8)
            axis.minorticks_off()
            axis.set_title(name)
        axes[0].set_ylabel(METRICS[_METRIC])
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
        figure.supxlabel(f"training samples; mean over layers. {note}", fontsize=9)
    return figure
