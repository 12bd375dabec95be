"""Plot decoding accuracy and identification."""

from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.atomic import replacing
from deeprecon.report.plots import plot_decoding, plot_identification

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    note = "Simulated brain data." if snakemake.params.simulated else ""
    decoding = pd.concat([pd.read_csv(path, sep="\t") for path in snakemake.input.decoding])
    scores = pd.read_csv(snakemake.input.scores, sep="\t", dtype={"stimulus_id": str})
    figures = {
        snakemake.output.decoding: plot_decoding(decoding, snakemake.params.layers, note),
        snakemake.output.identification: plot_identification(scores, note),
    }
    for path, figure in figures.items():
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=110, metadata={"Software": None})
