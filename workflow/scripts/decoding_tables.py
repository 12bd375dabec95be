"""Join the score tables of all decoders."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.tables import REPETITION_COLUMNS, with_ceilings
from deeprecon.tables import read_tables, write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, output = snakemake.input, snakemake.output
    repetitions = read_tables(files.repetitions, REPETITION_COLUMNS)
    tables = {
        output.repetitions: repetitions,
        output.scores: with_ceilings(read_tables(files.scores), repetitions),
        output.reliability: read_tables(files.reliability, ["subject", "roi", "set"]),
        output.validation: read_tables(files.validation, ["subject", "roi", "decoder"]),
    }
    for path, table in tables.items():
        write_table(path, table, digits=None)
