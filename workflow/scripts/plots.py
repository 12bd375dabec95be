"""Plot decoding accuracy and identification."""

from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.atomic import replacing
from deeprecon.evaluate.table import read_scores
from deeprecon.report.decoding_plots import plot_by_layer, plot_by_region, plot_repetitions
from deeprecon.report.plots import plot_identification

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    output, layers = snakemake.output, snakemake.params.layers
    note = "Simulated brain data." if snakemake.params.simulated else ""
    decoding = pd.read_csv(snakemake.input.decoding, sep="\t")
    repetitions = pd.read_csv(snakemake.input.repetitions, sep="\t")
    scores = read_scores(snakemake.input.scores)
    figures = {
        output.layers: plot_by_layer(decoding, layers, note),
        output.regions: plot_by_region(decoding, layers, note),
        output.repetitions: plot_repetitions(repetitions, note),
        output.identification: plot_identification(scores, note, snakemake.params.published),
    }
    for path, figure in figures.items():
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=110, metadata={"Software": None})
