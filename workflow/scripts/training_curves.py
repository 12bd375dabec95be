"""Join the training curves of all decoders in a table and a figure."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.report.training_plot import plot_training
from deeprecon.tables import read_tables, write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    table = read_tables(snakemake.input.tables)
    write_table(snakemake.output.table, table, digits=None)
    with replacing(snakemake.output.figure) as temporary:
        note = "Simulated brain data." if snakemake.params.simulated else ""
        plot_training(table, note).savefig(temporary, dpi=110, metadata={"Software": None})
