"""Plot decoding accuracy and two-way identification."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.evaluate.table import read_scores
from deeprecon.report.decoding_plots import plot_by_layer, plot_by_region, plot_repetitions
from deeprecon.report.identification_plot import plot_identification
from deeprecon.report.style import save_figure
from deeprecon.tables import read_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, output, params = snakemake.input, snakemake.output, snakemake.params
    note = "Simulated brain data." if params.simulated else ""
    decoding, repetitions = read_table(files.decoding), read_table(files.repetitions)
    scores = read_scores(files.scores)
    save_figure(output.layers, plot_by_layer(decoding, params.layers, note))
    save_figure(output.regions, plot_by_region(decoding, params.layers, note))
    save_figure(output.repetitions, plot_repetitions(repetitions, note))
    save_figure(output.identification, plot_identification(scores, note, params.published))
