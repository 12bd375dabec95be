"""Put the scores of all decoders into one table of each kind."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.tables import REPETITION_COLUMNS, joined, with_ceilings, write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, output = snakemake.input, snakemake.output
    repetitions = joined(files.repetitions, REPETITION_COLUMNS)
    write_table(output.repetitions, repetitions)
    write_table(output.scores, with_ceilings(joined(files.scores), repetitions))
    write_table(output.reliability, joined(files.reliability, ["subject", "roi", "set"]))
    write_table(output.validation, joined(files.validation, ["subject", "roi", "decoder"]))
