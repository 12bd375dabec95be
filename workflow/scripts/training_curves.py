"""Put the curves of all decoders into one table and one figure."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.decode.tables import joined, write_table
from deeprecon.report.training_plot import plot_training

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    table = joined(snakemake.input.tables)
    write_table(snakemake.output.table, table)
    with replacing(snakemake.output.figure) as temporary:
        note = "Simulated brain data." if snakemake.params.simulated else ""
        plot_training(table, note).savefig(temporary, dpi=110, metadata={"Software": None})
